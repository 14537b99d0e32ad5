"""What staff should look at, most urgent first."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

from alumniq_pipelines.core.loads.target import Environment

EXPIRES_SOON = timedelta(days=31)
"""A key with less time left expires in 30 days or sooner, in whole days."""
EXPIRES_NOW = timedelta(days=2)


class Urgency(IntEnum):
    """How soon staff should act; the lowest value is listed first."""

    NOW = 0
    TODAY = 1
    THIS_MONTH = 2


class Concern(StrEnum):
    """What an item is about."""

    INCIDENT = "incident"
    HELD_LOAD = "held-load"
    FAILING_FEED = "failing-feed"
    EXPIRING_KEY = "expiring-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionItem:
    """Something that needs attention; `since` is when it began or, for an expiry, will happen.

    `id` is that of the incident, the load's job id, or the first characters of the key.
    """

    concern: Concern
    id: str
    urgency: Urgency
    since: datetime
    customer: str | None
    environment: Environment | None
