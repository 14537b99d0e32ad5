"""Staff: the channels on which an installation's own people are told, each through the outbox."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alumniq_pipelines.core.duration import duration_text
from alumniq_pipelines.core.incident import Incident
from alumniq_pipelines.core.notification import Audience, Channel, Notice

CHAT = "staff"
"""The destination of chat messages: where that is, the settings know; the URL is a secret."""
MOST_CHAT_CHARACTERS = 8_000
MOST_LISTED = 50


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


NOBODY = Staff()


def opened_notices(incidents: Sequence[Incident], staff: Staff) -> tuple[Notice, ...]:
    """Tell of new incidents: one by itself in full, several as one list."""
    if not incidents:
        return ()
    if len(incidents) > 1:
        lines = [_line(each) for each in incidents]
        return staff.notices(f"{len(incidents)} alarms", _list("What was noticed", lines))
    [incident] = incidents
    condition = incident.condition
    advice = f"What to do: {condition.advice}" if condition.advice else ""
    since = f"Noticed: {_utc(incident.opened_at)}"
    return staff.notices(condition.title, _paragraphs(condition.detail, advice, since))


def closed_notices(incidents: Sequence[Incident], staff: Staff) -> tuple[Notice, ...]:
    """Tell that incidents are over, and how long each lasted."""
    if not incidents:
        return ()
    lines = [f"{each.condition.title}: over after {_length(each)}" for each in incidents]
    if len(incidents) > 1:
        return staff.notices(f"{len(incidents)} alarms are over", _list("What is over", lines))
    [incident] = incidents
    times = f"Noticed: {_utc(incident.opened_at)}\nOver: {_utc(incident.closed_at)}"
    return staff.notices(f"over: {incident.condition.title}", _paragraphs(f"{lines[0]}.", times))


def chat_body(subject: str, text: str) -> str:
    """Write a message as Slack, Mattermost, Rocket.Chat and others take it."""
    message = f"*{subject}*\n{text.strip()}"
    escaped = message.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return json.dumps({"text": escaped[:MOST_CHAT_CHARACTERS]})


def _length(incident: Incident) -> str:
    lasted = (incident.closed_at or incident.opened_at) - incident.opened_at
    return duration_text(max(lasted, timedelta()))  # clocks may be set back meanwhile


def _line(incident: Incident) -> str:
    return f"{incident.condition.title}. {incident.condition.detail}"


def _utc(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def _list(heading: str, lines: Sequence[str]) -> str:
    left_out = len(lines) - MOST_LISTED
    more = [f"- and {left_out} more: alumniq watch incidents"] if left_out > 0 else []
    shown = [f"- {' '.join(line.split())}" for line in lines[:MOST_LISTED]]
    return "\n".join((f"{heading}:", *shown, *more)) + "\n"


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"
