"""Staff: the recipients among an installation's own people, each notified through the outbox.

To add a channel for staff, name it in `StaffChannel`; mypy then asks how a message is written for
it here, and which setting holds its recipients in `wiring.py`.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, assert_never, get_args

from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    Notice,
    channel_facts,
)
from alumniq_pipelines.core.notifications.teams_card import card_body

StaffChannel = Literal[Channel.MAIL, Channel.CHAT, Channel.TEAMS]
"""The channels on which staff can be notified."""
STAFF_CHANNELS: tuple[StaffChannel, ...] = get_args(StaffChannel)

SECRET_DESTINATION = "staff"  # noqa: S105 - stands for a secret and is none
"""The destination where the settings hold the URL: that is a secret, which no ledger stores."""
MAX_CHAT_CHARACTERS = 8_000


@dataclass(frozen=True, slots=True)
class StaffRecipient:
    """One mailbox or chat of staff."""

    channel: StaffChannel
    destination: str

    def notice(self, subject: str, text: str) -> Notice:
        """Write a message for this recipient."""
        return Notice(
            channel=self.channel,
            destination=self.destination,
            body=message_body(self.channel, subject, text),
            subject=f"Staff: {subject}" if channel_facts(self.channel).has_subject else "",
            audience=Audience.STAFF,
        )


@dataclass(frozen=True, slots=True)
class Staff:
    """Who among staff is notified; nobody where there is no recipient."""

    recipients: tuple[StaffRecipient, ...] = ()

    def notices(self, subject: str, text: str) -> tuple[Notice, ...]:
        """Write the same to everybody; `text` is in the layout of `text.py`."""
        return tuple(recipient.notice(subject, text) for recipient in self.recipients)


NO_STAFF = Staff()
STAFF_CHAT = StaffRecipient(Channel.CHAT, SECRET_DESTINATION)
STAFF_TEAMS = StaffRecipient(Channel.TEAMS, SECRET_DESTINATION)


def mail_recipients(addresses: Iterable[str]) -> tuple[StaffRecipient, ...]:
    """Return a recipient for each address."""
    return tuple(StaffRecipient(Channel.MAIL, address) for address in addresses)


def message_body(channel: StaffChannel, subject: str, text: str) -> str:
    """Write a message as the channel takes it."""
    match channel:
        case Channel.MAIL:
            return text  # the subject is a header; the HTML part is made when the mail is sent
        case Channel.CHAT:
            return chat_body(subject, text)
        case Channel.TEAMS:
            return card_body(subject, text)
    assert_never(channel)


def chat_body(subject: str, text: str) -> str:
    """Write a message as Slack, Mattermost, Rocket.Chat and others take it."""
    message = f"*{subject}*\n{text.strip()}"
    escaped = message.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return json.dumps({"text": escaped[:MAX_CHAT_CHARACTERS]})
