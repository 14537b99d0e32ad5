"""The outcome of a load: what its customer is told, once."""

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
    from the same bytes, the third that a later-accepted load is live already. So does JUDGED, a
    dry run. HELD waits for a person; REFUSED is a fault of the file; OUTAGE a fault of ours that
    may be retried; MISCONFIGURED one that trying again does not mend; LOST a worker that died.
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
    """What checking a load's file found: recorded before anything of the load is published.

    `causes` rejected rows, `remarks` reject nothing; `changes` are None on a first load.
    """

    counts: Counts
    causes: tuple[Cause, ...] = ()
    remarks: tuple[Cause, ...] = ()
    changes: Changes | None = None


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One try at a load as the ledger keeps it; `result` is None while it runs.

    `sha256` and `etag` are of the file that it read, `changes` what that would change, `causes`
    what rejected rows of it, and `remarks` what was found in it that rejects nothing, if it came
    so far.
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
    remarks: tuple[Cause, ...] = ()
    causes: tuple[Cause, ...] = ()

    @property
    def check(self) -> CheckRecord | None:
        """What checking found; None where the attempt did not get that far."""
        if self.counts is None:
            return None
        return CheckRecord(
            counts=self.counts, causes=self.causes, remarks=self.remarks, changes=self.changes
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What ends a load: a final state and, for a failure, what the customer reads.

    `is_unchanged` tells of a success that there was nothing new to publish, `is_superseded` that a
    load accepted later was live already. `remedy` is what the
    customer may do, where it is not what any refused file calls for.
    """

    state: LoadState
    errors: tuple[str, ...] = ()
    counts: Counts | None = None
    changes: Changes | None = None
    is_unchanged: bool = False
    remedy: str = ""
    remarks: tuple[Cause, ...] = ()
    is_superseded: bool = False


def tries(attempts: Sequence[AttemptRecord]) -> Sequence[AttemptRecord]:
    """Answer the attempts that count together: all, or those since a person let a load go on."""
    held = [index for index, attempt in enumerate(attempts) if attempt.result is AttemptResult.HELD]
    return attempts[held[-1] + 1 :] if held else attempts
