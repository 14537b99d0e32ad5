"""S3 keys: when they are made and deactivated. New on the 10th, the old one off on the 20th."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from alumniq_pipelines.core.loads.target import Environment

MONTHS = (1, 4, 7, 10)
DAY = 10
OVERLAP = timedelta(days=10)
"""The contract: a new pair on the 10th of these months, the old one works until the 20th."""

TIME_ZONES = timedelta(hours=12)
"""How long after midnight in UTC the last campus is at the same day: none is west of UTC-12."""

WARNING = timedelta(days=3)
"""How long before its end users of the old key are warned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Key:
    """A key as the ledger stores it; never its secret in plain text."""

    access_key_id: str
    customer: str
    user_name: str
    encrypted_secret: str
    created_at: datetime
    deactivated_at: datetime | None = None

    @property
    def is_live(self) -> bool:
        """Whether it still gives access to the bucket."""
        return self.deactivated_at is None


@dataclass(frozen=True, slots=True)
class RotationPlan:
    """What to do about one user's keys now."""

    make: bool
    warn: tuple[S3Key, ...] = ()
    end: tuple[S3Key, ...] = ()


def user_name(customer: str, environment: Environment) -> str:
    """Return the user of a customer's environment, whose keys are for that folder of the bucket."""
    return f"{customer}.{environment}"


def latest_rotation_day(now: datetime) -> datetime:
    """Return the last rotation day that has begun, in UTC."""
    days = [
        datetime(year, month, DAY, tzinfo=UTC)
        for year in (now.year - 1, now.year)
        for month in MONTHS
    ]
    return max(day for day in days if day <= now)


def plan_rotation(keys: Sequence[S3Key], now: datetime) -> RotationPlan:
    """Return what to do about a user's keys; what was due during a downtime is due now.

    An old key is never deactivated before its successor is as old as the overlap. None is made
    where two are live: IAM allows no third.
    """
    live = sorted((key for key in keys if key.is_live), key=lambda key: key.created_at)
    if not live:
        return RotationPlan(make=True)
    *old, newest = live
    ends_at = OVERLAP + max(newest.created_at, latest_rotation_day(newest.created_at) + TIME_ZONES)
    end = tuple(old) if now >= ends_at else ()
    warn = tuple(old) if ends_at - WARNING <= now < ends_at else ()
    is_stale = newest.created_at < latest_rotation_day(now)
    return RotationPlan(is_stale and len(old) == len(end), warn, end)
