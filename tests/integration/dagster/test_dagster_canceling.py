"""Canceling a load: what becomes of it, and of its run in Dagster."""

from datetime import UTC, datetime

import pytest
from dagster import DagsterRunStatus
from dagster._core.run_coordinator import QueuedRunCoordinator

from alumniq_pipelines.core.access.public_urls import NO_PUBLIC_URLS
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult, CheckRecord
from alumniq_pipelines.core.problems.api import BeingPublished, LoadCanceled, LoadCanceledUnderway
from alumniq_pipelines.defs.sensors import reconciler
from alumniq_pipelines.services import load_actions
from tests.integration.dagster.conftest import Installation
from tests.integration.dagster.sensor_ticks import a_run_of, requested, skip

pytestmark = pytest.mark.usefixtures("quick_ticks")


def cancel(installation: Installation, load: Load) -> Load:
    return load_actions.cancel(
        installation.ledger, load.job_id, "ada", datetime.now(UTC), public_urls=NO_PUBLIC_URLS
    )


def test_a_canceled_load_ends_at_once_and_its_queued_run_is_stopped_in_dagster(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    coordinator = QueuedRunCoordinator()
    coordinator.register_instance(installation.instance)
    monkeypatch.setattr(installation.instance, "_run_coordinator", coordinator)
    load = installation.accept()
    requested(installation)
    run_id = a_run_of(installation, load, DagsterRunStatus.QUEUED)
    ended = cancel(installation, load)
    assert (ended.state, ended.errors) == (LoadState.FAILED, (str(LoadCanceled()),))
    assert "1 run stopped" in skip(installation, "reconcile")
    run = installation.instance.get_run_by_id(run_id)
    assert run
    assert run.status is DagsterRunStatus.CANCELED
    assert "nothing to do" in skip(installation, "reconcile")
    assert installation.ledger.queue.stopping() == []


def test_a_load_is_canceled_in_the_middle_of_an_attempt_and_that_is_said(
    installation: Installation,
) -> None:
    load = installation.accept()
    installation.ledger.attempts.begin(load, "run", datetime.now(UTC))
    ended = cancel(installation, load)
    assert ended.errors == (str(LoadCanceledUnderway()),)
    (attempt,) = installation.ledger.attempts.of(load.job_id)
    assert attempt.result is AttemptResult.STOPPED


def test_a_load_that_is_being_published_is_not_canceled(installation: Installation) -> None:
    load, now = installation.accept(), datetime.now(UTC)
    installation.ledger.attempts.begin(load, "run", now)
    check = CheckRecord(counts=Counts(1, 1, 0))
    assert installation.ledger.attempts.claim_publication(load.job_id, 1, check, None, now)
    with pytest.raises(BeingPublished):
        cancel(installation, load)
    assert installation.again(load).state is LoadState.RUNNING
    assert installation.ledger.notifications.of(load.job_id) == []


def test_a_run_that_a_person_re_executed_after_the_cancellation_is_not_stopped(
    installation: Installation,
) -> None:
    load = installation.accept()
    requested(installation)
    cancel(installation, load)
    by_hand = a_run_of(
        installation, load, DagsterRunStatus.QUEUED, **{"dagster/parent_run_id": "gone"}
    )
    skip(installation, "reconcile")
    run = installation.instance.get_run_by_id(by_hand)
    assert run
    assert run.status is DagsterRunStatus.QUEUED


def test_a_pass_stops_only_as_many_runs_as_its_time_allows_and_the_next_ones_the_others(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "STOP_SECONDS", -1.0)
    coordinator = QueuedRunCoordinator()
    coordinator.register_instance(installation.instance)
    monkeypatch.setattr(installation.instance, "_run_coordinator", coordinator)
    for _ in range(3):
        load = installation.accept()
        requested(installation)
        a_run_of(installation, load, DagsterRunStatus.QUEUED)
        cancel(installation, load)
    assert [skip(installation, "reconcile") for _ in range(3)] == [
        "Outstanding loads: 1 run stopped."
    ] * 3
    skip(installation, "reconcile")
    assert installation.ledger.queue.stopping() == []
