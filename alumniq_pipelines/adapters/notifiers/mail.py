"""Mail: one message to one address, by SMTP or into a folder."""

import asyncio
import functools
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from alumniq_pipelines.adapters.notifiers.smtp import SMTP_POLICY
from alumniq_pipelines.core.notifications.failure_cause import FailureCause
from alumniq_pipelines.core.notifications.notification import DeliveryResult, Notification
from alumniq_pipelines.core.notifications.text import parse_paragraphs
from alumniq_pipelines.files.private_files import create_file, make_folder


class MailTransport(Protocol):
    """A way to send mail."""

    async def send(self, name: str, message: EmailMessage) -> DeliveryResult:
        """Send a message once; `name` is the same at every attempt."""
        ...


@dataclass(frozen=True)
class FolderTransport:
    """Writes mail to `.eml` files, which every mail reader opens."""

    folder: Path

    async def send(self, name: str, message: EmailMessage) -> DeliveryResult:
        """Write the file atomically; sending a message again replaces its file."""
        return await asyncio.to_thread(self._write, name, message)

    def _write(self, name: str, message: EmailMessage) -> DeliveryResult:
        final = self.folder / f"{name}.eml"
        part = final.with_suffix(".part")
        try:
            make_folder(self.folder)
            with create_file(part) as file:
                file.write(message.as_bytes())
            part.replace(final)
        except OSError as error:
            detail = f"No mail can be saved ({type(error).__name__})."
            return DeliveryResult(delivered=False, detail=detail, cause=FailureCause.CHANNEL)
        return DeliveryResult(delivered=True, detail="saved as a file")


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
        return await self.transport.send(notification.id, message)


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
