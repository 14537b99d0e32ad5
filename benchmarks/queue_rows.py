"""A made-up installation of 2,000 customers for the benchmark of scale, written in bulk.

Each customer has seven tables, each with a past, a watch and one load that waits.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

import dagster as dg
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable  # has no public name
from dagster._serdes import serialize_value  # has no public name
from sqlalchemy import Column, ColumnElement, Table, func, insert, literal, select, text

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.tables import (
    attempts,
    customers,
    holds,
    loads,
    notifications,
    subscriptions,
    versions,
    watches,
)
from alumniq_pipelines.adapters.ledger.targets import target_values
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.load import LoadState, Origin, new_job_id
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.notifications.notification import Audience, Channel, NotificationState
from alumniq_pipelines.defs.tags import JOB_ID, LAUNCH, target_tags

PRODUCTION_FEEDS, QA_FEEDS = 4, 3
HELD = 500
VERSION_DAYS = 5
WEEKLY = 4
ZONES = ("America/New_York", "America/Chicago", "Europe/Berlin", "Australia/Sydney")
BATCH = 5_000

Row = dict[str, Any]
Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Installation:
    """What to write: the tables, how many past loads they have in all, and the time it is."""

    catalog: Catalog
    customers: int
    past: int
    now: datetime

    @property
    def targets(self) -> list[Target]:
        """The tables: four in production and three in QA for each customer."""
        feeds = sorted(self.catalog.feeds)
        return [
            Target(
                customer_id(number),
                Environment.PRODUCTION if index < PRODUCTION_FEEDS else Environment.QA,
                feeds[(number + index) % len(feeds)],
            )
            for number in range(self.customers)
            for index in range(PRODUCTION_FEEDS + QA_FEEDS)
        ]


def customer_id(number: int) -> str:
    """Return the id of a customer."""
    return f"university-{number:04}"


def fill(ledger: Ledger, installation: Installation) -> int:
    """Write the customers, their past, held loads and the waiting loads into an empty ledger.

    Return the number of the newest load before those that wait.
    """
    now, targets = installation.now, installation.targets
    _insert(ledger, customers, (_customer(number, now) for number in range(installation.customers)))
    _insert(ledger, subscriptions, (_subscription(target, now) for target in targets))
    _insert(ledger, watches, (_watch(number, target, now) for number, target in enumerate(targets)))
    days = max(installation.past // len(targets), 1)
    first_day = [
        _past_load(number, target, now - timedelta(days=days))
        for number, target in enumerate(targets)
    ]
    _insert(ledger, loads, first_day)
    _insert(ledger, attempts, map(_attempt, first_day))
    _insert(ledger, notifications, map(_notification, first_day))
    for day in range(1, days):
        _copy_day(ledger, day, now - timedelta(days=days - day))
    _record_versions(ledger, len(targets) * max(days - VERSION_DAYS, 0))
    newest = len(targets) * days + _hold_some(ledger, installation)
    _insert(ledger, loads, (_load(target, now - timedelta(minutes=10)) for target in targets))
    if ledger.engine.dialect.name == "postgresql":
        with ledger.engine.connect() as connection:  # as autovacuum does within a minute
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("VACUUM ANALYZE"))
    return newest


def _copy_day(ledger: Ledger, day: int, accepted_at: datetime) -> None:
    """Copy the first day's loads, attempts and notifications to another day, in the database."""
    times: dict[str, datetime | None] = dict.fromkeys(
        ("requested_at", "started_at", "ended_at"), accepted_at
    )
    times |= {"accepted_at": accepted_at, "created_at": accepted_at, "next_attempt_at": None}
    with ledger.database.writing() as connection:
        for table, name in ((loads, "job_id"), (attempts, "job_id"), (notifications, "id")):
            # The same ids but for some digits, which say the day.
            original = table.c[name].not_like("%day_%")
            columns = {
                column.name: _copied(column, day, times)
                for column in table.columns
                if column.name != "number" or table is not loads
            }
            query = select(*columns.values()).where(original)
            if table is loads:
                query = query.order_by(loads.c.number)
            connection.execute(insert(table).from_select(list(columns), query))


def _copied(
    column: Column[Any], day: int, times: Mapping[str, datetime | None]
) -> ColumnElement[Any]:
    table = column.table.name
    if column.name in {"job_id", "id"}:
        start = len("msg_") if column.name == "id" else 0
        mark = literal(f"day_{day:04}")
        head = func.substr(column, 1, start) if start else literal("")
        return head.concat(mark).concat(func.substr(column, start + len("day_0000") + 1))
    if column.name == "next_attempt_at" and table == "notifications":
        return literal(times["accepted_at"], column.type)
    if column.name in times:
        return literal(times[column.name], column.type)
    return column


def _record_versions(ledger: Ledger, after: int) -> None:
    """Record a version of every success after a load's number."""
    columns = {
        "customer": loads.c.customer,
        "environment": loads.c.environment,
        "feed": loads.c.feed,
        "number": loads.c.number,
        "job_id": loads.c.job_id,
        "rows": loads.c.rows_accepted,
        "sha256": attempts.c.sha256,
        "relation": loads.c.feed,
        "published_at": loads.c.ended_at,
        "recorded_at": loads.c.ended_at,
    }
    query = (
        select(*columns.values())
        .join(attempts, attempts.c.job_id == loads.c.job_id)
        .where(loads.c.state == LoadState.SUCCEEDED, loads.c.number > after)
    )
    with ledger.database.writing() as connection:
        connection.execute(insert(versions).from_select(list(columns), query))


def _hold_some(ledger: Ledger, installation: Installation) -> int:
    """Hold a load of each of the first tables, and return their number."""
    counts = {"rows_read": 10_000, "rows_accepted": 10_000, "rows_rejected": 0}
    held = [
        _load(target, installation.now - timedelta(days=1))
        | {"state": LoadState.HELD, "attempts": 1, **counts}
        for target in installation.targets[:HELD]
    ]
    _insert(ledger, loads, held)
    _insert(ledger, holds, (_hold(row, installation) for row in held))
    return len(held)


def _customer(number: int, now: datetime) -> Row:
    name = customer_id(number)
    return {"id": name, "name": name, "bucket": name, "created_at": now - timedelta(days=400)}


def add_runs(instance: dg.DagsterInstance, targets: list[Target], count: int) -> None:
    """Add past runs to Dagster's storage, one of each table in turn."""
    rows = [_run(targets[number % len(targets)]) for number in range(count)]
    storage: Any = instance.run_storage
    with storage.connect() as connection:
        for batch in _batches(rows):
            connection.execute(insert(RunsTable), [_run_row(run) for run in batch])
            tags = [
                {"run_id": run.run_id, "key": key, "value": value}
                for run in batch
                for key, value in run.tags.items()
            ]
            connection.execute(insert(RunTagsTable), tags)


def _run(target: Target) -> dg.DagsterRun:
    return dg.DagsterRun(
        job_name=f"load_{target.feed.replace('-', '_')}",
        status=dg.DagsterRunStatus.SUCCESS,
        tags={
            JOB_ID: new_job_id(),
            LAUNCH: "1",
            "dagster/partition": target.partition_key,
            **target_tags(target),
        },
    )


def _run_row(run: dg.DagsterRun) -> Row:
    return {
        "run_id": run.run_id,
        "pipeline_name": run.job_name,
        "status": run.status.value,
        "run_body": serialize_value(run),
        "partition": run.tags["dagster/partition"],
    }


def _insert(ledger: Ledger, table: Table, rows: Iterable[Row]) -> None:
    for batch in _batches(rows):
        with ledger.database.writing() as connection:
            connection.execute(insert(table), batch)


def _batches(rows: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def _subscription(target: Target, now: datetime) -> Row:
    return {**target_values(target), "updated_at": now}


def _watch(number: int, target: Target, now: datetime) -> Row:
    """Return a watch on a nightly file, or, for every fourth table, on a weekly one."""
    is_weekly = number % WEEKLY == 0
    return {
        **target_values(target),
        "cron": None if is_weekly else f"{number % 60} {number % 24} * * *",
        "period_seconds": 7 * 86_400 if is_weekly else None,
        "time_zone": ZONES[number % len(ZONES)],
        "grace_seconds": 2 * 86_400,
        "days_off": [],
        "skips_weekends": number % 2 == 0,
        "heartbeat_url": "",
        "since": now - timedelta(days=30),
    }


def _load(target: Target, accepted_at: datetime) -> Row:
    return {
        "job_id": new_job_id(),
        **target_values(target),
        "filename": f"{target.feed}.csv",
        "etag": "0" * 32,
        "size_bytes": 1_000_000,
        "notify_email": "feeds@example.edu",
        "notify_webhook": "https://example.edu/loads",
        "origin": Origin.WEBHOOK,
        "state": LoadState.QUEUED,
        "attempts": 0,
        "accepted_at": accepted_at,
        "errors": [],
    }


def _past_load(number: int, target: Target, accepted_at: datetime) -> Row:
    is_refused = number % 30 == 0
    return _load(target, accepted_at) | {
        "state": LoadState.FAILED if is_refused else LoadState.SUCCEEDED,
        "attempts": 1,
        "requested_at": accepted_at + timedelta(seconds=1),
        "run_id": new_job_id(),
        "started_at": accepted_at + timedelta(seconds=5),
        "ended_at": accepted_at + timedelta(seconds=9),
        "rows_read": 10_000,
        "rows_accepted": 10_000,
        "rows_rejected": 0,
        "launch": 1,
    }


def _attempt(load: Mapping[str, Any]) -> Row:
    is_refused = load["state"] is LoadState.FAILED
    return {
        "job_id": load["job_id"],
        "number": 1,
        "run_id": load["run_id"],
        "started_at": load["started_at"],
        "ended_at": load["ended_at"],
        "result": AttemptResult.REFUSED if is_refused else AttemptResult.PUBLISHED,
        "errors": [],
        "rows_read": load["rows_read"],
        "rows_accepted": load["rows_accepted"],
        "rows_rejected": load["rows_rejected"],
        "sha256": load["job_id"].ljust(64, "0"),
    }


def _notification(load: Mapping[str, Any]) -> Row:
    return {
        "id": f"msg_{load['job_id']}-1",
        "job_id": load["job_id"],
        "channel": Channel.CALLBACK,
        "audience": Audience.CUSTOMER,
        "destination": load["notify_webhook"],
        "subject": "",
        "body": "{}",
        "state": NotificationState.DELIVERED,
        "attempts": 1,
        "created_at": load["ended_at"],
        "next_attempt_at": load["ended_at"],
    }


def _hold(load: Mapping[str, Any], installation: Installation) -> Row:
    field_map = installation.catalog.feed(load["feed"])
    return {
        "job_id": load["job_id"],
        "digest": "0" * 64,
        "field_map": field_map.model_dump(mode="json", by_alias=True),
        "table_name": load["feed"].replace("-", "_"),
        "columns": ["xid"],
        "rows": 10_000,
        "sha256": "0" * 64,
        "changes": Changes(added=0, changed=0, removed=5_000, unchanged=10_000).to_json(),
        "reasons": ["Too many rows were removed."],
        "held_at": load["accepted_at"],
        "expires_at": installation.now + timedelta(days=6),
    }
