"""The sensors, on a real ledger and a real Dagster instance, one tick at a time."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dagster import DagsterRunStatus
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher

from alumniq_pipelines.adapters.ledger.worker_leases import LedgerLeases
from alumniq_pipelines.adapters.worker_locks import FileLeases
from alumniq_pipelines.core.loads import reconciliation
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import MAX_ATTEMPTS, JobId, Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult, Outcome
from alumniq_pipelines.core.loads.reconciliation import MAX_FAILED_LAUNCHES
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.problems.outcome import Misconfigured, NotStarted
from alumniq_pipelines.defs.sensors import reconciler
from alumniq_pipelines.defs.tags import JOB_ID, NOTHING_DONE, PRIORITY
from tests.integration.dagster.conftest import HEADER, ROWS, TARGET, Installation
from tests.integration.dagster.sensor_ticks import a_run_of, requested, skip, tick

pytestmark = pytest.mark.usefixtures("quick_ticks")


def reconcile(installation: Installation) -> str:
    """Reconcile the one outstanding load, and return what was done."""
    done = installation.reconcile()
    return "left" if not done else next(iter(done))


def table(customer: str, environment: Environment = Environment.PRODUCTION) -> Target:
    return Target(customer, environment, TARGET.feed)


def poll_until_requested(installation: Installation) -> None:
    """Tick until a load is requested, which waits for a moment after its last attempt."""
    until = time.monotonic() + 10
    while not requested(installation):
        assert time.monotonic() < until


def end(installation: Installation, load: Load) -> None:
    outcome = Outcome(LoadState.SUCCEEDED)
    assert installation.ledger.loads.end(load.job_id, outcome, (), datetime.now(UTC))


def lose_worker(installation: Installation, run_id: str) -> Path:
    """Leave the lease of a run whose worker has died; return the folder of leases."""
    workers = installation.settings.workers_dir
    workers.mkdir()
    (workers / run_id).touch()  # no process holds its lock
    return workers


def test_the_loads_of_a_table_are_asked_for_one_at_a_time_in_order_of_acceptance(
    installation: Installation,
) -> None:
    """Three of one table were once at work together while the machine was overloaded."""
    loads = [installation.accept() for _ in range(3)]
    for load in loads:
        (request,) = tick(installation, "load_requests").run_requests or ()
        assert request.run_key == f"{load.job_id}.1"
        assert request.partition_key == "iqu.production"
        assert installation.again(load).state is LoadState.REQUESTED
        assert requested(installation) == []
        end(installation, load)


def test_only_so_many_loads_are_outstanding_and_the_others_wait_in_the_ledger(
    installation: Installation,
) -> None:
    limit = installation.settings.max_outstanding
    for number in range(limit + 3):
        customer = f"c{number}"
        known = Customer(customer, f"{customer} University", f"bucket-{customer}")
        installation.ledger.customers.add(known, datetime.now(UTC))
        installation.accept(target=table(customer))
    first = requested(installation)
    assert len(first) == limit
    assert requested(installation) == []
    found = installation.ledger.loads.get(JobId(first[0]))
    assert found
    end(installation, found)
    assert len(requested(installation)) == 1


def test_loads_of_a_feed_that_has_no_field_map_wait_and_hold_up_no_other(
    installation: Installation,
) -> None:
    """Five hundred of them once held up all others for an hour."""
    lost = [
        installation.accept(target=Target("iqu", Environment.PRODUCTION, f"gone-{number}"))
        for number in range(30)
    ]
    load = installation.accept()
    assert requested(installation) == [load.job_id]
    assert {installation.again(waiting).state for waiting in lost} == {LoadState.QUEUED}


def test_a_run_carries_what_the_queue_counts_and_neither_address_nor_file(
    installation: Installation,
) -> None:
    load = installation.accept("secret-name.csv")
    (request,) = tick(installation, "load_requests").run_requests or ()
    assert request.tags["alumniq/target"] == "iqu/production/warehouse-lookups"
    assert request.tags["alumniq/customer"] == "iqu"
    assert request.tags[JOB_ID] == load.job_id
    assert not [value for value in request.tags.values() if "secret" in value or "@" in value]
    assert sum(len(key) + len(value) for key, value in request.tags.items()) < 1_000


def test_production_goes_before_qa(installation: Installation) -> None:
    installation.accept(target=table("iqu", Environment.QA))
    installation.accept()
    requests = tick(installation, "load_requests").run_requests or ()
    production, qa = (int(request.tags[PRIORITY]) for request in requests)
    assert production > qa


def test_partitions_are_added_before_the_first_load_needs_them(installation: Installation) -> None:
    installation.accept(target=table("iqu", Environment.QA))
    (added,) = tick(installation, "load_requests").dynamic_partitions_requests or ()
    assert (added.partitions_def_name, added.partition_keys) == (
        "feeds/warehouse_lookups",
        ["iqu.qa"],
    )


def test_subscriptions_have_their_partitions(installation: Installation) -> None:
    installation.instance.delete_dynamic_partition("feeds/warehouse_lookups", "iqu.production")
    (added,) = tick(installation, "partitions").dynamic_partitions_requests or ()
    assert added.partition_keys == ["iqu.production"]


def test_a_run_that_never_began_is_no_attempt_and_is_asked_for_again_later(
    installation: Installation,
) -> None:
    load = installation.accept()
    requested(installation)
    a_run_of(installation, load, DagsterRunStatus.FAILURE)
    assert reconcile(installation) == "queued again"
    assert installation.ledger.attempts.of(load.job_id) == []
    waiting = installation.again(load)
    assert (waiting.state, waiting.failed_launches) == (LoadState.QUEUED, 1)
    assert waiting.next_attempt_at
    assert requested(installation) == [load.job_id]


def test_the_late_run_of_an_earlier_launch_does_nothing_and_says_so(
    installation: Installation,
) -> None:
    """A launch that took longer than a minute was declared failed, and then its run started."""
    installation.put(HEADER + ROWS)
    load = installation.accept()
    requested(installation)
    late = installation.tags_of(load)
    a_run_of(installation, load, DagsterRunStatus.FAILURE)
    reconcile(installation)
    assert requested(installation) == [load.job_id]
    run = installation.execute(load, tags=late)
    assert run.success
    assert not run.asset_materializations_for_node("feeds__warehouse_lookups")
    stored = installation.instance.get_run_by_id(run.run_id)
    assert stored
    assert stored.tags[NOTHING_DONE] == "run-outdated"
    assert installation.ledger.attempts.of(load.job_id) == []
    assert installation.execute(load).success
    assert installation.again(load).state is LoadState.SUCCEEDED


def test_a_load_that_can_never_be_started_ends_and_nobody_is_told_of_attempts(
    installation: Installation,
) -> None:
    load = installation.accept()
    said = []
    for _ in range(MAX_FAILED_LAUNCHES):
        installation.ledger.queue.release(load.job_id)
        requested(installation)
        a_run_of(installation, load, DagsterRunStatus.FAILURE)
        said.append(reconcile(installation))
    assert said == ["queued again"] * (MAX_FAILED_LAUNCHES - 1) + ["ended"]
    ended = installation.again(load)
    assert (ended.state, ended.errors) == (LoadState.FAILED, (str(NotStarted()),))
    bodies = {
        notification.notice.destination: notification.notice.body
        for notification in installation.ledger.notifications.of(load.job_id)
    }
    assert set(bodies) == {"a@example.org", "ops@example.org"}
    assert not [body for body in bodies.values() if "times" in body]


def test_a_worker_that_dies_is_followed_by_another_run_after_a_wait(
    installation: Installation,
) -> None:
    load = installation.accept()
    requested(installation)
    run_id = a_run_of(installation, load, DagsterRunStatus.FAILURE)
    begun = installation.again(load)
    installation.ledger.attempts.begin(begun, run_id, datetime.now(UTC), launch=begun.launch)
    assert reconcile(installation) == "queued again"
    (attempt,) = installation.ledger.attempts.of(load.job_id)
    assert (attempt.run_id, attempt.result) == (run_id, AttemptResult.LOST)
    waiting = installation.again(load)
    assert (waiting.state, waiting.failed_launches) == (LoadState.QUEUED, 0)


def test_five_attempts_that_were_lost_end_the_load_and_notify_staff(
    installation: Installation,
) -> None:
    load = installation.accept()
    said = []
    for _ in range(MAX_ATTEMPTS):
        poll_until_requested(installation)
        run_id = a_run_of(installation, load, DagsterRunStatus.FAILURE)
        begun = installation.again(load)
        installation.ledger.attempts.begin(begun, run_id, datetime.now(UTC), launch=begun.launch)
        said.append(reconcile(installation))
    assert said == ["queued again"] * (MAX_ATTEMPTS - 1) + ["ended"]
    assert installation.again(load).state is LoadState.FAILED
    notifications = installation.ledger.notifications.of(load.job_id)
    assert {notification.notice.destination for notification in notifications} == {
        "a@example.org",
        "ops@example.org",
    }


def test_a_run_stopped_in_the_ui_ends_its_load_once(installation: Installation) -> None:
    load = installation.accept()
    requested(installation)
    a_run_of(installation, load, DagsterRunStatus.CANCELED)
    assert reconcile(installation) == "ended"
    assert reconcile(installation) == "left"
    ended = installation.again(load)
    assert ended.state is LoadState.FAILED
    assert "stopped by our staff" in ended.errors[0]


def test_a_run_that_is_under_way_is_left_alone(installation: Installation) -> None:
    load = installation.accept()
    tick(installation, "load_requests")
    for status in (DagsterRunStatus.STARTING, DagsterRunStatus.STARTED):
        a_run_of(installation, load, status)
        assert reconcile(installation) == "left"


def test_a_run_whose_worker_died_with_its_machine_fails_and_its_load_is_queued_again_once(
    installation: Installation,
) -> None:
    load = installation.accept()
    requested(installation)
    run_id = a_run_of(installation, load, DagsterRunStatus.STARTED)
    begun = installation.again(load)
    installation.ledger.attempts.begin(begun, run_id, datetime.now(UTC), launch=begun.launch)
    workers = lose_worker(installation, run_id)
    assert installation.reconcile() == {"declared dead": 1, "queued again": 1}
    assert installation.reconcile() == {}
    run = installation.instance.get_run_by_id(run_id)
    assert run
    assert run.status is DagsterRunStatus.FAILURE
    (attempt,) = installation.ledger.attempts.of(load.job_id)
    assert (attempt.run_id, attempt.result) == (run_id, AttemptResult.LOST)
    assert installation.again(load).state is LoadState.QUEUED
    assert list(workers.iterdir()) == []


def test_a_run_whose_worker_died_after_it_had_ended_its_load_blocks_no_other(
    installation: Installation,
) -> None:
    """With its code server dead, too, Dagster took it for running for three hours.

    This waits for nothing: the sensor looked for orphaned loads just now, as its cursor says.
    """
    load = installation.accept()
    requested(installation)
    dead = a_run_of(installation, load, DagsterRunStatus.STARTED)
    starting = a_run_of(installation, load, DagsterRunStatus.STARTED)  # has no lease yet
    end(installation, load)
    lose_worker(installation, dead)
    cursor = str(datetime.now(UTC).timestamp())
    assert skip(installation, "reconcile", cursor) == "Outstanding loads: 1 declared dead."
    statuses = [
        run.status
        for run_id in (dead, starting)
        if (run := installation.instance.get_run_by_id(run_id))
    ]
    assert statuses == [DagsterRunStatus.FAILURE, DagsterRunStatus.STARTED]


def test_a_run_whose_worker_never_showed_itself_is_declared_dead_after_a_while(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed with its code server after its start and before its lease: nothing else notices."""
    load = installation.accept()
    requested(installation)
    run_id = a_run_of(installation, load, DagsterRunStatus.STARTED)
    assert reconcile(installation) == "left"
    monkeypatch.setattr(reconciler, "LEASE_GRACE", timedelta())
    with FileLeases(installation.settings.workers_dir).hold(run_id):
        pass
    assert reconcile(installation) == "left", "It is done, and Dagster is about to hear so."
    (installation.settings.workers_dir / f"{run_id}.done").unlink()
    assert reconcile(installation) == "declared dead"


def test_workers_of_another_launcher_have_their_leases_in_the_ledger(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may be on any host."""
    monkeypatch.setattr(installation.instance, "_run_launcher", SyncInMemoryRunLauncher())
    monkeypatch.setattr(reconciler, "LEASE_GRACE", timedelta())
    load = installation.accept()
    requested(installation)
    run_id = a_run_of(installation, load, DagsterRunStatus.STARTED)
    with LedgerLeases(installation.ledger.database, "worker-1").hold(run_id):
        assert reconcile(installation) == "left"
    assert reconcile(installation) == "left", "It is done, and Dagster is about to hear so."
    LedgerLeases(installation.ledger.database, "worker-1").clear(run_id)
    assert reconcile(installation) == "declared dead"


def test_a_load_whose_field_map_stays_away_fails_and_staff_are_notified(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = installation.accept(target=Target("iqu", Environment.PRODUCTION, "gone"))
    assert "nothing to do" in skip(installation, "reconcile")
    monkeypatch.setattr(reconciliation, "FIELD_MAP_TIMEOUT", timedelta())
    assert "1 ended without a field map" in skip(installation, "reconcile")
    assert "nothing to do" in skip(installation, "reconcile"), "Once only."
    assert installation.again(load).errors == (str(Misconfigured()),)
    bodies = {
        notification.notice.destination: notification.notice.body
        for notification in installation.ledger.notifications.of(load.job_id)
    }
    assert set(bodies) == {"a@example.org", "ops@example.org"}
    assert "schemas/gone.yaml" in bodies["ops@example.org"]
    assert "schemas/gone.yaml" not in bodies["a@example.org"]
    exhausted = installation.ledger.health.exhausted(datetime.now(UTC) - timedelta(days=1))
    assert [request.job_id for request in exhausted] == [load.job_id]


def test_all_outstanding_loads_are_reconciled_at_every_tick(installation: Installation) -> None:
    loads = [installation.accept(target=table("iqu", kind)) for kind in Environment]
    requested(installation)
    for load in loads:
        a_run_of(installation, load, DagsterRunStatus.CANCELED)
    just_now = str(datetime.now(UTC).timestamp())
    assert "2 ended" in skip(installation, "reconcile", cursor=just_now)
