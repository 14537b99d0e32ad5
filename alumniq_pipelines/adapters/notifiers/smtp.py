"""Sending a mail by SMTP, and what each answer of the server means for the notification.

aiosmtplib does the protocol; its phases are called one by one, since what a failure means depends
on the phase. Until our sender address is accepted, it is about us and never about the recipient.
The mail is delivered once the server answers the end of its content with 2xx: how it then answers
QUIT changes nothing.
"""

import asyncio
import functools
import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP as MAIL_POLICY
from typing import Literal

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from alumniq_pipelines.core.notifications.failure_cause import FailureCause
from alumniq_pipelines.core.notifications.notification import (
    UNANSWERED_RETRY_DELAY,
    DeliveryResult,
)

SMTP_POLICY = MAIL_POLICY.clone(cte_type="7bit")
"""Seven bits pass every server."""

SUCCESS = range(200, 300)
PERMANENT = range(500, 600)
"""Reply codes: trying again is pointless."""
LOGIN_CODES = frozenset({503, 530, 534, 535, 538})
"""What a server answers at any time if it wants a login, another login, or TLS first."""
TOO_LARGE = 552
MAY_BE_ABOUT_US = re.compile(
    r"(?!.*gr[ae]y)(.*\b5\.[57]\.\d|.*\b[45]\.1\.[78]\b|.*\b(relay|helo|ehlo|sender|client host))",
    re.IGNORECASE | re.DOTALL,
)
"""A refusal of a recipient that may be one of all mail of ours: by RFC 3463 of the protocol, policy
or sender, or by the words of Postfix, Exim and others, which look at the name in our EHLO, our
address and our sender only now. A greylist takes the mail later, and is no fault.
"""
HOST_NAME = re.compile(
    r"(?=.*[a-z])[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+", re.IGNORECASE
)
"""A full name as servers demand it in EHLO: without an underscore, such as Docker has."""
NOBODY = "nobody@example.com"
"""An address of a reserved domain (RFC 2606): whether a server takes mail for others at all."""

FAILURES = (SMTPException, OSError, ValueError)
"""What sending raises; a TimeoutError is an OSError, and a ValueError is about encodings."""

REASONS: Mapping[type[BaseException], str] = {
    ssl.SSLError: "TLS failed",
    socket.gaierror: "its name has no address",
    TimeoutError: "no answer in time",
    ConnectionRefusedError: "connection refused",
    ConnectionError: "connection closed",
    SMTPException: "not offered",
    OSError: "the network does not reach it",
}
"""What went wrong where there is no code; the first class that fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """The time limits of a conversation with the mail server, in seconds (RFC 5321, 4.5.3.2).

    `command` is for each answer until our sender address is accepted, `session` for all of these.
    The RFC allows 5 minutes for each, but nothing that could arrive twice was sent by then. A
    server that takes longer is as good as away; staff should hear of that within minutes.
    `recipient` and `content` are those of the RFC: a server may ask another one about a recipient,
    and scan the content before it answers.
    """

    command: float = 60.0
    session: float = 300.0
    recipient: float = 300.0
    content: float = 600.0
    quit: float = 5.0


@dataclass(frozen=True)
class SmtpTransport:
    """Sends mail by an SMTP server; `ehlo_name` is what we call ourselves there."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    ehlo_name: str = ""
    timeouts: Timeouts = Timeouts()

    async def send(self, name: str, message: EmailMessage) -> DeliveryResult:
        """Send a message to its one recipient, once."""
        del name
        if not (recipients := message["To"].addresses):
            return DeliveryResult(
                delivered=False, detail="This is no e-mail address.", permanent=True
            )
        recipient = recipients[0].addr_spec
        content = message.as_bytes(policy=SMTP_POLICY.clone(utf8=not recipient.isascii()))
        sender = "".join(address.addr_spec for address in message["From"].addresses[:1])
        server = await self._server()
        try:
            return (
                await self._open(server)
                or await self._introduce(server, sender, recipient, len(content))
                or await self._address(server, recipient)
                or await self._transmit(server, content)
            )
        finally:
            await self._leave(server)

    async def check(self) -> str:
        """Connect and log in without sending anything; return what failed, or an empty text."""
        server = await self._server()
        try:
            failure = await self._open(server)
        finally:
            await self._leave(server)
        return "" if failure is None else failure.detail

    async def _server(self) -> SMTP:
        return SMTP(
            hostname=self.host,
            port=self.port,
            local_hostname=self.ehlo_name or await asyncio.to_thread(own_name),
            timeout=self.timeouts.command,
            use_tls=self.security == "tls",
            start_tls=False,  # by default it would be up to the server
            tls_context=self.tls or _tls(),
        )

    async def _leave(self, server: SMTP) -> None:
        transport = server.transport
        with suppress(*FAILURES):
            await server.quit(timeout=self.timeouts.quit)
        server.close()
        if isinstance(transport, asyncio.Transport):
            transport.abort()  # does not wait for the end of TLS
            await asyncio.sleep(0)  # the loop closes the connection in its next round

    async def _open(self, server: SMTP) -> DeliveryResult | None:
        phase = "No connection to the mail server"
        try:
            async with asyncio.timeout(self.timeouts.session):
                await server.connect()
                if self.security == "starttls":
                    phase = "No encrypted connection to the mail server"
                    await server.starttls()
                if self.username is not None:
                    phase = "No login at the mail server"
                    await server.login(self.username, self.password or "")
                if server.is_ehlo_or_helo_needed:
                    await server.ehlo()
        except FAILURES as error:
            return _channel_failure(phase, error)
        return None

    async def _introduce(
        self, server: SMTP, sender: str, recipient: str, size: int
    ) -> DeliveryResult | None:
        options = [f"SIZE={size}"] if server.supports_extension("size") else []
        if not recipient.isascii():
            if not server.supports_extension("smtputf8"):
                detail = "The mail server takes no address with other than ASCII characters."
                return DeliveryResult(delivered=False, detail=detail, permanent=True)
            options.append("SMTPUTF8")
        try:
            await server.mail(sender, options=options, encoding=_encoding(recipient))
        except FAILURES as error:
            if isinstance(error, SMTPSenderRefused) and error.code == TOO_LARGE:
                return _content_refused("The mail is too large for the mail server", error.code)
            return _channel_failure("The mail server did not accept our sender address", error)
        return None

    async def _address(self, server: SMTP, recipient: str) -> DeliveryResult | None:
        limit, encoding = self.timeouts.recipient, _encoding(recipient)
        try:
            await server.rcpt(recipient, encoding=encoding, timeout=limit)
        except SMTPRecipientRefused as refused:
            if refused.code in LOGIN_CODES:
                return _channel_failure("", refused)
            permanent = refused.code in PERMANENT
            if MAY_BE_ABOUT_US.match(refused.message):
                try:  # a rule about this recipient, or about all mail of ours? The server knows
                    if await self._refuses_nobody_alike(server, refused):
                        return _channel_failure(
                            "The mail server accepts no recipient from us", refused
                        )
                except FAILURES:
                    permanent = False
            detail = f"SMTP {refused.code}"
            return DeliveryResult(delivered=False, detail=detail, permanent=permanent)
        except FAILURES as error:
            detail = f"The mail server did not answer about this recipient ({_reason(error)})."
            return DeliveryResult(delivered=False, detail=detail)
        return None

    async def _refuses_nobody_alike(self, server: SMTP, refused: SMTPRecipientRefused) -> bool:
        """Ask for a recipient whom no rule is about; no mail is sent to them."""
        try:
            await server.rcpt(NOBODY)
        except SMTPRecipientRefused as other:
            return (other.code, _words(other)) == (refused.code, _words(refused))
        return False

    async def _transmit(self, server: SMTP, content: bytes) -> DeliveryResult:
        try:
            async with asyncio.timeout(self.timeouts.content + self.timeouts.command):
                answer = await server.data(content, timeout=self.timeouts.content)
        except SMTPDataError as refused:
            code = refused.code
            if code in LOGIN_CODES:
                return _channel_failure("", refused)
            if code in PERMANENT:
                return _content_refused("The mail server refused the content of the mail", code)
            delivered = code in SUCCESS  # whatever the last two digits: the first one decides
            return DeliveryResult(delivered=delivered, detail=f"SMTP {code}")
        except FAILURES:
            return DeliveryResult(
                delivered=False,
                detail="The mail server did not confirm the mail: it may have arrived.",
                retry_after=UNANSWERED_RETRY_DELAY,
                cause=FailureCause.UNANSWERED,
            )
        return DeliveryResult(delivered=True, detail=f"SMTP {answer.code}")


def _encoding(recipient: str) -> str:
    return "ascii" if recipient.isascii() else "utf-8"


def _words(refused: SMTPRecipientRefused) -> Sequence[str]:
    """Return the words of an answer, without what differs each time: addresses, hosts, ids."""
    return [word for word in refused.message.split() if not re.search(r"[\d@]", word)]


def _content_refused(detail: str, code: int) -> DeliveryResult:
    return DeliveryResult(
        delivered=False,
        detail=f"{detail} (SMTP {code}).",
        permanent=True,
        cause=FailureCause.CONTENT,
    )


def _channel_failure(phase: str, error: Exception) -> DeliveryResult:
    if isinstance(error, SMTPResponseException) and error.code in LOGIN_CODES:
        phase = "No login at the mail server"
    return DeliveryResult(
        delivered=False, detail=f"{phase} ({_reason(error)}).", cause=FailureCause.CHANNEL
    )


def _reason(error: BaseException) -> str:
    """Return what went wrong in words of ours, never in the server's."""
    match fault := error.__cause__ or error:
        case SMTPResponseException(code=code):
            return f"SMTP {code}" if code > 0 else "an answer that is not SMTP"
        case ssl.SSLCertVerificationError(verify_message=message):
            return message.rstrip(".")  # OpenSSL's: certificate has expired ...
    return next(
        (words for kind, words in REASONS.items() if isinstance(fault, kind)), type(fault).__name__
    )


@functools.cache
def _tls() -> ssl.SSLContext:
    """Trust what the system trusts; loading it takes 20 ms, so it is done once."""
    return ssl.create_default_context()


@functools.cache
def own_name() -> str:
    """Return this machine's full name, or its address if it has none to show (RFC 5321, 4.1.4)."""
    if HOST_NAME.fullmatch(name := socket.getfqdn()):
        return name
    try:
        address = socket.gethostbyname(socket.gethostname())
    except (OSError, UnicodeError):  # UnicodeError: a name that no DNS could hold
        address = "127.0.0.1"
    return f"[{address}]"
