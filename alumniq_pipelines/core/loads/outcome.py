"""The outcome of a load, which its customer is notified of exactly once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from alumniq_pipelines.core.loads.check_result import Cause, Counts
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.version_profile import Profile
from alumniq_pipelines.core.problems.holding import NOTHING_TO_DO, WouldBeHeld


class AttemptResult(StrEnum):
    """How one attempt at a load ended.

    PUBLISHED, UNCHANGED and SUPERSEDED succeed: the second found that the live version was made
    from the same bytes, the third that the same file is live, by a load accepted later. So does
    CHECKED, a dry run of a file that would be loaded. HELD is awaiting approval; WOULD_BE_HELD is a
    dry run of a file whose load would be; REFUSED is a fault of the file; OVERTAKEN read another
    file than a load accepted later, which is live already; OUTAGE is a fault of ours that is
    retried; MISCONFIGURED one that a retry does not fix; LOST a worker that died. STOPPED is an
    attempt that was stopped: by a person, which ends the load, or together with its worker, as by a
    restart of its host; then the load is requested again.
    """

    PUBLISHED = "published"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    CHECKED = "judged"
    HELD = "held"
    WOULD_BE_HELD = "would-be-held"
    REFUSED = "refused"
    OVERTAKEN = "overtaken"
    OUTAGE = "outage"
    MISCONFIGURED = "misconfigured"
    LOST = "lost"
    STOPPED = "stopped"


SUCCESSES = frozenset(
    {
        AttemptResult.PUBLISHED,
        AttemptResult.UNCHANGED,
        AttemptResult.SUPERSEDED,
        AttemptResult.CHECKED,
    }
)


REFUSALS = frozenset({AttemptResult.REFUSED, AttemptResult.OVERTAKEN, AttemptResult.WOULD_BE_HELD})
"""What ends a load as failed at once, and is no fault of ours: another attempt would find the same.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRecord:
    """The result of checking a load's file, recorded before anything of the load is published.

    `causes` rejected rows, `warnings` reject nothing; `changes` are None on a first load. Of a
    record that was read back, the `profile` stays in the ledger, where its version finds it, and so
    do the `seconds` of each step, which metrics count.
    """

    counts: Counts
    causes: tuple[Cause, ...] = ()
    warnings: tuple[Cause, ...] = ()
    changes: Changes | None = None
    profile: Profile | None = None
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One try at a load as the ledger stores it; `result` is None while it runs.

    `sha256` and `etag` are those of the file that it read, `changes` what the file would change.
    `causes` rejected rows of it, `warnings` reject nothing. All are empty if it did not get so far.
    An attempt `publishing_at` a time has recorded its check and may have published since then; if
    it is closed, it has.
    """

    number: int
    run_id: str
    result: AttemptResult | None = None
    errors: tuple[str, ...] = ()
    counts: Counts | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    sha256: str | None = None
    etag: str | None = None
    changes: Changes | None = None
    warnings: tuple[Cause, ...] = ()
    causes: tuple[Cause, ...] = ()
    publishing_at: datetime | None = None

    @property
    def is_publishing(self) -> bool:
        """Whether it may be publishing right now: it has claimed that, and is still open."""
        return self.result is None and self.publishing_at is not None

    @property
    def check(self) -> CheckRecord | None:
        """The result of the check; None where the attempt did not get that far."""
        if self.counts is None:
            return None
        return CheckRecord(
            counts=self.counts, causes=self.causes, warnings=self.warnings, changes=self.changes
        )

    @property
    def hold_reasons(self) -> tuple[str, ...]:
        """Why a load of the file would be held, which a dry run found out; none otherwise."""
        # The first error is the problem WouldBeHeld itself.
        return self.errors[1:] if self.result is AttemptResult.WOULD_BE_HELD else ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What ends a load: a final state and, for a failure, what the customer reads.

    A success `is_unchanged` where there was nothing new to publish, and `is_superseded` where the
    same file was live already, and a load accepted later had read it. A dry run fails with
    `hold_reasons` if a load of its file would be held for them. `remedy` is what the customer can
    do, where it is not the usual advice for a refused file. Staff are notified of a failure that
    `is_our_fault`.
    """

    state: LoadState
    errors: tuple[str, ...] = ()
    counts: Counts | None = None
    changes: Changes | None = None
    is_unchanged: bool = False
    remedy: str = ""
    warnings: tuple[Cause, ...] = ()
    is_superseded: bool = False
    is_our_fault: bool = False
    hold_reasons: tuple[str, ...] = ()


def refusal_outcome(attempt: AttemptRecord) -> Outcome:
    """Return the outcome of a load whose attempt ended with one of the REFUSALS."""
    remedies = {
        AttemptResult.OVERTAKEN: NOTHING_TO_DO,
        AttemptResult.WOULD_BE_HELD: WouldBeHeld().advice,
    }
    return Outcome(
        LoadState.FAILED,
        errors=attempt.errors,
        counts=attempt.counts,
        changes=attempt.changes,
        remedy=remedies.get(attempt.result, "") if attempt.result else "",
        warnings=attempt.warnings,
        hold_reasons=attempt.hold_reasons,
    )


MAX_INTERRUPTIONS = 10
"""Attempts at one load that may be stopped with their workers and are no try: more than a rollout
of a release makes, and few enough that a load whose workers are stopped for ever gets an outcome.
"""


def tries(attempts: Sequence[AttemptRecord]) -> Sequence[AttemptRecord]:
    """Return the attempts that a limit is about: all, or those since a load was approved."""
    held = [index for index, attempt in enumerate(attempts) if attempt.result is AttemptResult.HELD]
    return attempts[held[-1] + 1 :] if held else attempts


def count_tries(attempts: Sequence[AttemptRecord]) -> int:
    """Return how many tries are used up: attempts that were stopped found nothing out."""
    return sum(attempt.result is not AttemptResult.STOPPED for attempt in tries(attempts))


def interruption_result(attempts: Sequence[AttemptRecord]) -> AttemptResult:
    """Return the result of an attempt whose worker is to stop, after these at the same load.

    What is interrupted again and again counts in the end, or it would be tried for ever.
    """
    stopped = sum(attempt.result is AttemptResult.STOPPED for attempt in attempts)
    return AttemptResult.STOPPED if stopped < MAX_INTERRUPTIONS else AttemptResult.LOST
