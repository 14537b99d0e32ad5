"""A worker that is stopped in mid-load gives the load back: it uses up no try."""

import logging
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._daemon.monitoring.run_monitoring import check_run_timeout

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.core.loads.load import MAX_ATTEMPTS, Load, LoadState
from alumniq_pipelines.core.loads.outcome import MAX_INTERRUPTIONS, AttemptResult
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.core.problems.outcome import LoadStopped
from alumniq_pipelines.definitions import build_definitions
from alumniq_pipelines.defs.tags import JOB_ID
from tests.integration.dagster.conftest import HEADER, ROWS, Installation
from tests.integration.dagster.sensor_ticks import a_run_of, requested

STOPPED, LOST, PUBLISHED = AttemptResult.STOPPED, AttemptResult.LOST, AttemptResult.PUBLISHED


@dataclass(frozen=True)
class Interrupted(DuckDBWarehouse):
    """A warehouse in the middle of whose work the process gets SIGTERM."""

    interrupt: Callable[[], None] = lambda: None

    def live(self, target: Target) -> Version | None:
        """Answer after the interruption."""
        self.interrupt()
        return super().live(target)


def stop_this_process() -> None:
    """Send SIGTERM, as a service manager does."""
    os.kill(os.getpid(), signal.SIGTERM)


def stop_and_raise_another_error() -> None:
    """Send SIGTERM to a library that runs Python's handlers, and raises what it likes."""
    try:
        stop_this_process()
    except BaseException:  # noqa: BLE001 - as DuckDB does
        message = "Query interrupted"
        raise RuntimeError(message) from None


def stop_and_go_on() -> None:
    """Send SIGTERM to a library that goes on all the same, as DuckDB does at times."""
    with suppress(BaseException):
        stop_this_process()


def interrupted(
    installation: Installation, interrupt: Callable[[], None] = stop_this_process
) -> Installation:
    """Return the installation with a worker that is stopped in mid-load."""
    warehouse = Interrupted(installation.settings.warehouse_dir, interrupt=interrupt)
    definitions = build_definitions(
        installation.settings, {"buckets": installation.buckets, "warehouse": warehouse}
    )
    return replace(installation, definitions=definitions)


def run_of(installation: Installation, load: Load) -> dg.DagsterRun:
    """Return the newest run of a load."""
    [run, *_] = installation.instance.get_runs(dg.RunsFilter(tags={JOB_ID: load.job_id}))
    return run


def results(installation: Installation, load: Load) -> list[AttemptResult | None]:
    return [attempt.result for attempt in installation.ledger.attempts.of(load.job_id)]


@pytest.fixture
def load(installation: Installation) -> Load:
    """A load that is to be executed."""
    installation.put(HEADER + ROWS)
    return installation.accept()


@pytest.mark.parametrize(
    "interrupt", [stop_this_process, stop_and_raise_another_error, stop_and_go_on]
)
def test_a_worker_that_is_stopped_gives_its_load_back(
    installation: Installation, load: Load, interrupt: Callable[[], None]
) -> None:
    interrupted(installation, interrupt).execute(load)
    assert results(installation, load) == [STOPPED]
    assert installation.reconcile()["queued again"] == 1
    again = installation.again(load)
    assert (again.state, again.failed_launches) == (LoadState.QUEUED, 0)
    [attempt] = installation.ledger.attempts.of(load.job_id)
    assert attempt.ended_at
    assert again.next_attempt_at
    assert (again.next_attempt_at - attempt.ended_at).total_seconds() < 60
    assert installation.ledger.notifications.of(load.job_id) == []
    installation.execute(again)
    assert results(installation, load) == [STOPPED, PUBLISHED]


def test_interruptions_use_up_no_tries_until_there_are_too_many(
    installation: Installation, load: Load
) -> None:
    worker = interrupted(installation)
    for number in range(1, MAX_INTERRUPTIONS + MAX_ATTEMPTS + 1):
        assert installation.again(load).state is LoadState.QUEUED
        worker.execute(installation.again(load))
        assert len(results(installation, load)) == number
        installation.reconcile()
    ended = installation.again(load)
    assert ended.state is LoadState.FAILED
    assert "5 times" in ended.errors[0]
    assert results(installation, load) == [STOPPED] * MAX_INTERRUPTIONS + [LOST] * MAX_ATTEMPTS


def test_a_person_who_stops_the_run_ends_the_load(installation: Installation, load: Load) -> None:
    def stop_by_a_person() -> None:
        installation.instance.report_run_canceling(run_of(installation, load))
        stop_this_process()

    interrupted(installation, stop_by_a_person).execute(load)
    assert run_of(installation, load).status is DagsterRunStatus.CANCELED
    installation.reconcile()
    assert results(installation, load) == [STOPPED]
    ended = installation.again(load)
    assert (ended.state, ended.errors) == (LoadState.FAILED, (str(LoadStopped()),))


def test_a_run_that_dagster_stops_after_its_maximum_runtime_is_retried(
    installation: Installation, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the worker has reported it as canceled before Dagster reports it as failed."""
    instance = installation.instance
    [claimed] = requested(installation)
    assert claimed == load.job_id
    run_id = a_run_of(installation, load, DagsterRunStatus.STARTED)
    installation.ledger.attempts.begin(
        load, run_id, datetime.now(UTC), launch=installation.again(load).launch
    )

    def worker_reports_first(self: object, run_id: str) -> bool:
        del self
        run = instance.get_run_by_id(run_id)
        assert run
        instance.report_run_canceled(run)
        return False

    monkeypatch.setattr(dg.DefaultRunLauncher, "terminate", worker_reports_first)
    [record] = instance.get_run_records(dg.RunsFilter(run_ids=[run_id]))
    late = record._replace(start_time=1.0)
    check_run_timeout(instance, late, logging.getLogger(__name__), 1.0)
    assert run_of(installation, load).status is DagsterRunStatus.CANCELED
    assert installation.reconcile()["queued again"] == 1
    assert results(installation, load) == [LOST]
