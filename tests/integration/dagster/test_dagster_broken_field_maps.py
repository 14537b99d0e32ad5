"""A broken field map in Dagster affects its feed only, is visible, and ends once it is fixed."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import update

from alumniq_pipelines.adapters.ledger.tables import loads
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.hold import HeldRows, Hold
from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.monitoring.incident import Kind
from alumniq_pipelines.core.notifications.notification import Channel
from alumniq_pipelines.core.problems.outcome import Misconfigured
from alumniq_pipelines.definitions import build_definitions
from alumniq_pipelines.settings import REPOSITORY, Settings
from alumniq_pipelines.wiring import read_schemas, save_field_maps
from tests.accepted_rows import small_field_map
from tests.integration.dagster.conftest import HEADER, ROWS, TARGET, Installation

FEED = TARGET.feed
OTHER = "warehouse-b"
BROKEN = "name: [unclosed\n"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings with a copy of the field maps for one test."""
    folder = settings.data_dir.with_name("schemas")
    shutil.copytree(REPOSITORY / "schemas", folder)
    return settings.model_copy(update={"schemas_dir": folder})


@pytest.fixture
def schemas(settings: Settings) -> Path:
    return settings.schemas_dir


def break_file(schemas: Path, feed: str) -> None:
    (schemas / f"{feed}.yaml").write_text(BROKEN, encoding="utf-8")


def restore(schemas: Path, feed: str) -> None:
    shutil.copy(REPOSITORY / "schemas" / f"{feed}.yaml", schemas)


def reloaded(installation: Installation) -> Installation:
    """Load the code location again, as every run worker and every restart does."""
    overrides = {"buckets": installation.buckets}
    definitions = build_definitions(installation.settings, overrides)
    return replace(installation, definitions=definitions)


def tick(installation: Installation, sensor: str) -> dg.SensorResult | dg.SkipReason:
    """Evaluate a sensor once, as the daemon does."""
    repository = installation.definitions.get_repository_def()
    resources = {"ledger": installation.ledger, "buckets": installation.buckets}
    with dg.build_sensor_context(
        installation.instance, repository_def=repository, resources=resources, sensor_name=sensor
    ) as context:
        found = repository.get_sensor_def(sensor)(context)
    assert isinstance(found, dg.SensorResult | dg.SkipReason)
    return found


def message(installation: Installation) -> str:
    """Return the message of a tick of the monitoring sensor."""
    found = tick(installation, "silence")
    assert isinstance(found, dg.SensorResult)
    assert isinstance(found.skip_reason, dg.SkipReason)
    return found.skip_reason.skip_message or ""


def staff_mail(installation: Installation) -> Iterator[tuple[str, str]]:
    notifications = installation.ledger.notifications.claim(datetime.now(UTC), timedelta(hours=1))
    for notification in notifications:
        if notification.notice.channel is Channel.MAIL:
            yield notification.notice.subject, notification.notice.body


def reconciled(installation: Installation, load: Load) -> Load:
    installation.reconcile()
    return installation.again(load)


def test_a_run_of_another_feed_is_not_affected(installation: Installation, schemas: Path) -> None:
    break_file(schemas, OTHER)
    installation = reloaded(installation)
    installation.put(HEADER + ROWS)
    load = installation.accept()
    assert installation.execute(load).success
    assert reconciled(installation, load).state is LoadState.SUCCEEDED


def test_a_run_goes_by_the_last_good_field_map_that_the_request_sensor_saved(
    installation: Installation, schemas: Path
) -> None:
    load = installation.accept()
    requested = tick(installation, "load_requests")
    assert isinstance(requested, dg.SensorResult)
    assert len(requested.run_requests or ()) == 1
    break_file(schemas, FEED)
    worker = reloaded(installation)
    installation.put(HEADER + ROWS)
    assert worker.execute(load).success
    assert reconciled(installation, load).state is LoadState.SUCCEEDED


def test_the_incident_is_opened_once_with_file_and_line_and_over_when_the_file_is_good(
    installation: Installation, schemas: Path
) -> None:
    assert "Broken" not in message(installation)
    break_file(schemas, FEED)
    shown = message(installation)
    assert f"Broken field maps: {FEED} (last good version in force)." in shown
    message(installation)
    [incident] = installation.ledger.incidents.list_open()
    assert incident.condition.kind is Kind.FIELD_MAP_BROKEN
    [(subject, body)] = staff_mail(installation)
    assert subject == f"Staff: The field map of {FEED} is broken"
    assert f"{FEED}.yaml, line 2: this is not YAML" in body
    assert "continues with its last valid field map" in body
    restore(schemas, FEED)
    assert "Broken" not in message(installation)
    assert not installation.ledger.incidents.list_open()
    [(subject, _)] = staff_mail(installation)
    assert subject == f"Staff: Resolved: The field map of {FEED} is broken"


def test_a_feed_that_was_disabled_when_the_code_was_loaded_is_not_over_before_it_is_again(
    installation: Installation, schemas: Path
) -> None:
    break_file(schemas, OTHER)
    disabled = reloaded(installation)
    assert f"{OTHER} (disabled)" in message(disabled)
    restore(schemas, OTHER)
    message(disabled)
    assert installation.ledger.incidents.list_open()
    message(reloaded(installation))
    assert not installation.ledger.incidents.list_open()


def test_monitoring_goes_on_where_the_folder_is_gone(
    installation: Installation, schemas: Path
) -> None:
    schemas.rename(schemas.with_name("away"))
    assert FEED in message(installation)
    [incident, *_] = installation.ledger.incidents.list_open()
    assert "The field map folder cannot be read" in incident.condition.detail
    assert incident.condition.kind is Kind.FIELD_MAP_BROKEN


def test_the_assets_of_broken_field_maps_say_what_is_wrong(
    installation: Installation, settings: Settings
) -> None:
    save_field_maps(settings, {FEED: read_schemas(settings).good[FEED]})
    for feed in (FEED, OTHER):
        break_file(settings.schemas_dir, feed)
    graph = reloaded(installation).definitions.resolve_asset_graph()
    lookups = graph.get(dg.AssetKey(["feeds", "warehouse_lookups"]))
    other = graph.get(dg.AssetKey(["feeds", "warehouse_b"]))
    assert "The last good version of it is in force." in (lookups.description or "")
    assert lookups.is_materializable
    assert (other.description or "").startswith("**Disabled**")
    assert not other.is_materializable
    for node, feed in ((lookups, FEED), (other, OTHER)):
        faults = node.metadata["field map errors"]
        assert f"{feed}.yaml, line 2: this is not YAML" in str(faults)


def test_definitions_with_a_broken_field_map_load_as_fast(
    installation: Installation, schemas: Path
) -> None:
    def seconds() -> float:
        started = time.perf_counter()
        build_definitions(installation.settings)
        return time.perf_counter() - started

    good = min(seconds() for _ in range(3))
    break_file(schemas, OTHER)
    assert min(seconds() for _ in range(3)) < good + 0.5


def accepted(installation: Installation, feed: str, ago: timedelta) -> Load:
    """Accept a load of a feed some time ago."""
    target: Target = replace(TARGET, feed=feed)
    load = installation.accept(target=target)
    with installation.ledger.database.writing() as connection:
        accepted_at = datetime.now(UTC) - ago
        connection.execute(
            update(loads).where(loads.c.job_id == load.job_id).values(accepted_at=accepted_at)
        )
    return load


def test_loads_of_a_disabled_feed_wait_an_hour_and_then_end_as_our_fault(
    installation: Installation, schemas: Path
) -> None:
    break_file(schemas, OTHER)
    installation = reloaded(installation)
    old = accepted(installation, OTHER, timedelta(minutes=61))
    new = accepted(installation, OTHER, timedelta(minutes=59))
    for sensor in ("load_requests", "reconcile"):
        tick(installation, sensor)
    assert installation.again(new).state is LoadState.QUEUED
    ended = installation.again(old)
    assert ended.state is LoadState.FAILED
    assert ended.errors == (str(Misconfigured()),)
    [attempt] = installation.ledger.attempts.of(old.job_id)
    assert "The feed warehouse-b is disabled: its field map is broken" in attempt.errors[0]


def test_a_load_whose_hold_was_approved_late_waits_an_hour_from_then(
    installation: Installation, schemas: Path
) -> None:
    load = accepted(installation, OTHER, timedelta(hours=5))
    began = datetime.now(UTC) - timedelta(hours=4)
    rows = HeldRows(
        digest="beef",
        field_map=small_field_map(OTHER),
        table="warehouse",
        columns=("xid",),
        rows=4,
        sha256="cafe",
        etag="e1",
    )
    hold = Hold(
        job_id=load.job_id,
        held=rows,
        counts=Counts(5, 4, 1),
        changes=Changes(1, 2, 30, 1, {}),
        reasons=("30 rows removed.",),
        held_at=began,
        expires_at=began + timedelta(days=7),
    )
    ledger = installation.ledger
    ledger.attempts.begin(load, "run", began)
    assert ledger.holds.hold(hold, 1, Receipt("cafe", "e1"), [])
    assert ledger.holds.approve(load.job_id, "ada", "It is right.", datetime.now(UTC))
    break_file(schemas, OTHER)
    installation = reloaded(installation)
    tick(installation, "reconcile")
    assert installation.again(load).state is LoadState.QUEUED


def test_a_copy_goes_with_its_file_and_no_sensor_saves_it_again(
    installation: Installation, schemas: Path
) -> None:
    copy = installation.settings.last_good_dir / f"{OTHER}.yaml"
    message(installation)
    assert copy.exists()
    (schemas / copy.name).unlink()
    message(installation)
    assert not copy.exists()
    installation.accept()
    tick(installation, "load_requests")
    assert not copy.exists()
