"""The ticks of the retention sensor: rounds, and how one goes on in the next tick."""

import json
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from sqlalchemy import update

from alumniq_pipelines.adapters.ledger.tables import loads
from alumniq_pipelines.core.loads.load import LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.defs.sensors import retention
from alumniq_pipelines.defs.sensors.retention import load_retention
from alumniq_pipelines.settings import Settings
from tests.integration.dagster.conftest import TARGET, Installation
from tests.memory_warehouse import MemoryWarehouse

OLD = datetime.now(UTC) - timedelta(days=1_000)


def tick(installation: Installation, cursor: str | None = None) -> tuple[str, str | None]:
    """Evaluate the sensor; return what it says, and its next cursor."""
    repository = installation.definitions.get_repository_def()
    with dg.build_sensor_context(
        installation.instance,
        cursor=cursor,
        repository_def=repository,
        resources={"ledger": installation.ledger, "warehouse": MemoryWarehouse()},
        sensor_name="retention",
    ) as context:
        found = repository.get_sensor_def("retention")(context)
    assert isinstance(found, dg.SensorResult)
    assert found.skip_reason
    return found.skip_reason.skip_message or "", found.cursor


def add_old_loads(installation: Installation, target: Target, count: int) -> None:
    """Add loads that failed long ago."""
    for _ in range(count):
        request = LoadRequest(new_job_id(), target, "warehouse.csv", "e1", 1_000)
        installation.ledger.loads.accept(request, OLD)
    with installation.ledger.database.writing() as connection:
        connection.execute(update(loads).values(state=LoadState.FAILED, ended_at=OLD))


def test_a_round_deletes_what_is_old_and_the_next_one_begins_an_hour_later(
    installation: Installation,
) -> None:
    add_old_loads(installation, TARGET, 23)
    said, cursor = tick(installation)
    assert said == "Deleted: 3 loads."
    said, cursor = tick(installation, cursor)
    assert said.startswith("The next round begins at ")
    assert cursor
    later = json.loads(cursor) | {"next_round_at": datetime.now(UTC).isoformat()}
    said, _ = tick(installation, json.dumps(later))
    assert said == "Deleted: nothing."


def test_a_round_goes_on_in_the_next_tick(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PART_SECONDS", 0.0)
    other = Target(TARGET.customer, Environment.QA, TARGET.feed)
    add_old_loads(installation, TARGET, 21)
    add_old_loads(installation, other, 21)
    cursor, said = None, []
    for _ in range(6):
        text, cursor = tick(installation, cursor)
        said.append(text)
    assert said.count("Deleted: 1 loads.") == 2
    assert said[-1].startswith("The next round begins at ")


@pytest.mark.parametrize(
    ("load_days", "archive_days", "report_days", "expected"),
    [(400, 30, 30, 400), (90, 365, 30, 366), (90, 30, 700, 701)],
)
def test_a_load_stays_as_long_as_its_archived_file_and_its_report(
    load_days: int, archive_days: int, report_days: int, expected: int
) -> None:
    settings = Settings(load_days=load_days, archive_days=archive_days, report_days=report_days)
    assert load_retention(settings) == timedelta(days=expected)
