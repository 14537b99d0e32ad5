"""The warehouse in PostgreSQL: a table per version, a pointer to the live one, a view per feed.

A feed's view reads the partition that a row of `_live` points to. Publishing updates that row: it
does not wait for readers, readers do not wait for it, and a snapshot keeps seeing one version.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
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
from alumniq_pipelines.adapters.warehouse.postgres import numbers, query, reader_role
from alumniq_pipelines.adapters.warehouse.postgres.copy import copy_out
from alumniq_pipelines.adapters.warehouse.postgres.schema_layout import (
    NUMBER,
    Columns,
    SchemaLayout,
    columns_of,
    create_schemas,
    create_tokens,
    exists,
    has_live_versions,
    lock,
    metadata,
    schema_of,
)
from alumniq_pipelines.adapters.warehouse.postgres.session import connect
from alumniq_pipelines.adapters.warehouse.postgres.tokens import Token, clear_tokens
from alumniq_pipelines.adapters.warehouse.postgres.version_table import store_version
from alumniq_pipelines.adapters.warehouse.postgres.views import replace_view
from alumniq_pipelines.adapters.warehouse.version_facts import describe, version_of
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.target import CUSTOMER_PATTERN, Environment, Target
from alumniq_pipelines.core.loads.warehouse import (
    AcceptedRows,
    BeforePointerMoves,
    LiveRows,
    Version,
    no_claim,
)
from alumniq_pipelines.core.problems.command import NothingPublished, UnknownVersion
from alumniq_pipelines.core.problems.outage import ReadersInTheWay, VersionNumberTaken
from alumniq_pipelines.core.problems.run import AttemptOver
from alumniq_pipelines.core.sql_text import identifier, literal
from alumniq_pipelines.fault_points import FaultPoint, reach

LOCK_SECONDS = 600
"""How long to wait for another publisher of a target, which may be paused."""
REVOKE_SECONDS = 3
"""How long revoking waits for one."""
SHORT_LOCK_TIMEOUT = "set local lock_timeout = '250ms'"
"""How long new readers may have to queue behind us while we wait for a current reader."""
BLOCKED_ERRORS = (errors.LockNotAvailable, errors.DependentObjectsStillExist)
"""Raised because of a reader, or of a view that depends on a version's own table."""
TRIES, PAUSE_SECONDS = 60, 1.0
"""Tries at changing a view's columns before the load's attempt fails."""


@dataclass(frozen=True)
class PostgresWarehouse:
    """Implements core's Warehouse in a database."""

    url: str = field(repr=False)
    versions_kept: int = 5
    query_seconds: float = 300
    lock_seconds: float = LOCK_SECONDS

    @property
    def moves_files(self) -> bool:
        """Never: rows are copied into a table."""
        return False

    def live(self, target: Target) -> Version | None:
        """Return the version that new readers see."""
        with self.connect() as connection:
            return _live(connection, SchemaLayout(target))

    def live_rows(
        self, target: Target, scratch: Path, columns: Collection[str] | None = None
    ) -> LiveRows | None:
        """Return the live version with its rows, copied into a DuckDB file in `scratch`."""
        layout, database = SchemaLayout(target), scratch / "live.duckdb"
        with self.connect() as connection, connection.transaction():
            # One snapshot, so that facts and rows are of the same version.
            connection.execute("set transaction isolation level repeatable read")
            live = _live(connection, layout)
            if live is None:
                return None
            table = layout.version(live.number)
            existing = columns_of(connection, table)
            wanted = [column for column in existing if columns is None or column[0] in columns]
            # A query needs at least one column, if only to count rows.
            copy_out(connection, table, wanted or existing[:1], database, layout.table)
            return LiveRows(live, database, layout.table)

    def publish(
        self,
        target: Target,
        field_map: FieldMap,
        accepted: AcceptedRows,
        *,
        number: int,
        job_id: JobId,
        now: datetime,
        attempt: int = 1,
        before_pointer_moves: BeforePointerMoves = no_claim,
    ) -> Version:
        """Complete a new version and make it live, in one transaction."""
        described = describe(target, field_map, accepted, number, job_id, now)
        layout = SchemaLayout(target)
        token = Token(layout=layout, number=number, attempt=attempt)
        with self.connect(is_writing=True) as connection:
            create_schemas(connection, layout)
            if not token.prepare(connection):
                raise AttemptOver(job_id)
            with self._revocation_as_over(token, job_id), connection.transaction():
                lock(connection, layout.view)
                live = _live(connection, layout)
                stored = metadata(connection, layout, f"number = {number}")
                if stored and stored[0]["job_id"] != job_id:
                    raise VersionNumberTaken(str(target), number)
                if live is None or live.number < number:
                    # A rollback may have made an older version live while this one stayed stored.
                    if not stored:
                        store_version(connection, layout, accepted, described)
                        reach(FaultPoint.VERSION_STORED)
                    before_pointer_moves()
                    if not token.spend(connection):
                        raise AttemptOver(job_id)
                    live = set_live(connection, layout, number)
                elif token.is_revoked(connection):
                    raise AttemptOver(job_id)
            reach(FaultPoint.POINTER_MOVED)
            self._prune(connection, layout, now)
            return live

    def revoke(self, target: Target, *, number: int, attempt: int) -> None:
        """Prevent a publication, and end its session, which may belong to a paused process."""
        layout = SchemaLayout(target)
        lock_seconds = min(REVOKE_SECONDS, self.lock_seconds)
        with connect(self.url, lock_seconds=lock_seconds, is_writing=True) as connection:
            create_tokens(connection, layout)
            Token(layout=layout, number=number, attempt=attempt).revoke(connection)

    def make_live(self, target: Target, number: int, now: datetime) -> Version:
        """Make a stored version live; raises UnknownVersion."""
        del now
        layout = SchemaLayout(target)
        with self.connect(is_writing=True) as connection, connection.transaction():
            lock(connection, layout.view)
            retained = [fact["number"] for fact in self.retained(connection, layout)]
            if number not in retained:
                raise UnknownVersion(str(target), number, retained)
            return set_live(connection, layout, number)

    def versions(self, target: Target) -> Sequence[Version]:
        """Return the stored versions, newest first."""
        layout = SchemaLayout(target)
        with self.connect() as connection:
            return [_version(layout, fact) for fact in self.retained(connection, layout)]

    def targets(self) -> Sequence[Target]:
        """Return the targets that have a version."""
        with self.connect() as connection:
            return numbers.list_targets(connection)

    def highest_number(self, target: Target | None = None) -> int:
        """Return the highest number of a target's versions and tokens, or of all targets."""
        with self.connect() as connection:
            return numbers.highest_number(connection, target)

    def query(
        self, customer: str, environment: str, sql: str, limit: int | None = None
    ) -> tuple[Sequence[str], Sequence[tuple[object, ...]]]:
        """Run one SELECT as a role that can read only this environment; return columns and rows."""
        if not CUSTOMER_PATTERN.fullmatch(customer) or environment not in set(Environment):
            raise NothingPublished(customer, environment)
        schema = schema_of(customer, environment)
        with self.connect() as connection:
            if not has_live_versions(connection, schema):
                raise NothingPublished(customer, environment)
            role = reader_role.prepare_reader(connection, schema)
            return query.run(
                connection, schema, role, sql, max_rows=limit, seconds=self.query_seconds
            )

    def retained(
        self, connection: Connection[Any], layout: SchemaLayout
    ) -> Sequence[Mapping[str, Any]]:
        """Return the facts of the versions to keep, newest first; the live one is among them."""
        found = metadata(connection, layout)
        return [
            facts
            for index, facts in enumerate(found)
            if index < self.versions_kept or facts["is_live"]
        ]

    def _prune(self, connection: Connection[Any], layout: SchemaLayout, now: datetime) -> None:
        """Drop old versions and tokens; what others block goes after a later publication."""
        retained = {fact["number"] for fact in self.retained(connection, layout)}
        found = metadata(connection, layout)
        latest = (now - GRACE).astimezone(UTC).replace(tzinfo=None)
        for newer, old in pairwise(found):
            if old["number"] not in retained and newer["published_at"] < latest:
                with suppress(*BLOCKED_ERRORS), connection.transaction():
                    connection.execute(SHORT_LOCK_TIMEOUT)
                    _drop(connection, layout, old)
        live = next(fact["number"] for fact in found if fact["is_live"])
        with suppress(*BLOCKED_ERRORS), connection.transaction():
            connection.execute(SHORT_LOCK_TIMEOUT)
            clear_tokens(connection, layout, live, min(retained))

    @contextmanager
    def _revocation_as_over(self, token: Token, job_id: JobId) -> Iterator[None]:
        """Raise AttemptOver for an error if the token was revoked, which ends the session."""
        try:
            yield
        except (psycopg.Error, duckdb.Error, OSError):
            with self.connect() as connection:
                if token.is_revoked(connection):
                    raise AttemptOver(job_id) from None
            raise

    def connect(self, *, is_writing: bool = False) -> AbstractContextManager[Connection[Any]]:
        """Return a session for a `with` block; raises WarehouseUnavailable."""
        return connect(self.url, lock_seconds=self.lock_seconds, is_writing=is_writing)


def _live(connection: Connection[Any], layout: SchemaLayout) -> Version | None:
    """Return the version that the pointer names."""
    found = metadata(connection, layout, "live.number is not null")
    return _version(layout, found[0]) if found else None


def _version(layout: SchemaLayout, row: Mapping[str, Any]) -> Version:
    """Return the version that a row of facts describes; its relation is the readers' view."""
    return replace(version_of(row).version, relation=layout.relation)


def set_live(connection: Connection[Any], layout: SchemaLayout, number: int) -> Version:
    """Make a version live; the view changes only if the columns do."""
    [wanted] = metadata(connection, layout, f"number = {number}")
    shape = wanted["shape"]
    shown = metadata(connection, layout, "live.number is not null")
    if not shown or shown[0]["shape"] != shape or not exists(connection, layout.view):
        # A snapshot older than the view sees the old pointer, which has another shape: null. It
        # then reads the version for which the view was made (copied with FREEZE: visible to it,
        # too).
        condition = f"{identifier(NUMBER)} = coalesce({layout.live_number(shape)}, {number})"
        source = f"{layout.inner(shape)} where {condition}"
        _replace_view_with_retries(
            connection, layout, columns_of(connection, layout.inner(shape)), source
        )
    connection.execute(
        f"insert into {layout.pointers} values (%s, %s, %s) on conflict (feed) do update "
        "set number = excluded.number, shape = excluded.shape",
        [layout.target.feed, number, shape],
    )
    return _version(layout, wanted)


def _replace_view_with_retries(
    connection: Connection[Any], layout: SchemaLayout, columns: Columns, source: str
) -> None:
    """Change a view when no query is reading it; raises ReadersInTheWay."""
    # A short lock timeout, many times: one long wait would hold up all new readers behind it.
    for _ in range(TRIES):
        try:
            with connection.transaction():
                connection.execute(SHORT_LOCK_TIMEOUT)
                replace_view(connection, layout.view, columns, source)
                return
        except errors.LockNotAvailable:
            sleep(PAUSE_SECONDS)
    raise ReadersInTheWay(layout.relation, round(TRIES * PAUSE_SECONDS))


def _drop(connection: Connection[Any], layout: SchemaLayout, old: Mapping[str, Any]) -> None:
    """Drop a version, and the partitioned table if it was the last one with these columns."""
    # Without the lock, another publisher might attach a version to the table that is dropped here,
    # or drop the version itself.
    lock(connection, layout.view)
    if not metadata(connection, layout, f"number = {old['number']}"):
        return
    connection.execute(f"drop table {layout.version(old['number'])}")
    key = [layout.target.feed, old["number"]]
    for table in (layout.metadata, layout.gaps):
        connection.execute(f"delete from {table} where feed = %s and number = %s", key)
    if not metadata(connection, layout, f"facts.shape = {literal(old['shape'])}"):
        connection.execute(f"drop table {layout.inner(old['shape'])}")
