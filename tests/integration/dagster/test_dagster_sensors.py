"""The sensors, on a real ledger and a real Dagster instance, one tick at a time."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from alumniq_pipelines.adapters.worker_locks import worker_lease
from alumniq_pipelines.core.loads import reconciliation
from alumniq_pipelines.core.loads.load import MAX_ATTEMPTS, Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.problems.outcome import Misconfigured
from alumniq_pipelines.defs.sensors import polling, reconciler
from alumniq_pipelines.defs.tags import JOB_ID, PRIORITY, WILL_RETRY, tags_of
from alumniq_pipelines.services.retention import sweep
from tests.integration.dagster.conftest import TARGET, Installation


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ticks that find nothing end at once."""
    monkeypatch.setattr(polling, "TICK_SECONDS", 0.0)


def evaluate(installation: Installation, name: str, cursor: str | None = None) -> object:
    """Evaluate a sensor once, as the daemon does."""
    repository = installation.definitions.get_repository_def()
    with dg.build_sensor_context(
        installation.instance,
        repository_def=repository,
        resources={"ledger": installation.ledger, "notifiers": {}},
        sensor_name=name,
        cursor=cursor,
    ) as context:
        return repository.get_sensor_def(name)(context)


def tick(installation: Installation, name: str) -> dg.SensorResult:
    """Evaluate a sensor that returns requests."""
    found = evaluate(installation, name)
    assert isinstance(found, dg.SensorResult)
    return found


def skip(installation: Installation, name: str, cursor: str | None = None) -> str:
    """Evaluate a sensor that returns a message only."""
    found = evaluate(installation, name, cursor)
    assert isinstance(found, dg.SkipReason)
    return found.skip_message or ""


def reconcile(installation: Installation, load: Load) -> str:
    return installation.reconcile()


def a_run_of(
    installation: Installation,
    load: Load,
    status: DagsterRunStatus,
    tags: dict[str, str] | None = None,
) -> str:
    """Record a run as Dagster would have left it."""
    run: dg.DagsterRun = create_run_for_test(
        installation.instance,
        job_name="load_warehouse_lookups",
        status=status,
        tags={**tags_of(load, load.launch), **(tags or {})},
    )
    return run.run_id


def test_every_waiting_load_is_asked_for_once_in_order_of_acceptance(
    installation: Installation,
) -> None:
    loads = [installation.accept() for _ in range(3)]
    first = tick(installation, "load_requests")
    assert [run_request.run_key for run_request in first.run_requests or ()] == [
        load.job_id for load in loads
    ]
    assert [run_request.partition_key for run_request in first.run_requests or ()] == [
        "iqu.production"
    ] * 3
    assert {installation.again(load).state for load in loads} == {LoadState.REQUESTED}
    assert not tick(installation, "load_requests").run_requests


def test_a_burst_is_asked_for_in_bounded_ticks(installation: Installation) -> None:
    for _ in range(60):
        installation.accept()
    sizes = [len(tick(installation, "load_requests").run_requests or ()) for _ in range(3)]
    assert sizes == [50, 10, 0]


def test_a_load_of_a_feed_that_has_no_field_map_waits_and_holds_up_no_other(
    installation: Installation,
) -> None:
    lost = installation.accept(target=Target("iqu", Environment.PRODUCTION, "gone"))
    load = installation.accept()
    requests = tick(installation, "load_requests").run_requests or ()
    assert [request.run_key for request in requests] == [load.job_id]
    assert installation.again(lost).state is LoadState.QUEUED


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
    installation.accept(target=Target("iqu", Environment.QA, TARGET.feed))
    installation.accept()
    requests = tick(installation, "load_requests").run_requests or ()
    qa, production = (int(request.tags[PRIORITY]) for request in requests)
    assert production > qa


def test_partitions_are_added_before_the_first_load_needs_them(installation: Installation) -> None:
    installation.accept(target=Target("iqu", Environment.QA, TARGET.feed))
    (added,) = tick(installation, "load_requests").dynamic_partitions_requests or ()
    assert (added.partitions_def_name, added.partition_keys) == (
        "feeds/warehouse_lookups",
        ["iqu.qa"],
    )


def test_subscriptions_have_their_partitions(installation: Installation) -> None:
    installation.instance.delete_dynamic_partition("feeds/warehouse_lookups", "iqu.production")
    (added,) = tick(installation, "partitions").dynamic_partitions_requests or ()
    assert added.partition_keys == ["iqu.production"]


def test_a_run_that_failed_before_it_began_counts_as_a_lost_attempt_and_is_asked_for_again(
    installation: Installation,
) -> None:
    load = installation.accept()
    tick(installation, "load_requests")
    run_id = a_run_of(installation, load, DagsterRunStatus.FAILURE, {WILL_RETRY: "false"})
    assert reconcile(installation, load) == "queued again"
    (attempt,) = installation.ledger.attempts.of(load.job_id)
    assert (attempt.run_id, attempt.result) == (run_id, AttemptResult.LOST)
    (request,) = tick(installation, "load_requests").run_requests or ()
    assert request.run_key == f"{load.job_id}.2"


def test_five_runs_that_never_began_end_the_load_and_notify_staff(
    installation: Installation,
) -> None:
    load = installation.accept()
    said = []
    for _ in range(MAX_ATTEMPTS):
        tick(installation, "load_requests")
        a_run_of(installation, load, DagsterRunStatus.FAILURE, {WILL_RETRY: "false"})
        said.append(reconcile(installation, load))
    assert said == ["queued again"] * (MAX_ATTEMPTS - 1) + ["ended"]
    assert installation.again(load).state is LoadState.FAILED
    notifications = installation.ledger.notifications.of(load.job_id)
    assert {notification.notice.destination for notification in notifications} == {
        "a@example.org",
        "ops@example.org",
    }


def test_a_failed_run_that_dagster_retries_keeps_its_load_open(installation: Installation) -> None:
    load = installation.accept()
    tick(installation, "load_requests")
    run_id = a_run_of(installation, load, DagsterRunStatus.FAILURE, {WILL_RETRY: "true"})
    installation.ledger.attempts.begin(load, run_id, datetime.now(UTC))
    assert reconcile(installation, load) == "left"
    assert installation.again(load).state is LoadState.RUNNING


def test_a_run_stopped_in_the_ui_ends_its_load_once(installation: Installation) -> None:
    load = installation.accept()
    tick(installation, "load_requests")
    a_run_of(installation, load, DagsterRunStatus.CANCELED)
    assert reconcile(installation, load) == "ended"
    assert reconcile(installation, load) == "left"
    ended = installation.again(load)
    assert ended.state is LoadState.FAILED
    assert "stopped by our staff" in ended.errors[0]


def test_a_run_that_is_under_way_is_left_alone(installation: Installation) -> None:
    load = installation.accept()
    tick(installation, "load_requests")
    for status in (DagsterRunStatus.STARTING, DagsterRunStatus.STARTED):
        a_run_of(installation, load, status)
        assert reconcile(installation, load) == "left"


def test_a_run_whose_worker_died_with_its_machine_is_declared_dead(
    installation: Installation,
) -> None:
    load = installation.accept()
    tick(installation, "load_requests")
    run_id = a_run_of(installation, load, DagsterRunStatus.STARTED)
    workers = installation.settings.workers_dir
    workers.mkdir()
    (workers / run_id).touch()  # no process holds its lock
    assert reconcile(installation, load) == "declared dead"
    run = installation.instance.get_run_by_id(run_id)
    assert run
    assert run.status is DagsterRunStatus.FAILURE
    assert list(workers.iterdir()) == []


def test_a_run_whose_worker_never_showed_itself_is_declared_dead_after_a_while(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed with its code server after its start and before its lease: nothing else notices."""
    monkeypatch.setattr(installation.instance, "_run_launcher", dg.DefaultRunLauncher())
    load = installation.accept()
    run_id = a_run_of(installation, load, DagsterRunStatus.STARTED)
    assert reconcile(installation, load) == "left"
    monkeypatch.setattr(reconciler, "LEASE_GRACE", timedelta())
    with worker_lease(installation.settings.workers_dir, run_id):
        pass
    assert reconcile(installation, load) == "left", "It is done, and Dagster is about to hear so."
    (installation.settings.workers_dir / f"{run_id}.done").unlink()
    assert reconcile(installation, load) == "declared dead"


def test_a_worker_of_another_machine_is_not_missed_here(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "LEASE_GRACE", timedelta())
    load = installation.accept()
    a_run_of(installation, load, DagsterRunStatus.STARTED)
    assert reconcile(installation, load) == "left"


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


def test_a_load_whose_run_is_over_has_its_outcome_within_the_tick(
    installation: Installation,
) -> None:
    load = installation.accept()
    tick(installation, "load_requests")
    run_id = a_run_of(installation, load, DagsterRunStatus.SUCCESS)
    attempts, now = installation.ledger.attempts, datetime.now(UTC)
    attempts.begin(load, run_id, now)
    attempts.end(load.job_id, 1, AttemptResult.PUBLISHED, now)
    look_at_ready_loads_only = str(now.timestamp())
    skip(installation, "reconcile", cursor=look_at_ready_loads_only)
    assert installation.again(load).state is LoadState.SUCCEEDED


def test_every_unfinished_load_is_reconciled_now_and_then(installation: Installation) -> None:
    load = installation.accept()
    tick(installation, "load_requests")
    for _ in range(MAX_ATTEMPTS):
        a_run_of(installation, load, DagsterRunStatus.CANCELED)
    just_now = str(datetime.now(UTC).timestamp())
    assert "nothing" in skip(installation, "reconcile", cursor=just_now)
    assert "1 ended" in skip(installation, "reconcile")


def test_what_a_killed_attempt_left_on_the_scratch_disk_goes_when_its_load_ends(
    installation: Installation,
) -> None:
    load, other = installation.accept(), installation.accept()
    left, remaining = (
        installation.settings.scratch_dir / either.job_id for either in (load, other)
    )
    for folder in (left, remaining):
        (folder / "tmp").mkdir(parents=True)
        (folder / "tmp" / "received").write_text("rows of the customer")
    tick(installation, "load_requests")
    a_run_of(installation, load, DagsterRunStatus.CANCELED)
    assert reconcile(installation, load) == "ended"
    assert not left.exists()
    assert remaining.exists()


def test_what_could_not_be_removed_when_a_load_ended_goes_later(installation: Installation) -> None:
    load, other = installation.accept(), installation.accept()
    tick(installation, "load_requests")
    a_run_of(installation, load, DagsterRunStatus.CANCELED)
    reconcile(installation, load)
    scratch = installation.settings.scratch_dir
    left, remaining = scratch / load.job_id, scratch / other.job_id
    left.mkdir(parents=True)
    remaining.mkdir()
    assert sweep(scratch, installation.ledger) == 1
    assert [remaining] == list(scratch.glob("*"))
    assert sweep(scratch / "none", installation.ledger) == 0
