"""A notification: what somebody is owed about a load or an incident, and when it is tried."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from alumniq_pipelines.core.loads.load import JobId

RETRY_DELAYS = tuple(
    timedelta(seconds=seconds)
    for seconds in (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""Waits before each delivery attempt: 75 hours in all, after Standard Webhooks' suggestion."""

MAIL_DELAYS = tuple(
    timedelta(seconds=seconds)
    for seconds in (0, 60, 300, 900, 3_600, 7_200, 14_400, 28_800, 31_140)
)
"""A day in all: mail servers queue themselves, and later than that a mail helps nobody."""

HEARTBEAT_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (0, 5, 25, 90, 180))
"""A heartbeat says that something happened now: after five minutes it would be a lie."""

MAX_RETRY_AFTER = timedelta(days=1)
"""A receiver may ask for time (`Retry-After`), but not for ever."""

JITTER = 0.1
"""By how much of itself a wait may grow, so that one outage's backlog does not return at once."""


class Channel(StrEnum):
    """How somebody is told."""

    CALLBACK = "callback"
    MAIL = "mail"
    CHAT = "chat"
    HEARTBEAT = "heartbeat"


class Audience(StrEnum):
    """Whom a notification is for: who may see it, and have it sent again.

    STAFF and MONITOR are the installation's own: neither an address of staff nor the URL of a
    monitor is ever shown to a customer. Staff see everything.
    """

    CUSTOMER = "customer"
    STAFF = "staff"
    MONITOR = "monitor"


EVERYBODY = frozenset(Audience)
"""All audiences: what staff see."""


class NotificationState(StrEnum):
    """Where a notification is; the last two are final."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given-up"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to be sent, complete: the same bytes go out at every attempt.

    `destination` is a URL (callback, heartbeat), one address (mail) or `staff` (chat, whose URL is
    a secret). `body` is JSON (callback, chat), a mail's text or nothing (heartbeat); only mail has
    a `subject`. Whoever writes a notice says whom it is for: there is no usual `audience`.
    """

    channel: Channel
    destination: str
    body: str
    subject: str = ""
    audience: Audience = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Notification:
    """A notice as the ledger keeps it; `id` is stable over all delivery attempts.

    It is about a load or about an incident. Until `leased_until` somebody is sending it and nobody
    else will.
    """

    id: str
    job_id: JobId | None
    notice: Notice
    state: NotificationState
    attempts: int
    created_at: datetime
    next_attempt_at: datetime
    leased_until: datetime | None = None
    incident_id: int | None = None


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """How one delivery attempt went; `detail` is ours to show (status code, class of error).

    `retry_after` is the time that the receiver asked for.
    """

    delivered: bool
    detail: str
    permanent: bool = False
    retry_after: timedelta | None = None


def retry_delays(channel: Channel) -> tuple[timedelta, ...]:
    """Answer the waits before each delivery attempt of a channel."""
    match channel:
        case Channel.CALLBACK | Channel.CHAT:
            return RETRY_DELAYS
        case Channel.MAIL:
            return MAIL_DELAYS
        case Channel.HEARTBEAT:
            return HEARTBEAT_DELAYS
    assert_never(channel)


def channel_name(channel: Channel) -> str:
    """Return what people call a channel."""
    match channel:
        case Channel.CALLBACK:
            return "Callback"
        case Channel.MAIL:
            return "Email"
        case Channel.CHAT:
            return "Staff chat"
        case Channel.HEARTBEAT:
            return "Heartbeat"
    assert_never(channel)


def recipient(notice: Notice) -> str:
    """Return where a notice goes, for people: its channel by name, and the destination."""
    name = channel_name(notice.channel)
    # A chat message goes to the one chat that the settings name: its destination says nothing more.
    return name if notice.channel is Channel.CHAT else f"{name} to {notice.destination}"


def next_attempt_at(
    notification_id: str,
    attempts: int,
    now: datetime,
    channel: Channel = Channel.CALLBACK,
    retry_after: timedelta | None = None,
) -> datetime | None:
    """Answer when to try again after `attempts` failed tries; None where the schedule is over.

    No earlier than the receiver asked for. The jitter comes from the id and the attempt: spread
    over notifications, the same when asked again.
    """
    delays = retry_delays(channel)
    if attempts >= len(delays):
        return None
    jitter = hashlib.sha256(f"{notification_id} {attempts}".encode()).digest()[0] / 255
    wait = max(delays[attempts], min(retry_after or timedelta(), MAX_RETRY_AFTER))
    return now + wait * (1 + JITTER * jitter)
