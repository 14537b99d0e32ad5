"""A notification: what a customer is owed about a load, and when its delivery is tried."""

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

JITTER = 0.1
"""By how much of itself a wait may grow, so that one outage's backlog does not return at once."""


class Channel(StrEnum):
    """How somebody is told."""

    CALLBACK = "callback"
    MAIL = "mail"


class NotificationState(StrEnum):
    """Where a notification is; the last two are final."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given-up"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to be sent, complete: the same bytes go out at every attempt.

    `destination` is a URL (callback) or one address (mail). `body` is the JSON of the callback,
    or the mail's text; `subject` is empty for callbacks.
    """

    channel: Channel
    destination: str
    body: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Notification:
    """A notice as the ledger keeps it; `id` is stable over all delivery attempts.

    Until `leased_until` somebody is sending it and nobody else will.
    """

    id: str
    job_id: JobId
    notice: Notice
    state: NotificationState
    attempts: int
    created_at: datetime
    next_attempt_at: datetime
    leased_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """How one delivery attempt went; `detail` is ours to show (status code, class of error)."""

    delivered: bool
    detail: str
    permanent: bool = False


def next_attempt_at(notification_id: str, attempts: int, now: datetime) -> datetime | None:
    """Answer when to try again after `attempts` failed tries; None where the schedule is over.

    The jitter comes from the id and the attempt: spread over notifications, the same when asked
    again.
    """
    if attempts >= len(RETRY_DELAYS):
        return None
    spread = hashlib.sha256(f"{notification_id} {attempts}".encode()).digest()[0] / 255
    return now + RETRY_DELAYS[attempts] * (1 + JITTER * spread)
