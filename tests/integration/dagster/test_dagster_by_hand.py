"""Runs made by hand in the Dagster UI, and backfills, take their turn in their table's line."""

from datetime import UTC, datetime

from alumniq_pipelines.core.loads.load import HAND_MADE_TIMEOUT, LoadState, Origin
from alumniq_pipelines.defs.tags import JOB_ID, NOTHING_DONE
from alumniq_pipelines.services.load_actions import accept_reload
from tests.integration.dagster.conftest import HEADER, ROWS, TARGET, Installation
from tests.integration.dagster.sensor_ticks import requested


def test_a_run_made_by_hand_behind_an_earlier_load_waits_in_the_ledger(
    installation: Installation,
) -> None:
    """It ran beside a load of the same table, and the later one of them was superseded."""
    installation.put(HEADER + ROWS)
    earlier = installation.accept()
    run = installation.execute()
    assert run.success
    assert not run.asset_materializations_for_node("feeds__warehouse_lookups")
    stored = installation.instance.get_run_by_id(run.run_id)
    assert stored
    assert stored.tags[NOTHING_DONE] == "queued-behind"
    [by_hand, _] = installation.ledger.loads.find(target=TARGET)
    assert (by_hand.request.origin, by_hand.state) == (Origin.DAGSTER, LoadState.QUEUED)
    assert stored.tags[JOB_ID] == by_hand.job_id
    logged = [entry.user_message for entry in installation.instance.all_logs(run.run_id)]
    assert any("is not finished, so this run did nothing" in line for line in logged)
    installation.execute(earlier)
    assert requested(installation) == [by_hand.job_id]
    assert installation.execute(by_hand).success
    numbers = [version.number for version in installation.ledger.versions.of(TARGET)]
    assert numbers == [earlier.number]
    assert installation.again(by_hand).state is LoadState.SUCCEEDED


def test_a_run_made_by_hand_begins_at_once_where_nothing_is_before_it(
    installation: Installation,
) -> None:
    installation.put(HEADER + ROWS)
    installation.execute(installation.accept())
    installation.put(HEADER + ROWS.replace("Unit 7", "Unit seven"))
    assert installation.execute().success
    [by_hand, _] = installation.ledger.loads.find(target=TARGET)
    assert by_hand.state is LoadState.SUCCEEDED
    assert installation.ledger.versions.of(TARGET)[0].job_id == by_hand.job_id


def test_a_load_whose_hand_made_run_died_before_it_began_is_requested_after_a_while(
    installation: Installation,
) -> None:
    installation.put(HEADER + ROWS)
    installation.execute(installation.accept())
    now = datetime.now(UTC)
    by_hand = accept_reload(installation.ledger, TARGET, None, now)
    assert by_hand.next_attempt_at == now + HAND_MADE_TIMEOUT
    assert requested(installation) == []
    installation.ledger.queue.release(by_hand.job_id)  # as a minute's wait does
    assert requested(installation) == [by_hand.job_id]
