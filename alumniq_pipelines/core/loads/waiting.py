"""What a load that is not finished waits for, composed from what the ledger knows of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult

_REPEATED = frozenset({AttemptResult.OUTAGE, AttemptResult.LOST, AttemptResult.STOPPED})
"""Results of an attempt after which another one is made, unless it was the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForOtherLoads:
    """Other loads of the same table come first."""

    ahead: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ForStart:
    """It is the first in its line, and no attempt at it has begun.

    `next_launch_at` is None if a run was requested, or will be as soon as there is room for it.
    """

    failed_launches: int
    next_launch_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForNextAttempt:
    """An attempt came to no result on our side; without `due`, another one is about to begin."""

    due: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForApproval:
    """It is held; without approval by `until`, it fails."""

    until: datetime


Waiting = ForOtherLoads | ForStart | ForNextAttempt | ForApproval


def waiting_for(
    load: Load,
    attempts: Sequence[AttemptRecord],
    now: datetime,
    *,
    ahead: int,
    approval_due: datetime | None = None,
) -> Waiting | None:
    """Return what a load waits for; None while an attempt is in progress, or once it has ended.

    `ahead` is the number of loads of its table that come before it, `approval_due` when a held load
    expires.
    """
    if load.state is LoadState.HELD:
        return None if approval_due is None else ForApproval(until=approval_due)
    if load.is_final:
        return None
    if ahead and load.state is LoadState.QUEUED:
        return ForOtherLoads(ahead=ahead)
    next_at = load.next_attempt_at
    due = next_at if next_at is not None and next_at > now else None
    # After a hold, the next attempt is the one that was approved, not another try.
    if attempts and attempts[-1].result in _REPEATED:
        return ForNextAttempt(due=due)
    if load.state is LoadState.RUNNING:
        return None
    return ForStart(failed_launches=load.failed_launches, next_launch_at=due)


def format_waiting(waiting: Waiting, *, for_staff: bool = False) -> str:
    """Return the sentence; only staff read of launches, which are our own affair."""
    match waiting:
        case ForOtherLoads(ahead=ahead):
            loads = "load" if ahead == 1 else "loads"
            return f"Queued behind {ahead:,} other {loads} of this feed."
        case ForStart(failed_launches=failed, next_launch_at=due):
            if not (for_staff and failed):
                return "Waiting to start."
            following = f"the next one is due at {due:%H:%M} UTC" if due else "the next one is due"
            return f"Waiting to start. Failed launches so far: {failed}; {following}."
        case ForNextAttempt(due=due):
            at = f" at {due:%H:%M} UTC" if due else ""
            return f"Waiting for another try{at}."
        case ForApproval(until=until):
            return f"Awaiting approval until {until:%Y-%m-%d %H:%M} UTC."
    assert_never(waiting)
