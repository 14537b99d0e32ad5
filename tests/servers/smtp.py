"""A real server for tests: accepts mail on loopback, and answers otherwise on request."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

PASSWORD = "correct horse"
CLOSE = ""
"""The answer that is none: the server closes the connection."""


@dataclass
class MailServer:
    """The mail received, and the answers that differ from a friendly server's.

    `answers` are by command: GREETING, AUTH, MAIL, RCPT, DATA (after the final dot) and QUIT.
    `refused` are answers to single recipients, `down` is one to all mail after the final dot.
    `before_answer` is called when a mail is complete, and keeps its answer waiting.
    """

    port: int
    received: list[EmailMessage] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    down: str = ""
    before_answer: Callable[[EmailMessage], None] = lambda _: None
    connections: set[SMTP] = field(default_factory=set)
    waiting: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(64))

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept a sender unless another answer is set."""
        self.names.append(session.host_name)
        if "MAIL" not in self.answers:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return self._answer("MAIL", server)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept a recipient unless it is refused."""
        del session, options
        if address in self.refused:
            return self.refused[address]
        if "RCPT" not in self.answers:
            envelope.rcpt_tos.append(address)
        return self._answer("RCPT", server)

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Session, envelope: Envelope
    ) -> str:
        """Store a mail as Python's email package reads it."""
        del session
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.default)
        if self.down:
            return self.down
        self.received.append(message)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self.waiting, self.before_answer, message)
        return self._answer("DATA", server)

    async def handle_QUIT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Session, envelope: Envelope
    ) -> str:
        """Say goodbye."""
        del session, envelope
        return self._answer("QUIT", server, "221 Bye")

    def authenticate(
        self, server: object, session: object, envelope: object, mechanism: str, data: object
    ) -> AuthResult:
        """Accept the password, unless another answer is set."""
        del server, session, envelope, mechanism
        right = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
        answer = self.answers.get("AUTH")
        return AuthResult(success=right and not answer, handled=False, message=answer)

    def _answer(self, command: str, server: Any, friendly: str = "250 OK") -> str:
        answer = self.answers.get(command, friendly)
        if answer == CLOSE:
            server.transport.abort()
        return answer


class _Smtp(SMTP):
    """aiosmtpd, with another greeting if one is set."""

    has_greeted = False

    def connection_made(self, transport: Any) -> None:
        """Count the connection; called once more for STARTTLS."""
        self.event_handler.connections.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Count it no more."""
        super().connection_lost(error)
        self.event_handler.connections.discard(self)

    async def push(self, status: Any) -> None:
        """Send an answer."""
        if not self.has_greeted:
            status = self.event_handler.answers.get("GREETING", status)
            self.has_greeted = True
        await super().push(status)


class _Controller(Controller):
    def factory(self) -> SMTP:
        """Return the protocol of one connection."""
        return _Smtp(self.handler, **self.SMTP_kwargs)


@contextmanager
def serve_mail(
    context: ssl.SSLContext | None = None, *, login: bool = True, **options: Any
) -> Iterator[MailServer]:
    """Run a mail server on a free port of loopback.

    With a context it requires STARTTLS, and a login unless that is False; `options` are aiosmtpd's.
    """
    server = MailServer(_free_port())
    if context is not None:
        options |= {"tls_context": context, "require_starttls": True, "auth_required": login}
    options["authenticator"] = server.authenticate
    controller = _Controller(server, hostname="127.0.0.1", port=server.port, **options)
    controller.start()
    try:
        yield server
    finally:
        # The server hears a little later than the client that a connection has ended.
        deadline = time.monotonic() + 5
        while server.connections and time.monotonic() < deadline:
            time.sleep(0.01)
        controller.stop()
        server.waiting.shutdown(wait=False)


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """A mail server without TLS or login."""
    with serve_mail() as running:
        yield running


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
