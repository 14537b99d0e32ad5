"""Deleting old runs from Dagster's storage, except those that the UI shows the latest state by.

Dagster deletes the run and its log (`DagsterInstance.delete_run`), but leaves behind evaluations of
checks, what the run has printed and, with SQLite, the file of its log, where nothing finds them any
more. And it takes the run away first: after a crash, the log would stay for ever. So the parts are
deleted here, the run last, and a run that was deleted by half is found again.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import DagsterEventType
from dagster._core.instance.utils import RUNLESS_RUN_ID  # has no public name
from dagster._core.storage.dagster_run import FINISHED_STATUSES  # has no public name
from dagster._core.storage.event_log.schema import (  # has no public name
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage  # has no public name
from dagster._core.storage.runs.schema import RunsTable  # has no public name
from dagster._serdes import deserialize_value  # has no public name
from sqlalchemy import ColumnElement, Connection, Delete, RowMapping, delete, func, select

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.defs.tags import JOB_ID

RUNS_PER_TRANSACTION = 10
EVENTS_PER_TRANSACTION = 200
CHECK_EVENTS = (
    DagsterEventType.ASSET_CHECK_EVALUATION.value,
    DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value,
)

_events, _checks, _runs = SqlEventLogStorageTable.c, AssetCheckExecutionsTable.c, RunsTable.c


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRound:
    """What one part of a round has deleted; the next part goes on behind the run `after`."""

    deleted: int
    after: int
    is_over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRetention:
    """Deletes ended runs, and events without a run, that are older than `before`."""

    instance: dg.DagsterInstance
    ledger: Ledger
    before: datetime

    def prune(self, after: int, seconds: float) -> RunRound:
        """Delete for some seconds, in the order in which runs were made, behind a run's number."""
        deadline = time.monotonic() + seconds
        deleted = 0
        while batch := self._batch(after):
            after = batch[-1]["id"]
            run_ids = self._expired(batch)
            deleted += self._delete(run_ids)
            if time.monotonic() > deadline:
                return RunRound(deleted=deleted, after=after, is_over=False)
        return RunRound(deleted=deleted, after=0, is_over=True)

    def prune_events_without_run(self, seconds: float) -> int:
        """Delete old events that no run has reported, except the latest of each partition.

        Sensors report freshness, rollbacks and the like.
        """
        deadline = time.monotonic() + seconds
        deleted = after = 0
        while time.monotonic() < deadline:
            with self._storage.index_connection() as connection:
                found = _old_events_without_run(connection, after, self.before)
                deleted += _delete_events_without_run(connection, found)
            if not found:
                break
            after = found[-1]["id"]
        if isinstance(self._storage, SqliteEventLogStorage):
            _delete_copies(self._storage, self.before)
        return deleted

    @property
    def _storage(self) -> Any:
        return self.instance.event_log_storage

    def _batch(self, after: int) -> Sequence[RowMapping]:
        """Return the next runs that were made before the time, ended or not."""
        storage: Any = self.instance.run_storage
        query = (
            select(_runs.id, _runs.run_id, _runs.status, _runs.end_time, _runs.create_timestamp)
            .where(_runs.id > after)
            .order_by(_runs.id)
            .limit(RUNS_PER_TRANSACTION)
        )
        with storage.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return list(takewhile(lambda row: _is_before(row["create_timestamp"], self.before), rows))

    def _expired(self, batch: Iterable[RowMapping]) -> Sequence[str]:
        """Return the runs of a batch that ended before the time and whose loads have ended."""
        finished = {status.value for status in FINISHED_STATUSES}
        ended = [
            row["run_id"]
            for row in batch
            if row["status"] in finished
            and (row["end_time"] is None or row["end_time"] < self.before.timestamp())
        ]
        if not ended:
            return []
        runs = self.instance.get_runs(dg.RunsFilter(run_ids=ended))
        job_ids = {run.run_id: JobId(run.tags[JOB_ID]) for run in runs if JOB_ID in run.tags}
        unfinished = {
            load.job_id
            for load in self.ledger.loads.of_ids(list(job_ids.values()))
            if not load.is_final
        }
        return [
            run_id
            for run_id in ended
            if (job_ids[run_id] not in unfinished if run_id in job_ids else self._is_over(run_id))
        ]

    def _is_over(self, run_id: str) -> bool:
        """Whether the load that a run by hand has made, if it has made one, has ended."""
        load = self.ledger.loads.by_run(run_id)
        return load is None or load.is_final

    def _delete(self, run_ids: Sequence[str]) -> int:
        """Delete those of these runs that show the latest state of nothing."""
        if not run_ids:
            return 0
        with self._storage.index_connection() as connection:
            spared = [
                run_id for run_id in run_ids if not _is_latest_of_a_partition(connection, run_id)
            ]
        for run_id in spared:
            self.instance.compute_log_manager.delete_logs(prefix=[run_id])
        with self._storage.index_connection() as connection:
            for run_id in spared:
                for asset_key, name in _checks_of(connection, _events.run_id == run_id):
                    connection.execute(_delete_evaluations(asset_key, name, run_id))
                self._storage.delete_events_for_run(connection, run_id)
        for run_id in spared:
            _delete_log_file(self._storage, run_id)
            self.instance.run_storage.delete_run(run_id)
        return len(spared)


def _is_before(time: datetime, before: datetime) -> bool:
    """Compare a time of Dagster's storage, which has no time zone and is in UTC."""
    return time.replace(tzinfo=UTC) < before


def _is_latest_of_a_partition(connection: Connection, run_id: str) -> bool:
    """Whether the UI shows the latest state of an asset's partition, or of a check, by a run.

    The latest materialization is one such event, the latest attempt at one another: by that, a
    partition counts as failed.
    """
    query = select(
        _events.id, _events.asset_key, _events.partition, _events.dagster_event_type
    ).where(_events.run_id == run_id, _events.asset_key.is_not(None))
    events = connection.execute(query).mappings().all()
    if any(_is_latest(connection, event) for event in events):
        return True
    later = _later_attempts(connection, events)
    return any(
        not _has_evaluation(connection, evaluation, later)
        and _is_latest_evaluation(connection, evaluation)
        for asset_key, name in _checks_of(connection, _events.run_id == run_id)
        for evaluation in _evaluations(connection, asset_key, name, run_id)
    )


def _later_attempts(connection: Connection, events: Sequence[RowMapping]) -> Sequence[str]:
    """Return the runs that last attempted the partitions which a run has attempted."""
    newest = [
        _newest_of_its_kind(connection, event)
        for event in events
        if event["dagster_event_type"] == DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value
    ]
    return connection.scalars(select(_events.run_id).where(_events.id.in_(newest))).all()


def _has_evaluation(connection: Connection, evaluation: RowMapping, runs: Sequence[str]) -> bool:
    """Whether one of these runs has evaluated the same check of the same partition, or planned to.

    It nearly always has, and that is found by an index; the latest evaluation of all is not.
    """
    query = select(_checks.id).where(
        _checks.asset_key == evaluation["asset_key"],
        _checks.check_name == evaluation["check_name"],
        _checks.run_id.in_(runs),
        _is(_checks.partition, evaluation["partition"]),
        _checks.id > evaluation["id"],
    )
    return connection.scalar(query.limit(1)) is not None


def _is_latest(connection: Connection, event: RowMapping) -> bool:
    """Whether no later event of its kind is about the same partition of the same asset."""
    return bool(_newest_of_its_kind(connection, event) == event["id"])


def _newest_of_its_kind(connection: Connection, event: RowMapping) -> int | None:
    newest: int | None = connection.scalar(
        select(func.max(_events.id)).where(
            _events.asset_key == event["asset_key"],
            _events.dagster_event_type == event["dagster_event_type"],
            _is(_events.partition, event["partition"]),
        )
    )
    return newest


def _is_latest_evaluation(connection: Connection, evaluation: RowMapping) -> bool:
    newest = select(func.max(_checks.id)).where(
        _checks.asset_key == evaluation["asset_key"],
        _checks.check_name == evaluation["check_name"],
        _is(_checks.partition, evaluation["partition"]),
    )
    return bool(connection.scalar(newest) == evaluation["id"])


def _checks_of(connection: Connection, condition: ColumnElement[bool]) -> set[tuple[str, str]]:
    """Return the checks that events plan or evaluate: the key of the asset, and the name.

    Evaluations have no index by run, or by event, alone.
    """
    query = select(_events.event).where(condition, _events.dagster_event_type.in_(CHECK_EVENTS))
    checks = set()
    for text in connection.scalars(query):
        data: Any = deserialize_value(text, dg.EventLogEntry).get_dagster_event()
        checks.add((data.event_specific_data.asset_key, data.event_specific_data.check_name))
    return {(asset_key.to_string(), name) for asset_key, name in checks}


def _evaluations(
    connection: Connection, asset_key: str, name: str, run_id: str
) -> Sequence[RowMapping]:
    query = select(
        _checks.id,
        _checks.asset_key,
        _checks.check_name,
        _checks.partition,
        _checks.evaluation_event_storage_id,
    ).where(*_of_run(asset_key, name, run_id))
    return connection.execute(query).mappings().all()


def _delete_evaluations(asset_key: str, name: str, run_id: str) -> Delete:
    return delete(AssetCheckExecutionsTable).where(*_of_run(asset_key, name, run_id))


def _of_run(asset_key: str, name: str, run_id: str) -> tuple[ColumnElement[bool], ...]:
    return _checks.asset_key == asset_key, _checks.check_name == name, _checks.run_id == run_id


def _old_events_without_run(
    connection: Connection, after: int, before: datetime
) -> Sequence[RowMapping]:
    """Return the first events without a run behind an event, those from before a time.

    Events are numbered in their order: the first one that is younger ends the list. Searching for
    older ones by their time would read them all.
    """
    query = (
        select(
            _events.id,
            _events.asset_key,
            _events.partition,
            _events.dagster_event_type,
            _events.timestamp,
        )
        .where(_events.run_id == RUNLESS_RUN_ID, _events.id > after)
        .order_by(_events.id)
        .limit(EVENTS_PER_TRANSACTION)
    )
    rows = connection.execute(query).mappings()
    return list(takewhile(lambda row: _is_before(row["timestamp"], before), rows))


def _delete_events_without_run(connection: Connection, events: Sequence[RowMapping]) -> int:
    """Delete events, except the latest about each partition and the latest of each check."""
    ids = {event["id"] for event in events}
    kept = {
        event["id"]
        for event in events
        if event["asset_key"] is not None and _is_latest(connection, event)
    }
    for asset_key, name in _checks_of(connection, _events.id.in_(ids)):
        found = _evaluations(connection, asset_key, name, RUNLESS_RUN_ID)
        newest = max(found, key=lambda row: row["id"], default=None)
        old = [row for row in found if row["evaluation_event_storage_id"] in ids]
        if newest in old:
            kept.add(newest["evaluation_event_storage_id"])
        expired = [row["id"] for row in old if row is not newest]
        connection.execute(delete(AssetCheckExecutionsTable).where(_checks.id.in_(expired)))
    spared = sorted(ids - kept)
    connection.execute(
        delete(AssetEventTagsTable).where(AssetEventTagsTable.c.event_id.in_(spared))
    )
    connection.execute(delete(SqlEventLogStorageTable).where(_events.id.in_(spared)))
    return len(spared)


def _delete_copies(storage: SqliteEventLogStorage, before: datetime) -> None:
    """Delete old events without a run from the file that SQLite has for them beside the index.

    Nothing that spans runs is read from there.
    """
    with storage.run_connection(RUNLESS_RUN_ID) as connection:
        while found := _old_events_without_run(connection, 0, before):
            ids = [event["id"] for event in found]
            connection.execute(delete(SqlEventLogStorageTable).where(_events.id.in_(ids)))


def _delete_log_file(storage: object, run_id: str) -> None:
    """Delete the file that SQLite has for the log of a run; PostgreSQL has none."""
    if isinstance(storage, SqliteEventLogStorage):
        path = Path(storage.path_for_shard(run_id))
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def _is(column: Any, value: str | None) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = column.is_(None) if value is None else column == value
    return condition
