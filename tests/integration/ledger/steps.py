"""Steps of a load that tests of the queue take first."""

from datetime import timedelta

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.hold import HeldRows, Hold
from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.outcome import CheckRecord, Outcome
from tests.accepted_rows import small_field_map
from tests.integration.ledger.conftest import NOW

CHECK = CheckRecord(counts=Counts(10, 9, 1))
CANCELED = Outcome(LoadState.FAILED, ("Canceled.",))


def request(ledger: Ledger, load: Load) -> int:
    """Request a run of a load and return its launch."""
    launch = ledger.queue.request(load, NOW)
    assert launch
    return launch


def begin(ledger: Ledger, load: Load) -> None:
    """Request a run of a load and begin an attempt."""
    assert ledger.attempts.begin(load, "run", NOW, launch=request(ledger, load))


def hold(ledger: Ledger, load: Load) -> None:
    """Make the attempt at a load after which it is held."""
    begin(ledger, load)
    rows = HeldRows(
        digest="beef",
        field_map=small_field_map("warehouse"),
        table="warehouse",
        columns=("xid",),
        rows=9,
        sha256="cafe",
        etag="e1",
    )
    held = Hold(
        job_id=load.job_id,
        held=rows,
        counts=CHECK.counts,
        changes=Changes(0, 0, 30, 9),
        reasons=("30 rows removed.",),
        held_at=NOW,
        expires_at=NOW + timedelta(days=7),
    )
    assert ledger.holds.hold(held, 1, None, ())


def stored(ledger: Ledger, load: Load) -> Load:
    """Return a load as it is now."""
    found = ledger.loads.get(load.job_id)
    assert found
    return found
