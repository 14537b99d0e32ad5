"""Rollbacks in Dagster: commands never open its instance, a sensor reports what they recorded."""

from datetime import UTC, datetime

import dagster as dg

from alumniq_pipelines.core.loads.baseline import ROLLBACK
from tests.integration.dagster.conftest import TARGET, Installation
from tests.integration.dagster.sensor_ticks import evaluate

MOVED: dict[str, str | int] = {
    "from": 8,
    "to": 5,
    "rows": 1_005,
    "relation": "iqu.warehouse_lookups",
    "job_id": "job-5",
}


def roll_back(installation: Installation, detail: dict[str, str | int]) -> None:
    """Record a rollback as `alumniq version rollback` does."""
    now = datetime.now(UTC)
    installation.ledger.audit.add("ann", ROLLBACK, str(TARGET), now, detail=detail)


def tick(installation: Installation, cursor: str | None) -> dg.SensorResult:
    """Evaluate the sensor once."""
    found = evaluate(installation, "partitions", cursor)
    assert isinstance(found, dg.SensorResult)
    return found


def test_a_rollback_is_reported_once_with_the_version_that_is_live(
    installation: Installation,
) -> None:
    roll_back(installation, MOVED)
    first = tick(installation, None)
    [event] = first.asset_events
    assert isinstance(event, dg.AssetObservation)
    assert event.asset_key == dg.AssetKey(["feeds", "warehouse_lookups"])
    assert event.partition == "iqu.production"
    assert event.description == "Version 5 was made live instead of version 8."
    assert event.metadata["dagster/row_count"].value == 1_005
    assert event.metadata["job id"].value == "job-5"
    assert not tick(installation, first.cursor).asset_events
    roll_back(installation, MOVED | {"from": 5, "to": 8})
    [event] = tick(installation, first.cursor).asset_events
    assert event.metadata["previous version"].value == 5


def test_a_rollback_of_an_earlier_release_was_reported_by_the_command_itself(
    installation: Installation,
) -> None:
    roll_back(installation, {"from": 8, "to": 5})
    first = tick(installation, None)
    assert not first.asset_events
    assert int(first.cursor or 0) > 0
    assert tick(installation, first.cursor).cursor == first.cursor


def test_without_rollbacks_the_cursor_stays(installation: Installation) -> None:
    assert tick(installation, None).cursor == "0"
    assert tick(installation, "7").cursor == "7"
