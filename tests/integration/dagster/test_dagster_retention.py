"""Retention in Dagster's storage, on both engines: old runs go, and what the UI shows stays."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterEventType, DagsterRunStatus
from dagster._core.scheduler.instigation import (  # has no public name
    InstigatorType,
    TickStatus,
)
from dagster._core.storage.event_log.schema import (  # has no public name
    AssetCheckExecutionsTable,
    SqlEventLogStorageTable,
)
from dagster._core.test_utils import create_run_for_test  # has no public name
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.cli.dagster_storage import URL
from alumniq_pipelines.cli.home import migrate, prepare_installation
from alumniq_pipelines.cli.programs import programs_environment
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import Load, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.defs.run_retention import RunRetention
from alumniq_pipelines.defs.tags import JOB_ID
from alumniq_pipelines.settings import Settings
from tests.servers.postgres import PostgresServer

PARTITIONS = ("iqu.production", "iqu.qa")
FEED = dg.AssetKey("feed")
FRESHNESS = dg.AssetCheckKey(FEED, "freshness")
SECONDS = 60.0
"""More than a test needs: a round is over after one part."""


class FeedConfig(dg.Config):
    """What a run of the test's feed does."""

    outcome: str = "published"


@dg.asset(
    partitions_def=dg.StaticPartitionsDefinition(list(PARTITIONS)),
    check_specs=[dg.AssetCheckSpec("rows", asset="feed")],
)
def feed(context: dg.AssetExecutionContext, config: FeedConfig) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Publish, or fail before or after the check."""
    if config.outcome == "broken":
        raise dg.Failure(allow_retries=False)
    if config.outcome == "rejected":
        context.log_event(
            dg.AssetCheckEvaluation(
                asset_key=FEED, check_name="rows", passed=False, partition=context.partition_key
            )
        )
        raise dg.Failure(allow_retries=False)
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="rows", passed=True)])


@dataclass(frozen=True, kw_only=True)
class Storage:
    """Dagster's storage on one engine, beside a ledger."""

    instance: dg.DagsterInstance
    ledger: Ledger
    home: Path

    def run(self, partition: str, outcome: str = "published", **tags: str) -> str:
        """Carry out a run, and return its id."""
        return dg.materialize(
            [feed],
            instance=self.instance,
            partition_key=partition,
            run_config=dg.RunConfig({"feed": FeedConfig(outcome=outcome)}),
            tags=tags,
            raise_on_error=False,
        ).run_id

    def prune(self, age: timedelta = timedelta(seconds=-5)) -> int:
        """Delete what is older, in one part; by default, everything that may go."""
        retention = RunRetention(
            instance=self.instance, ledger=self.ledger, before=datetime.now(UTC) - age
        )
        pruned = retention.prune(0, SECONDS)
        assert pruned.is_over
        return pruned.deleted + retention.prune_events_without_run(SECONDS)

    @property
    def run_ids(self) -> set[str]:
        """The runs that are left."""
        return {run.run_id for run in self.instance.get_runs()}

    def rows(self, *columns: Any) -> list[tuple[Any, ...]]:
        """Read columns of Dagster's tables of events."""
        storage: Any = self.instance.event_log_storage
        with storage.index_connection() as connection:
            return [tuple(row) for row in connection.execute(select(*columns))]

    @property
    def shown(self) -> dict[str, Any]:
        """What the UI reads to show the state of the asset, its partitions and its checks."""
        storage = self.instance.event_log_storage
        check = dg.AssetCheckKey(FEED, "rows")
        latest = storage.get_latest_asset_check_execution_by_key([check, FRESHNESS])
        failed_attempts = (
            storage.get_latest_asset_partition_materialization_attempts_without_materializations
        )
        newest = self.instance.get_latest_materialization_event(FEED)
        return {
            "materialized": storage.get_latest_storage_id_by_partition(
                FEED, DagsterEventType.ASSET_MATERIALIZATION
            ),
            "observed": storage.get_latest_storage_id_by_partition(
                FEED, DagsterEventType.ASSET_OBSERVATION
            ),
            "failed": failed_attempts(FEED),
            "checks": {key: (record.run_id, record.status) for key, record in latest.items()},
            # Their order is not defined.
            "by partition": sorted(map(str, storage.get_asset_check_partition_info([check]))),
            "newest": newest and newest.run_id,
        }

    def left_of(self, run_id: str) -> list[str]:
        """Return what is left of a run."""
        files = [str(path) for path in self.home.rglob("*") if run_id in path.name]
        tables = [
            table.name
            for table in (SqlEventLogStorageTable, AssetCheckExecutionsTable)
            if (run_id,) in self.rows(table.c.run_id)
        ]
        records = ["runs"] if self.instance.get_run_by_id(run_id) else []
        return files + tables + records


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def prepared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Storage]:
    """Prepare Dagster's storage on each engine, and a ledger with one customer."""
    url = ""
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.url(server.create())
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), ledger_url=url)
    migrate(settings)
    prepare_installation(settings)
    ledger = Ledger.open(settings.ledger)
    ledger.customers.add(Customer("iqu", "Inter-Quad University", "iqu"), datetime.now(UTC))
    with pytest.MonkeyPatch.context() as patched:
        if url:
            patched.setenv(URL, programs_environment(settings)[URL])
        with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
            yield Storage(instance=instance, ledger=ledger, home=settings.dagster_home)
    ledger.close()


@pytest.fixture
def storage(prepared: Storage) -> Storage:
    """Dagster's storage without any run."""
    prepared.instance.wipe()
    return prepared


def accept(ledger: Ledger) -> Load:
    """Accept a load."""
    target = Target("iqu", Environment.QA, "warehouse")
    request = LoadRequest(new_job_id(), target, "warehouse.csv", "e1", 1_000)
    return ledger.loads.accept(request, datetime.now(UTC))


def test_the_last_run_of_each_partition_stays_and_nothing_is_left_of_the_others(
    storage: Storage,
) -> None:
    old = [storage.run(partition) for partition in PARTITIONS]
    last = {storage.run(partition) for partition in PARTITIONS}
    before = storage.shown
    assert all(storage.left_of(run_id) for run_id in old)
    assert storage.prune() == len(old)
    assert storage.run_ids == last
    assert storage.shown == before
    assert [storage.left_of(run_id) for run_id in old] == [[]] * len(old)
    assert storage.prune() == 0


def test_a_failed_partition_stays_failed_and_its_last_success_stays(storage: Storage) -> None:
    storage.run("iqu.qa", "rejected")
    success = storage.run("iqu.qa")
    storage.run("iqu.qa", "broken")
    failed = storage.run("iqu.qa", "rejected")
    before = storage.shown
    assert before["failed"]
    assert storage.prune() == 2
    assert storage.run_ids == {success, failed}
    assert storage.shown == before


@pytest.fixture(scope="module")
def quick_storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """Dagster's storage in memory, for many examples: its statements are those of SQLite."""
    folder = tmp_path_factory.mktemp("ledger")
    ledger = Ledger.open(f"sqlite:///{folder / 'ledger.db'}")
    ledger.migrate()
    with dg.DagsterInstance.ephemeral() as instance:
        yield Storage(instance=instance, ledger=ledger, home=folder)
    ledger.close()


@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(PARTITIONS), st.sampled_from(["published", "rejected", "broken"])
        ),
        min_size=2,
        max_size=5,
    )
)
def test_what_the_ui_shows_is_the_same_before_and_after(
    quick_storage: Storage, runs: Sequence[tuple[str, str]]
) -> None:
    quick_storage.instance.wipe()
    for partition, outcome in runs:
        quick_storage.run(partition, outcome)
    before = quick_storage.shown
    quick_storage.prune()
    assert quick_storage.shown == before
    # The last run, the last success, and the last evaluation that has another partition or none.
    assert len(quick_storage.run_ids) <= 3 * len(PARTITIONS)


def test_young_runs_and_those_that_have_not_ended_stay(storage: Storage) -> None:
    young = {storage.run("iqu.qa"), storage.run("iqu.qa")}
    assert storage.prune(timedelta(hours=1)) == 0
    waiting = create_run_for_test(storage.instance, status=DagsterRunStatus.STARTED).run_id
    storage.prune()
    assert waiting in storage.run_ids
    assert len(storage.run_ids & young) == 1


def test_the_runs_of_an_unfinished_load_stay_until_it_has_ended(storage: Storage) -> None:
    load = accept(storage.ledger)
    run_id = storage.run("iqu.qa", "broken", **{JOB_ID: load.job_id})
    storage.run("iqu.qa")
    assert storage.prune() == 0
    outcome = Outcome(LoadState.FAILED, ("why",))
    storage.ledger.loads.end(load.job_id, outcome, [], datetime.now(UTC))
    assert storage.prune() == 1
    assert not storage.left_of(run_id)


def test_a_run_by_hand_stays_until_the_load_that_it_made_has_ended(storage: Storage) -> None:
    load, now = accept(storage.ledger), datetime.now(UTC)
    run_id = storage.run("iqu.qa", "broken")
    storage.run("iqu.qa")
    assert storage.ledger.attempts.begin(load, run_id, now)
    assert storage.prune() == 0
    storage.ledger.loads.end(load.job_id, Outcome(LoadState.FAILED, ("why",)), [], now)
    assert storage.prune() == 1
    assert not storage.left_of(run_id)


def test_of_events_without_a_run_the_latest_stay(storage: Storage) -> None:
    for passed in (False, True, False):
        evaluation = dg.AssetCheckEvaluation(asset_key=FEED, check_name="freshness", passed=passed)
        storage.instance.report_runless_asset_event(evaluation)
    for partition in (*PARTITIONS, *PARTITIONS):
        storage.instance.report_runless_asset_event(dg.AssetObservation(FEED, partition=partition))
    before = storage.shown
    assert storage.prune(timedelta(hours=1)) == 0
    assert storage.prune() == 4
    assert storage.shown == before
    assert len(storage.rows(AssetCheckExecutionsTable.c.id)) == 1
    assert len(storage.rows(SqlEventLogStorageTable.c.id)) == 3
    assert storage.prune() == 0


def test_a_run_that_was_deleted_by_half_is_deleted_by_the_next_round(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = [storage.run("iqu.qa")]
    last = storage.run("iqu.qa")
    before = storage.shown

    def crash(run_id: str) -> None:
        raise KeyboardInterrupt(run_id)

    with monkeypatch.context() as patched:
        patched.setattr(storage.instance.run_storage, "delete_run", crash)
        with pytest.raises(KeyboardInterrupt):
            storage.prune()
    assert storage.run_ids == {*old, last}
    assert storage.shown == before
    storage.prune()
    assert storage.run_ids == {last}
    assert [storage.left_of(run_id) for run_id in old] == [[]]


def test_a_round_goes_on_behind_the_run_it_has_come_to(storage: Storage) -> None:
    for _ in range(3):
        storage.run("iqu.qa")
    retention = RunRetention(
        instance=storage.instance,
        ledger=storage.ledger,
        before=datetime.now(UTC) + timedelta(seconds=5),
    )
    part = retention.prune(0, seconds=0.0)
    assert (part.deleted, part.is_over) == (2, False)
    part = retention.prune(part.after, seconds=0.0)
    assert (part.deleted, part.is_over, part.after) == (0, True, 0)


def test_ticks_of_sensors_do_not_stay_for_ever(storage: Storage) -> None:
    kept = storage.instance.get_tick_retention_settings(InstigatorType.SENSOR)
    assert {status: days > 0 for status, days in kept.items()} == dict.fromkeys(
        (TickStatus.SKIPPED, TickStatus.SUCCESS, TickStatus.FAILURE), True
    ) | {TickStatus.STARTED: False}
