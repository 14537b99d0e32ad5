"""A worker that is killed at any point of its attempt: its load still has one, true outcome."""

import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from alumniq_pipelines.core.feeds.field_map import Threshold
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.customer import Subscription
from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.fault_points import FaultPoint
from alumniq_pipelines.services import load_actions
from alumniq_pipelines.settings import Settings, WarehouseEngine
from alumniq_pipelines.warehouse_wiring import open_warehouse
from tests.integration.dagster.conftest import HEADER, ROWS, TARGET, Installation
from tests.integration.dagster.worker_process import run_until_killed

pytestmark = pytest.mark.usefixtures("quick_ticks")

BAD = "".join(f'"unit","bad {line}","Unit","x","true"\n' for line in range(3))
COUNTS = Counts(103, 100, 3)
NEVER_HELD = {kind: Threshold() for kind in ("added", "changed", "removed")}
ALWAYS_HELD = NEVER_HELD | {"changed": Threshold(rows=0)}
MAX_WAIT_SECONDS = 120

ONLY_WHEN_HELD = (FaultPoint.HELD_ROWS_STORED,)
POINTS = [point for point in FaultPoint if point not in ONLY_WHEN_HELD]
IN_THE_WAREHOUSE = (FaultPoint.VERSION_STORED, FaultPoint.POINTER_MOVED)
WHEN_APPROVED = (
    FaultPoint.ATTEMPT_BEGUN,
    FaultPoint.RESULT_RECORDED,
    *IN_THE_WAREHOUSE,
    FaultPoint.ATTEMPT_ENDED,
)
WHEN_HELD = (FaultPoint.HELD_ROWS_STORED, FaultPoint.ATTEMPT_ENDING, FaultPoint.ATTEMPT_ENDED)


@pytest.fixture(scope="module")
def dagster_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create one Dagster home, for copying."""
    home = tmp_path_factory.mktemp("dagster")
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert not instance.all_instigator_state()
    return home


@pytest.fixture
def instance(dagster_template: Path, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance that other processes can open, too."""
    home = shutil.copytree(dagster_template, tmp_path / "dagster")
    with dg.DagsterInstance.from_config(str(home)) as opened:
        yield opened


@pytest.fixture(params=["duckdb"])
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """Return settings for the engine that a test names, with retries after almost no wait."""
    engine: WarehouseEngine = request.param
    url = request.getfixturevalue("postgres_url") if engine == "postgres" else None
    return Settings(
        data_dir=tmp_path / "data",
        retry_seconds=0.001,
        warehouse=engine,
        warehouse_url=SecretStr(url) if url else None,
    )


on_postgres = pytest.mark.parametrize("settings", ["postgres"], indirect=True)


@pytest.fixture
def load(installation: Installation) -> Load:
    """Publish a version, then accept a load of 103 other rows, 3 of them bad."""
    subscribe(installation, NEVER_HELD)
    installation.put(HEADER + ROWS)
    drive(installation, installation.accept())
    installation.put(HEADER + ROWS.replace("Unit", "Department") + BAD)
    return installation.accept()


def subscribe(installation: Installation, thresholds: dict[str, Threshold]) -> None:
    """Tolerate ten bad rows, and hold loads by these thresholds."""
    terms = Subscription(TARGET, 10, thresholds)
    installation.ledger.customers.subscribe(terms, datetime.now(UTC))


def evaluate(installation: Installation, sensor: str) -> object:
    """Evaluate a sensor once, as the daemon does."""
    repository = installation.definitions.get_repository_def()
    with dg.build_sensor_context(
        installation.instance,
        repository_def=repository,
        resources={"ledger": installation.ledger},
        sensor_name=sensor,
    ) as context:
        return repository.get_sensor_def(sensor)(context)


def drive(installation: Installation, load: Load) -> Load:
    """Let the sensors work until the load has ended or is held, and execute what they request."""
    until = time.monotonic() + MAX_WAIT_SECONDS
    while (found := installation.again(load)).state not in {
        LoadState.HELD,
        LoadState.SUCCEEDED,
        LoadState.FAILED,
    }:
        assert time.monotonic() < until, f"{found}\n{installation.ledger.attempts.of(load.job_id)}"
        evaluate(installation, "reconcile")
        for tags in requested(installation):
            installation.execute(found, tags=tags)
    return found


def requested(installation: Installation) -> list[dict[str, str]]:
    """Let the load-request sensor tick once, and return the tags of the runs that it requests."""
    result = evaluate(installation, "load_requests")
    assert isinstance(result, dg.SensorResult)
    return [dict(request.tags) for request in result.run_requests or ()]


def kill(installation: Installation, load: Load, point: FaultPoint) -> None:
    """Let the sensor request a run of a load, and kill its worker at a point."""
    [tags] = requested(installation)
    run_until_killed(installation, load.job_id, tags, point)


def assert_published_once(installation: Installation, load: Load) -> None:
    """Check outcome, counts, notifications, versions and what readers see."""
    ended = installation.again(load)
    assert (ended.state, ended.counts, ended.errors) == (LoadState.SUCCEEDED, COUNTS, ())
    [mail] = [
        notification.notice.body
        for notification in installation.ledger.notifications.of(load.job_id)
        if notification.notice.subject.startswith(("Loaded", "Not loaded", "Superseded"))
    ]
    assert "Rows read: 103\nRows published: 100\nRows rejected: 3" in mail
    versions = installation.ledger.versions.of(TARGET)
    assert [version.number for version in versions] == [load.number, load.number - 1]
    warehouse = open_warehouse(installation.settings)
    stored = warehouse.live(TARGET)
    assert stored
    assert stored.number == load.number
    question = "select count(*) from warehouse_lookups where description like 'Department%'"
    assert [tuple(row) for row in warehouse.query("iqu", "production", question)[1]] == [(100,)]
    assert list(installation.settings.scratch_dir.glob("*")) == []


@pytest.mark.parametrize("point", POINTS)
def test_a_load_whose_worker_is_killed_at_any_point_is_published_once_with_true_counts(
    installation: Installation, load: Load, point: FaultPoint
) -> None:
    kill(installation, load, point)
    drive(installation, load)
    assert_published_once(installation, load)


@on_postgres
@pytest.mark.parametrize("point", [FaultPoint.RESULT_RECORDED, *IN_THE_WAREHOUSE])
def test_a_load_whose_worker_is_killed_while_postgresql_publishes_is_published_once(
    installation: Installation, load: Load, point: FaultPoint
) -> None:
    kill(installation, load, point)
    drive(installation, load)
    assert_published_once(installation, load)


@pytest.mark.parametrize("point", WHEN_HELD)
def test_a_load_whose_worker_is_killed_while_it_is_held_is_held_once_and_published_on_approval(
    installation: Installation, load: Load, point: FaultPoint
) -> None:
    subscribe(installation, ALWAYS_HELD)
    kill(installation, load, point)
    assert drive(installation, load).state is LoadState.HELD
    approve(installation, load)
    drive(installation, load)
    assert_published_once(installation, load)


@pytest.mark.parametrize("point", WHEN_APPROVED)
def test_an_approved_load_whose_worker_is_killed_at_any_point_is_published_once(
    installation: Installation, load: Load, point: FaultPoint
) -> None:
    subscribe(installation, ALWAYS_HELD)
    assert drive(installation, load).state is LoadState.HELD
    approve(installation, load)
    kill(installation, load, point)
    drive(installation, load)
    assert_published_once(installation, load)


def approve(installation: Installation, load: Load) -> None:
    ledger, reason = installation.ledger, "The customer expects it."
    load_actions.approve(ledger, load.job_id, reason, "ops@example.org", datetime.now(UTC))


def test_a_fault_point_that_is_not_switched_on_kills_nothing(
    installation: Installation, load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ALUMNIQ_FAULT_POINTS", "none-of-ours,fetched:0")
    monkeypatch.setenv("ALUMNIQ_FAULT_RECORDS", str(tmp_path))
    drive(installation, load)
    assert_published_once(installation, load)
