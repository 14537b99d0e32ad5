"""The archived rows of held loads: whose they are, what they are called, and when they go."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.core.loads.archive import HELD, old_held_name
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.services import load_actions
from alumniq_pipelines.services.load_files import store_held_rows
from alumniq_pipelines.services.retention import prune
from alumniq_pipelines.wiring import open_archive
from tests.accepted_rows import accepted_rows, small_field_map
from tests.integration.dagster.conftest import HEADER, ROWS, TARGET, Installation

HALF = HEADER + "".join(ROWS.splitlines(keepends=True)[:50])
MONTH = timedelta(days=30)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def held(installation: Installation) -> Load:
    """Publish a hundred rows, then deliver half of them."""
    for content in (HEADER + ROWS, HALF):
        installation.put(content)
        load = installation.accept()
        installation.execute(load)
    return installation.again(load)


def live(installation: Installation) -> int | None:
    """Return the number of rows that are live."""
    warehouse = DuckDBWarehouse(installation.settings.warehouse_dir)
    version = warehouse.live(TARGET)
    return version.rows if version else None


def test_a_late_attempt_does_not_replace_the_rows_of_a_hold(
    installation: Installation, held: Load, tmp_path: Path
) -> None:
    late = accepted_rows(tmp_path, "select 'late' as xid")
    archive = open_archive(installation.settings)
    store_held_rows(archive, held.job_id, small_field_map("late"), late)
    load_actions.approve(installation.ledger, held.job_id, "A real cut.", "ada", now())
    installation.execute(held)
    assert live(installation) == 50


def test_rows_held_by_an_earlier_release_are_published(
    installation: Installation, held: Load
) -> None:
    [rows] = (installation.settings.archive_dir / HELD).iterdir()
    rows.rename(installation.settings.archive_dir / old_held_name(held.job_id))
    load_actions.approve(installation.ledger, held.job_id, "A real cut.", "ada", now())
    installation.execute(held)
    assert live(installation) == 50


def test_held_rows_that_no_hold_names_go_after_a_day(
    installation: Installation, held: Load, tmp_path: Path
) -> None:
    archive, ledger = open_archive(installation.settings), installation.ledger
    warehouse = DuckDBWarehouse(installation.settings.warehouse_dir)
    [held_rows] = archive.list_files(HELD)
    late = accepted_rows(tmp_path, "select 'late' as xid")
    store_held_rows(archive, held.job_id, small_field_map("late"), late)
    prune(archive, ledger, warehouse, MONTH, now(), MONTH)
    assert len(list(archive.list_files(HELD))) == 2
    prune(archive, ledger, warehouse, MONTH, now() + timedelta(days=2), MONTH)
    assert list(archive.list_files(HELD)) == [held_rows]


def test_rows_held_by_an_earlier_release_go_once_the_load_has_its_outcome(
    installation: Installation, held: Load
) -> None:
    archive, ledger = open_archive(installation.settings), installation.ledger
    warehouse = DuckDBWarehouse(installation.settings.warehouse_dir)
    [rows] = (installation.settings.archive_dir / HELD).iterdir()
    rows.rename(installation.settings.archive_dir / old_held_name(held.job_id))
    prune(archive, ledger, warehouse, MONTH, now() + timedelta(days=2), MONTH)
    assert list(archive.list_files(HELD))
    urls = installation.settings.public_urls
    load_actions.discard(ledger, held.job_id, "A test export.", "ada", now(), public_urls=urls)
    prune(archive, ledger, warehouse, MONTH, now(), MONTH)
    assert not list(archive.list_files(HELD))
