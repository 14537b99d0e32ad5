"""An incident: something staff must know of for as long as it lasts, told once and once over."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from alumniq_pipelines.core.loads.target import Target


class Kind(StrEnum):
    """What an incident is about; the first four are the kinds of silence."""

    NO_FILE = "no-file"
    NOT_REQUESTED = "no-post"
    NO_OUTCOME = "no-outcome"
    FAILING = "failing"
    LOAD_STUCK = "load-stuck"
    ATTEMPTS_EXHAUSTED = "attempts-exhausted"
    UNDELIVERED = "undelivered"
    BUCKET_UNAVAILABLE = "bucket-away"
    QUEUE_STUCK = "queue-stuck"
    KEY_EXPIRING = "key-expiring"
    KEY_MADE = "key-made"
    FIELD_MAP_BROKEN = "field-map-broken"


GRACE_PERIODS = {
    Kind.BUCKET_UNAVAILABLE: timedelta(minutes=5),
    Kind.QUEUE_STUCK: timedelta(minutes=5),
}
"""How long it must last before anybody is told; other kinds have waited long enough to be seen."""

NOTIFIED_WITH_OUTCOME = frozenset({Kind.ATTEMPTS_EXHAUSTED})
"""Staff learn of these with the load's outcome (core/notices.py): only their end is news."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What was found to be the case now, in words for staff; `key` says what it is about.

    A condition of one key is one incident, from when it is first found until it is found no more.
    """

    key: str
    kind: Kind
    title: str
    detail: str
    advice: str = ""
    target: Target | None = None


class Resolution(StrEnum):
    """How an incident ended: mended, or no longer of interest, as when its watch was snoozed."""

    RECOVERED = "recovered"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Incident:
    """A condition as the ledger keeps it. `told_at` is None as long as staff know nothing of it."""

    id: int
    condition: Condition
    opened_at: datetime
    told_at: datetime | None = None
    closed_at: datetime | None = None
    resolution: Resolution | None = None

    def is_notification_due(self, now: datetime) -> bool:
        """Whether it has lasted long enough for staff to be told now."""
        grace_period = GRACE_PERIODS.get(self.condition.kind, timedelta())
        return self.told_at is None and now - self.opened_at >= grace_period
