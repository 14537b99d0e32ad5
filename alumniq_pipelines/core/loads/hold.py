"""A hold: a load whose changes are too large to be published without approval."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, assert_never

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.check_result import Cause, Counts
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.problems.holding import HoldDiscarded, HoldExpired, HoldSuperseded
from alumniq_pipelines.core.problems.live_data import LiveData
from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.core.shell import alumniq_command


class Decision(StrEnum):
    """How a hold ended: by a person's decision, or by the course of time."""

    APPROVED = "approved"
    DISCARDED = "discarded"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRows:
    """Accepted rows as they were stored: what to publish, and the field map of that day.

    `digest` is the SHA-256 of the stored file, `sha256` that of the delivered one.
    """

    digest: str
    field_map: FieldMap
    table: str
    columns: tuple[str, ...]
    rows: int
    sha256: str
    etag: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold as the ledger stores it; all fields from `decision` on are None until it ends."""

    job_id: JobId
    held: HeldRows
    counts: Counts
    changes: Changes
    reasons: tuple[str, ...]
    held_at: datetime
    expires_at: datetime
    decision: Decision | None = None
    decided_at: datetime | None = None
    actor: str | None = None
    reason: str | None = None
    warnings: tuple[Cause, ...] = ()


Ending = Literal[Decision.DISCARDED, Decision.EXPIRED, Decision.SUPERSEDED]
"""What ends a held load unpublished."""


def decision_due(hold: Hold, *, is_superseded: bool, now: datetime) -> Ending | None:
    """Return the decision on a hold that nobody has decided on; None while it may still wait."""
    if is_superseded:
        return Decision.SUPERSEDED
    return Decision.EXPIRED if hold.expires_at <= now else None


def why_not_published(ending: Ending, hold: Hold, live: LiveData, reason: str = "") -> Problem:
    """Return why a held load ended without being published, for its customer."""
    match ending:
        case Decision.DISCARDED:
            return HoldDiscarded(hold.reasons, reason, live)
        case Decision.EXPIRED:
            return HoldExpired(hold.reasons, (hold.expires_at - hold.held_at).days, live)
        case Decision.SUPERSEDED:
            return HoldSuperseded(hold.reasons)
    assert_never(ending)


def commands(job_id: JobId) -> Sequence[str]:
    """Return the two commands that decide on a hold."""
    return [
        f'{alumniq_command("load", verb, job_id)} --reason "..."' for verb in ("approve", "discard")
    ]
