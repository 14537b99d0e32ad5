"""Runs whose worker died after it had ended its load."""

from datetime import UTC, datetime

import pytest
from dagster import DagsterRunStatus

from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.defs.sensors import polling
from tests.integration.dagster.conftest import Installation
from tests.integration.dagster.sensor_ticks import a_run_of, requested, skip


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ticks that find nothing end at once."""
    monkeypatch.setattr(polling, "TICK_SECONDS", 0.0)


def test_a_run_whose_worker_died_after_it_had_ended_its_load_blocks_no_other(
    installation: Installation,
) -> None:
    """With its code server dead, too, Dagster took it for running for three hours."""
    load = installation.accept()
    requested(installation)
    dead = a_run_of(installation, load, DagsterRunStatus.STARTED)
    starting = a_run_of(installation, load, DagsterRunStatus.STARTED)  # has no lease yet
    outcome = Outcome(LoadState.SUCCEEDED)
    assert installation.ledger.loads.end(load.job_id, outcome, (), datetime.now(UTC))
    workers = installation.settings.workers_dir
    workers.mkdir()
    (workers / dead).touch()  # no process holds its lock
    assert skip(installation, "reconcile") == "Outstanding loads: 1 declared dead."
    statuses = [
        run.status
        for run_id in (dead, starting)
        if (run := installation.instance.get_run_by_id(run_id))
    ]
    assert statuses == [DagsterRunStatus.FAILURE, DagsterRunStatus.STARTED]
