"""An incident: something staff are notified of twice, when it is opened and when it is closed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from alumniq_pipelines.core.loads.target import Target


class Kind(StrEnum):
    """What an incident is about; the first four are the kinds of missed delivery."""

    NO_FILE = "no-file"
    NOT_REQUESTED = "no-post"
    NO_OUTCOME = "no-outcome"
    FAILING = "failing"
    LOAD_STUCK = "load-stuck"
    ATTEMPTS_EXHAUSTED = "attempts-exhausted"
    UNDELIVERED = "undelivered"
    BUCKET_UNAVAILABLE = "bucket-away"
    MAIL_UNAVAILABLE = "mail-away"
    QUEUE_STUCK = "queue-stuck"
    LAUNCHES_FAILING = "launches-failing"
    KEY_EXPIRING = "key-expiring"
    KEY_MADE = "key-made"
    FIELD_MAP_BROKEN = "field-map-broken"


GRACE_PERIODS = {
    Kind.BUCKET_UNAVAILABLE: timedelta(minutes=5),
    Kind.MAIL_UNAVAILABLE: timedelta(minutes=3),
    Kind.QUEUE_STUCK: timedelta(minutes=5),
}
"""How long it must last before staff are notified; other kinds have waited long enough already."""

NOTIFIED_WITH_OUTCOME = frozenset({Kind.ATTEMPTS_EXHAUSTED})
"""Staff are notified of these with the load's outcome: the incident announces only their end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What is wrong now, in words for staff; `key` identifies what it is about.

    A condition of one key is one incident, from when it is first found until it is no longer found.
    """

    key: str
    kind: Kind
    title: str
    detail: str
    advice: str = ""
    target: Target | None = None


class Resolution(StrEnum):
    """How an incident ended: it passed, or no longer matters, as when its watch is snoozed."""

    RECOVERED = "recovered"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """A condition as the ledger stores it. `told_at` is None until staff are notified of it."""

    id: int
    condition: Condition
    opened_at: datetime
    told_at: datetime | None = None
    closed_at: datetime | None = None
    resolution: Resolution | None = None

    def is_notification_due(self, now: datetime) -> bool:
        """Whether it has lasted long enough for staff to be notified now."""
        grace_period = GRACE_PERIODS.get(self.condition.kind, timedelta())
        return self.told_at is None and now - self.opened_at >= grace_period
