"""The outcome of a load: what its customer is told, once."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from alumniq_pipelines.core.load import LoadState
from alumniq_pipelines.core.verdict import Counts


class AttemptResult(StrEnum):
    """How one attempt at a load ended.

    PUBLISHED and SUPERSEDED succeed (the second found a later-accepted load live already); REFUSED
    is a fault of the file; OUTAGE a fault of ours that may be retried; LOST a worker that died.
    """

    PUBLISHED = "published"
    SUPERSEDED = "superseded"
    REFUSED = "refused"
    OUTAGE = "outage"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a load as the ledger keeps it; `result` is None while it runs."""

    number: int
    run_id: str
    result: AttemptResult | None = None
    errors: tuple[str, ...] = ()
    counts: Counts | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What ends a load: a final state and, for a failure, what the customer reads."""

    state: LoadState
    errors: tuple[str, ...] = ()
    counts: Counts | None = None
