"""The loads that have not ended, and whether they move, for monitoring."""

from datetime import timedelta

from alumniq_pipelines.adapters.ledger.health_queries import Backlog
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult, Outcome
from tests.integration.ledger.conftest import NOW, Accept

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def test_loads_without_an_outcome_are_counted_by_age_and_feed(
    ledger: Ledger, accept: Accept
) -> None:
    first, second = accept(), accept()
    assert ledger.health.backlog(NOW + MINUTE, ["warehouse"]) == Backlog(2, 0, first)
    assert ledger.health.backlog(NOW, ["warehouse"]) is None
    assert ledger.health.backlog(NOW + MINUTE, ["warehouse-b"]) is None
    ledger.loads.end(first.job_id, Outcome(LoadState.SUCCEEDED), [], NOW)
    ledger.attempts.begin(second, "run", NOW)
    backlog = ledger.health.backlog(NOW + MINUTE, ["warehouse"])
    assert backlog is not None
    assert (backlog.count, backlog.running, backlog.first.job_id) == (1, 1, second.job_id)


def test_the_last_movement_is_the_newest_beginning_or_end_of_an_attempt(
    ledger: Ledger, accept: Accept
) -> None:
    assert ledger.health.last_activity() is None
    load = accept()
    assert ledger.health.last_activity() is None
    ledger.attempts.begin(load, "run", NOW + HOUR)
    assert ledger.health.last_activity() == NOW + HOUR
    ledger.attempts.end(load.job_id, 1, AttemptResult.OUTAGE, NOW + 2 * HOUR)
    assert ledger.health.last_activity() == NOW + 2 * HOUR
