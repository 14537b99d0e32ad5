"""A notification: what somebody is owed about a load or an incident, and when it is tried."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from alumniq_pipelines.core.load import JobId

RETRY_DELAYS = tuple(
    timedelta(seconds=seconds)
    for seconds in (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""Waits before each delivery attempt: 75 hours in all, after Standard Webhooks' suggestion."""

HEARTBEAT_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (0, 5, 25, 90, 180))
"""A heartbeat says that something happened now: after five minutes it would be a lie."""

JITTER = 0.1
"""By how much of itself a wait may grow, so that one outage's backlog does not return at once."""


class Channel(StrEnum):
    """How somebody is told."""

    CALLBACK = "callback"
    MAIL = "mail"
    CHAT = "chat"
    HEARTBEAT = "heartbeat"


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
    a `subject`.
    """

    channel: Channel
    destination: str
    body: str
    subject: str = ""


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
    """How one delivery attempt went; `detail` is ours to show (status code, class of error)."""

    delivered: bool
    detail: str
    permanent: bool = False


def next_attempt_at(
    notification_id: str, attempts: int, now: datetime, channel: Channel = Channel.CALLBACK
) -> datetime | None:
    """Answer when to try again after `attempts` failed tries; None where the schedule is over.

    The jitter comes from the id and the attempt: spread over notifications, the same when asked
    again.
    """
    delays = HEARTBEAT_DELAYS if channel is Channel.HEARTBEAT else RETRY_DELAYS
    if attempts >= len(delays):
        return None
    spread = hashlib.sha256(f"{notification_id} {attempts}".encode()).digest()[0] / 255
    return now + delays[attempts] * (1 + JITTER * spread)
