"""Mail: one message to one address, by SMTP or into a folder."""

import asyncio
import functools
import smtplib
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Literal, Protocol, assert_never

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from alumniq_pipelines.core.notifications.notification import DeliveryResult, Notification
from alumniq_pipelines.core.notifications.text import parse_paragraphs
from alumniq_pipelines.files.private_files import create_file, make_folder

TIMEOUT_SECONDS = 10.0
"""The time limit of each step of a conversation with the mail server."""
PERMANENT_FROM = 500
"""SMTP reply codes from here on are permanent: trying again is pointless."""

SMTP_POLICY = SMTP.clone(cte_type="7bit")
"""Seven bits pass every server."""


class MailTransport(Protocol):
    """A way to send mail."""

    def send(self, name: str, message: EmailMessage) -> DeliveryResult:
        """Send a message once; `name` is the same at every attempt."""
        ...


@dataclass(frozen=True)
class FolderTransport:
    """Writes mail to `.eml` files, which every mail reader opens."""

    folder: Path

    def send(self, name: str, message: EmailMessage) -> DeliveryResult:
        """Write the file atomically; sending a message again replaces its file."""
        final = self.folder / f"{name}.eml"
        part = final.with_suffix(".part")
        try:
            make_folder(self.folder)
            with create_file(part) as file:
                file.write(message.as_bytes())
            part.replace(final)
        except OSError as error:
            return DeliveryResult(delivered=False, detail=type(error).__name__)
        return DeliveryResult(delivered=True, detail="saved as a file")


@dataclass(frozen=True)
class SmtpTransport:
    """Sends mail by an SMTP server."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None

    def send(self, name: str, message: EmailMessage) -> DeliveryResult:
        """Send a message; only a refusal of the address itself is permanent."""
        del name
        try:
            with self._connection() as server:
                if self.username is not None:
                    server.login(self.username, self.password or "")
                server.send_message(message)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            # ValueError: smtplib decodes a server's login challenge, which may not be base64.
            return _failure(error)
        return DeliveryResult(delivered=True, detail="SMTP 250")

    def _connection(self) -> smtplib.SMTP:
        tls = self.tls or ssl.create_default_context()
        match self.security:
            case "tls":
                return smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_SECONDS, context=tls)
            case "none":
                return smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_SECONDS)
            case "starttls":
                server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_SECONDS)
                try:
                    server.starttls(context=tls)
                except (smtplib.SMTPException, OSError):
                    server.close()
                    raise
                return server
        assert_never(self.security)


def _failure(error: smtplib.SMTPException | OSError | ValueError) -> DeliveryResult:
    """Return the result of a failed attempt; what the server wrote is not repeated."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            code = max(code for code, _ in error.recipients.values())
            return DeliveryResult(
                delivered=False, detail=f"SMTP {code}", permanent=code >= PERMANENT_FROM
            )
        case smtplib.SMTPResponseException():
            return DeliveryResult(delivered=False, detail=f"SMTP {error.smtp_code}")
        case _:
            return DeliveryResult(delivered=False, detail=type(error).__name__)


@dataclass(frozen=True)
class MailNotifier:
    """Formats a notice as a mail and sends it."""

    transport: MailTransport
    sender: str

    async def deliver(self, notification: Notification) -> DeliveryResult:
        """Send one mail; an address that would break out of its header is a permanent failure."""
        try:
            message = build_message(notification, self.sender)
        except ValueError as error:  # the email package refuses line ends in headers
            return DeliveryResult(delivered=False, detail=type(error).__name__, permanent=True)
        return await asyncio.to_thread(self.transport.send, notification.id, message)


def build_message(notification: Notification, sender: str) -> EmailMessage:
    """Return the message: the same id and text at every attempt, so mail readers show it once.

    Raises ValueError if the address would break out of its header.
    """
    notice = notification.notice
    message = EmailMessage(policy=SMTP_POLICY)
    message["From"] = sender
    message["To"] = notice.destination
    message["Subject"] = notice.subject
    message["Date"] = format_datetime(datetime.now(UTC))
    domain = parseaddr(sender)[1].rpartition("@")[2]
    message["Message-ID"] = f"<{notification.id}@{domain}>"
    message["List-Id"] = f"Outcomes of loads <loads.{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(notice.body)
    paragraphs = parse_paragraphs(notice.body)
    html = _template().render(subject=notice.subject, paragraphs=paragraphs)
    message.add_alternative(html, subtype="html")
    return message


@functools.cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("mail.html")
