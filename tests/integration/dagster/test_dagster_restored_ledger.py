"""A run of a load whose version is in the warehouse, of which its restored ledger knows nothing."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.notifications.notification import Audience
from alumniq_pipelines.defs import run_records
from tests.integration.dagster.conftest import HEADER, ROWS, TARGET, Installation
from tests.integration.dagster.sensor_ticks import a_run_of, skip


def test_a_load_that_was_published_since_the_backup_ends_as_published_without_made_up_counts(
    installation: Installation, ledger: Ledger, tmp_path: Path
) -> None:
    installation.put(HEADER + ROWS)
    load = installation.accept()
    ledger.close()
    shutil.copy(installation.settings.home / "ledger.db", tmp_path / "backup.db")
    first = installation.execute(load)
    assert first.success
    ledger.close()
    for leftover in installation.settings.home.glob("ledger.db*"):
        leftover.unlink()
    shutil.copy(tmp_path / "backup.db", installation.settings.home / "ledger.db")

    assert installation.again(load).state is LoadState.QUEUED
    second = installation.execute(load)
    assert second.success
    [materialization] = second.asset_materializations_for_node(
        f"feeds__{TARGET.feed.replace('-', '_')}"
    )
    assert materialization.metadata["version"] == dg.MetadataValue.int(load.number)
    assert not second.get_asset_check_evaluations()
    ended = installation.again(load)
    assert (ended.state, ended.counts) == (LoadState.SUCCEEDED, None)
    assert [attempt.result for attempt in ledger.attempts.of(load.job_id)] == [
        AttemptResult.PUBLISHED
    ]
    [mail] = ledger.notifications.of(load.job_id, {Audience.CUSTOMER})
    assert "was loaded." in mail.notice.body
    assert "Rows" not in mail.notice.body
    [version] = ledger.versions.of(TARGET)
    assert version.job_id == load.job_id


@pytest.mark.usefixtures("quick_ticks")
def test_the_runs_of_lost_loads_are_recorded_in_the_restored_ledger(
    installation: Installation, ledger: Ledger, tmp_path: Path
) -> None:
    """`alumniq doctor` names them, and needs nothing of Dagster for it."""
    installation.put(HEADER + ROWS)
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(installation.settings.home / "ledger.db")) as database:
        database.execute("VACUUM INTO ?", [str(backup)])
    lost = [installation.accept() for _ in range(2)]
    for load in lost:
        installation.execute(load)
    assert "unknown run" not in skip(installation, "reconcile")
    ledger.close()
    for leftover in installation.settings.home.glob("ledger.db*"):
        leftover.unlink()
    shutil.copy(backup, installation.settings.home / "ledger.db")

    assert "2 unknown run recorded" in skip(installation, "reconcile")
    assert "unknown run" not in skip(installation, "reconcile")
    found = ledger.unknown_runs.all()
    assert [run.job_id for run in found] == [load.job_id for load in reversed(lost)]
    assert {run.target for run in found} == {str(TARGET)}


def test_as_many_runs_are_read_as_have_unknown_loads(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_records, "RUNS_PER_PAGE", 2)
    load = installation.accept()
    for _ in range(5):
        a_run_of(installation, load, DagsterRunStatus.FAILURE)
    pages = list(run_records.pages_of_runs(installation.instance))
    assert [len(page) for page in pages] == [2, 2, 1]
