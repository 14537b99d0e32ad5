"""A run of a load whose version is in the warehouse, of which its restored ledger knows nothing."""

import shutil
from pathlib import Path

import dagster as dg

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.notifications.notification import Audience
from alumniq_pipelines.defs.run_records import newest_runs
from tests.integration.dagster.conftest import HEADER, ROWS, TARGET, Installation


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


def test_the_runs_of_lost_loads_are_named_by_their_loads(installation: Installation) -> None:
    installation.put(HEADER + ROWS)
    loads = [installation.accept() for _ in range(2)]
    for load in loads:
        installation.execute(load)
    found = newest_runs(installation.instance, 10)
    assert [run.job_id for run in found] == [load.job_id for load in reversed(loads)]
    assert {run.target for run in found} == {str(TARGET)}
    assert len(newest_runs(installation.instance, 1)) == 1
