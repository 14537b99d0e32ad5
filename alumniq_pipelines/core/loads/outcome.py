"""The outcome of a load, which its customer is notified of exactly once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from alumniq_pipelines.core.loads.check_result import Cause, Counts
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.load import LoadState


class AttemptResult(StrEnum):
    """How one attempt at a load ended.

    PUBLISHED, UNCHANGED and SUPERSEDED succeed: the second found that the live version was made
    from the same bytes, the third that a load accepted later is live already. So does CHECKED, a
    dry run. HELD is awaiting approval; REFUSED is a fault of the file; OUTAGE one of ours that is
    retried; MISCONFIGURED one that a retry does not fix; LOST a worker that died. STOPPED is an
    attempt that a person stopped.
    """

    PUBLISHED = "published"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    CHECKED = "judged"
    HELD = "held"
    REFUSED = "refused"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRecord:
    """The result of checking a load's file, recorded before anything of the load is published.

    `causes` rejected rows, `warnings` reject nothing; `changes` are None on a first load.
    """

    counts: Counts
    causes: tuple[Cause, ...] = ()
    warnings: tuple[Cause, ...] = ()
    changes: Changes | None = None


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One try at a load as the ledger stores it; `result` is None while it runs.

    `sha256` and `etag` are those of the file that it read, `changes` what the file would change.
    `causes` rejected rows of it, `warnings` reject nothing. All are empty if it did not get so far.
    An attempt `publishing_at` a time has recorded its check and may have published since then.
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """What ends a load: a final state and, for a failure, what the customer reads.

    A success `is_unchanged` where there was nothing new to publish, and `is_superseded` where a
    load accepted later was live already. `remedy` is what the customer can do, where it is not the
    usual advice for a refused file. Staff are notified of a failure that `is_our_fault`.
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


def tries(attempts: Sequence[AttemptRecord]) -> Sequence[AttemptRecord]:
    """Return the attempts that count towards the limit: all, or those since a load was approved."""
    held = [index for index, attempt in enumerate(attempts) if attempt.result is AttemptResult.HELD]
    return attempts[held[-1] + 1 :] if held else attempts
