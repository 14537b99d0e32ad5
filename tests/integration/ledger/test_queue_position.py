"""The position of a load in the line of its table."""

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.target import Environment, Target
from tests.integration.ledger.conftest import NOW, Accept


def position(ledger: Ledger, load: Load) -> int | None:
    found = ledger.loads.get(load.job_id)
    assert found is not None
    return ledger.loads.queue_position(found)


def test_a_position_counts_the_loads_of_the_same_table_that_come_before(
    ledger: Ledger, accept: Accept
) -> None:
    first, second, third = accept(), accept(), accept()
    accept(target=Target("iqu", Environment.PRODUCTION, "warehouse"))
    assert [position(ledger, load) for load in (first, second, third)] == [1, 2, 3]
    ledger.queue.request(first, NOW)
    assert [position(ledger, load) for load in (first, second, third)] == [1, 2, 3]


def test_a_load_that_has_begun_has_no_position(ledger: Ledger, accept: Accept) -> None:
    first, second = accept(), accept()
    ledger.attempts.begin(first, "run-1", NOW)
    assert [position(ledger, load) for load in (first, second)] == [None, 2]
