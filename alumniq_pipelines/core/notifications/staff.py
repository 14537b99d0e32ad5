"""Staff: the channels on which an installation's own people are told, each through the outbox."""

import json
from dataclasses import dataclass

from alumniq_pipelines.core.notifications.notification import Audience, Channel, Notice

CHAT = "staff"
"""The destination of chat messages: where that is, the settings know; the URL is a secret."""
MAX_CHAT_CHARACTERS = 8_000


@dataclass(frozen=True, slots=True)
class Staff:
    """How staff are told: by mail, in a chat, both or not at all."""

    emails: tuple[str, ...] = ()
    has_chat: bool = False

    def notices(self, subject: str, text: str) -> tuple[Notice, ...]:
        """Write the same to everybody; `text` is laid out as core/notices.py says."""
        mails = [
            Notice(Channel.MAIL, address, text, f"Staff: {subject}", audience=Audience.STAFF)
            for address in self.emails
        ]
        if not self.has_chat:
            return tuple(mails)
        chat = Notice(Channel.CHAT, CHAT, chat_body(subject, text), audience=Audience.STAFF)
        return (*mails, chat)


NO_STAFF = Staff()


def chat_body(subject: str, text: str) -> str:
    """Write a message as Slack, Mattermost, Rocket.Chat and others take it."""
    message = f"*{subject}*\n{text.strip()}"
    escaped = message.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return json.dumps({"text": escaped[:MAX_CHAT_CHARACTERS]})
