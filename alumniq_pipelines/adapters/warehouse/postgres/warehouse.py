"""The warehouse as PostgreSQL tables: one per version, a pointer to the live one, a view per feed.

A feed's view reads the partition that a row of `_live` points to. Publishing changes that row: it
waits for no reader, no reader waits for it, and whoever has a snapshot keeps seeing one version.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from time import sleep
from typing import Any

import duckdb
import psycopg
from psycopg import Connection, errors

from alumniq_pipelines.adapters.warehouse.folders import GRACE
from alumniq_pipelines.adapters.warehouse.postgres import query, reader_role
from alumniq_pipelines.adapters.warehouse.postgres.copy import (
    accepted_columns,
    copy_gaps,
    copy_in,
    copy_out,
)
from alumniq_pipelines.adapters.warehouse.postgres.schema_layout import (
    NUMBER,
    Columns,
    Place,
    columns_of,
    exists,
    facts,
    lock,
    make,
    schema_of,
)
from alumniq_pipelines.adapters.warehouse.postgres.views import put_view
from alumniq_pipelines.adapters.warehouse.version_facts import (
    VersionFile,
    describe,
    facts_of,
    version_of,
)
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.target import CUSTOMER_PATTERN, Environment, Target
from alumniq_pipelines.core.loads.warehouse import AcceptedRows, LiveRows, Version
from alumniq_pipelines.core.problems.command import NothingPublished, UnknownVersion
from alumniq_pipelines.core.problems.outage import (
    IncompleteVersion,
    ReadersInTheWay,
    WarehouseUnavailable,
)
from alumniq_pipelines.core.sql_text import identifier, literal

CONNECT_SECONDS = 10
PATIENCE = "set lock_timeout = '10min'; set idle_in_transaction_session_timeout = '10min'"
"""How long another publisher of the same target is waited for, and a silent one kept."""
BRIEFLY = "set local lock_timeout = '250ms'"
"""How long readers who come may have to wait behind us, who wait for one who reads."""
IN_THE_WAY = (errors.LockNotAvailable, errors.DependentObjectsStillExist)
"""A reader, or a view that somebody built on a version itself."""
ROUGHLY = "set local default_statistics_target = 10"
"""Readers get plans from a small sample at once; autovacuum takes the full one, which would cost
twice the time of copying 100,000 rows.
"""
TRIES, PAUSE_SECONDS = 60, 1.0
"""How often a view whose columns change is tried before the load is put off."""


@dataclass(frozen=True)
class PostgresWarehouse:
    """Implements core's Warehouse in a database."""

    url: str = field(repr=False)
    versions_kept: int = 5
    query_seconds: float = 300

    def live(self, target: Target) -> Version | None:
        """Answer the version that readers who come now will see."""
        with self._connected() as connection:
            return _live(connection, Place(target))

    def live_rows(
        self, target: Target, scratch: Path, columns: Collection[str] | None = None
    ) -> LiveRows | None:
        """Answer the live version with its rows, copied into a file in `scratch`."""
        place, database = Place(target), scratch / "live.duckdb"
        with self._connected() as connection, connection.transaction():
            connection.execute("set transaction isolation level repeatable read")
            live = _live(connection, place)
            if live is None:
                return None
            table = place.version(live.number)
            every = columns_of(connection, table)
            wanted = [each for each in every if columns is None or each[0] in columns]
            copy_out(connection, table, wanted or every[:1], database, place.table)
            return LiveRows(live, database, place.table)

    def publish(
        self,
        target: Target,
        field_map: FieldMap,
        accepted: AcceptedRows,
        *,
        number: int,
        job_id: JobId,
        now: datetime,
    ) -> Version:
        """Complete a new version and move the pointer to it, in one transaction."""
        described = describe(target, field_map, accepted, number, job_id, now)
        place = Place(target)
        with self._connected() as connection:
            make(connection, place)
            with connection.transaction():
                lock(connection, place.view)
                live = _live(connection, place)
                if live is None or live.number < number:
                    if not facts(connection, place, f"number = {number}"):
                        _store(connection, place, accepted, described)
                    live = _show(connection, place, number)
            self._prune(connection, place, now)
            return live

    def make_live(self, target: Target, number: int, now: datetime) -> Version:
        """Move the pointer to a version that is kept; raises UnknownVersion."""
        del now
        place = Place(target)
        with self._connected() as connection, connection.transaction():
            lock(connection, place.view)
            kept = [each["number"] for each in self._kept(connection, place)]
            if number not in kept:
                raise UnknownVersion(str(target), number, kept)
            return _show(connection, place, number)

    def versions(self, target: Target) -> Sequence[Version]:
        """List the versions kept, newest first."""
        place = Place(target)
        with self._connected() as connection:
            return [_version(place, each) for each in self._kept(connection, place)]

    def query(
        self, customer: str, environment: str, sql: str, most: int | None = None
    ) -> tuple[Sequence[str], Sequence[tuple[object, ...]]]:
        """Run one SELECT as a role that can read this environment alone: column names and rows."""
        if not CUSTOMER_PATTERN.fullmatch(customer) or environment not in set(Environment):
            raise NothingPublished(customer, environment)
        schema = schema_of(customer, environment)
        with self._connected() as connection:
            if not exists(connection, f"{schema}_versions._live"):
                raise NothingPublished(customer, environment)
            role = reader_role.prepare_reader(connection, schema)
            return query.run(
                connection, schema, role, sql, max_rows=most, seconds=self.query_seconds
            )

    def _kept(self, connection: Connection[Any], place: Place) -> Sequence[Mapping[str, Any]]:
        """List what the versions kept are, newest first: the live one is always of them."""
        found = facts(connection, place)
        return [each for at, each in enumerate(found) if at < self.versions_kept or each["is_live"]]

    def _prune(self, connection: Connection[Any], place: Place, now: datetime) -> None:
        """Drop what is not kept; what is in the way now may be gone at the next publication."""
        kept = {each["number"] for each in self._kept(connection, place)}
        found = facts(connection, place)
        latest = (now - GRACE).astimezone(UTC).replace(tzinfo=None)
        for newer, old in pairwise(found):
            if old["number"] not in kept and newer["published_at"] < latest:
                with suppress(*IN_THE_WAY), connection.transaction():
                    connection.execute(BRIEFLY)
                    _drop(connection, place, old)

    @contextmanager
    def _connected(self) -> Iterator[Connection[Any]]:
        """Open a connection, and turn faults into WarehouseUnavailable, by kind alone."""
        try:
            with psycopg.connect(
                self.url.replace("postgresql+psycopg:", "postgresql:", 1),
                autocommit=True,
                connect_timeout=CONNECT_SECONDS,
                application_name="alumniq",
                client_encoding="utf8",
            ) as connection:
                connection.execute(PATIENCE)
                yield connection
        except (psycopg.Error, duckdb.Error, OSError) as error:
            raise WarehouseUnavailable(type(error).__name__) from None


def _live(connection: Connection[Any], place: Place) -> Version | None:
    """Read what the pointer leads to."""
    found = facts(connection, place, "live.number is not null")
    return _version(place, found[0]) if found else None


def _version(place: Place, row: Mapping[str, Any]) -> Version:
    """Read a version from its facts; its relation is the view that readers know."""
    return replace(version_of(row).version, relation=place.relation)


def _store(
    connection: Connection[Any], place: Place, accepted: AcceptedRows, described: VersionFile
) -> None:
    """Fill a table with accepted rows, and attach it to those with the same columns."""
    columns, number = accepted_columns(accepted), described.version.number
    shape, table = place.shape(columns), place.version(number)
    types = "".join(f", {identifier(name)} {kind}" for name, kind in columns)
    own = identifier(NUMBER)
    connection.execute(
        f"create table if not exists {place.inner(shape)} "
        f"({own} bigint not null{types}) partition by list ({own});"
        f"create table {table} "
        f"({own} bigint not null default {number} check ({own} = {number}){types})"
    )
    found = copy_in(connection, accepted, table, columns)
    if found != accepted.rows:
        raise IncompleteVersion(accepted.rows, found)
    copy_gaps(connection, accepted, place, number)
    connection.execute(
        f"{ROUGHLY}; analyze {table};"
        f"alter table {place.inner(shape)} attach partition {table} for values in ({number})"
    )
    told = [*facts_of(described), shape]
    marks = ", ".join(["%s"] * len(told))
    connection.execute(f"insert into {place.facts} values ({marks})", told)


def _show(connection: Connection[Any], place: Place, number: int) -> Version:
    """Let readers see a version; only where its columns are others does the view change."""
    [wanted] = facts(connection, place, f"number = {number}")
    shape = wanted["shape"]
    shown = facts(connection, place, "live.number is not null")
    if not shown or shown[0]["shape"] != shape or not exists(connection, place.view):
        # A snapshot older than this view finds the version that the view came with.
        which = f"{identifier(NUMBER)} = coalesce({place.live_number(shape)}, {number})"
        source = f"{place.inner(shape)} where {which}"
        _put_patiently(connection, place, columns_of(connection, place.inner(shape)), source)
    connection.execute(
        f"insert into {place.pointers} values (%s, %s, %s) on conflict (feed) do update "
        "set number = excluded.number, shape = excluded.shape",
        [place.target.feed, number, shape],
    )
    return _version(place, wanted)


def _put_patiently(
    connection: Connection[Any], place: Place, columns: Columns, source: str
) -> None:
    """Change a view in a moment when nobody reads it; raises ReadersInTheWay."""
    for _ in range(TRIES):
        try:
            with connection.transaction():
                connection.execute(BRIEFLY)
                put_view(connection, place.view, columns, source)
                return
        except errors.LockNotAvailable:
            sleep(PAUSE_SECONDS)
    raise ReadersInTheWay(place.relation, round(TRIES * PAUSE_SECONDS))


def _drop(connection: Connection[Any], place: Place, old: Mapping[str, Any]) -> None:
    """Drop a version, and with the last of its columns their partitioned table."""
    lock(connection, place.view)
    connection.execute(f"drop table {place.version(old['number'])}")
    gone = [place.target.feed, old["number"]]
    for beside in (place.facts, place.gaps):
        connection.execute(f"delete from {beside} where feed = %s and number = %s", gone)
    if not facts(connection, place, f"facts.shape = {literal(old['shape'])}"):
        connection.execute(f"drop table {place.inner(old['shape'])}")
