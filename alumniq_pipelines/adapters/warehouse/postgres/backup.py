"""Versions in PostgreSQL, into a backup and out of it, each environment in one transaction.

    warehouse/iqu_qa/layout.copy/000001          the versions: their facts and columns
    warehouse/iqu_qa/members__v17.copy/000001    rows, as COPY writes them
    warehouse/iqu_qa/members__v17.gaps.copy/…    their gaps

One snapshot of the whole warehouse would need a lock for each table of each customer, which is more
than a server has. Tokens are not in a backup: no attempt of theirs is at work where it is restored.
Nor is what others have made: grants on the views, and views that read them.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import count, groupby
from typing import Any

from psycopg import Connection, errors

from alumniq_pipelines.adapters.warehouse.postgres.numbers import schemas_with
from alumniq_pipelines.adapters.warehouse.postgres.schema_layout import (
    Columns,
    SchemaLayout,
    columns_of,
    create_schemas,
)
from alumniq_pipelines.adapters.warehouse.postgres.version_table import (
    complete_version,
    create_table,
)
from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse, set_live
from alumniq_pipelines.adapters.warehouse.version_facts import (
    METADATA_COLUMNS,
    VersionFile,
    metadata_values,
    version_of,
)
from alumniq_pipelines.core.feeds.column_types import SPECS_BY_POSTGRES_TYPE
from alumniq_pipelines.core.loads.backup import WAREHOUSE, BackupEntry, BackupWriter
from alumniq_pipelines.core.loads.target import CUSTOMER_PATTERN, Environment, Target
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.core.problems.backup import BackupUnusable
from alumniq_pipelines.core.sql_text import identifier, literal

LAYOUT = "layout.copy"
TRIES = 5
"""Times to read an environment again, one of whose old versions was just being dropped."""
BEGIN = "set transaction isolation level repeatable read, read only"
IN_ORDER = "set local synchronize_seqscans = off"
"""Otherwise a scan of a large table may join another one in the middle: the order would differ."""
TARGETS = "select distinct customer, environment, feed from {}._facts order by feed"


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoredVersion:
    """A version in the database: its facts, its columns, and whether it is live."""

    described: VersionFile
    columns: Columns
    is_live: bool

    @property
    def layout(self) -> SchemaLayout:
        """The names of its target's relations."""
        return SchemaLayout(self.described.version.target)

    @property
    def number(self) -> int:
        """The number of its load."""
        return self.described.version.number

    @property
    def name(self) -> str:
        """The name of its table in a backup."""
        return f"{self.layout.table}__v{self.number}"

    @property
    def gaps(self) -> str:
        """The SQL that selects its gaps."""
        layout = self.layout
        return (
            f"select feed, number, place, left_out from {layout.gaps} where number = {self.number} "
            f"and feed = {literal(layout.target.feed)} order by place"
        )


@dataclass(frozen=True, slots=True)
class PostgresBackup:
    """Implements core's WarehouseBackup."""

    warehouse: PostgresWarehouse

    @property
    def engine(self) -> str:
        """The engine, as the settings name it."""
        return "postgres"

    def contents(self) -> str:
        """Name a schema with versions; empty if there is none."""
        with self.warehouse.connect() as connection:
            found = schemas_with(connection, "_facts")
        return f"a warehouse (the schema {found[0]} and others in its database)" if found else ""

    def back_up(self, into: BackupWriter) -> Iterator[Version]:
        """Write the stored versions of each environment."""
        with self.warehouse.connect() as connection:
            for schema in schemas_with(connection, "_facts"):
                yield from self._back_up(connection, schema, into)

    def _back_up(
        self, connection: Connection[Any], schema: str, into: BackupWriter
    ) -> Iterator[Version]:
        folder = f"{WAREHOUSE}/{schema.removesuffix('_versions')}"
        with self._reading(connection, schema) as stored:
            if not stored:
                return
            described = json.dumps([_to_json(version) for version in stored])
            into.add_stream(f"{folder}/{LAYOUT}", [described.encode()])
            for version in stored:
                columns = ", ".join(identifier(name) for name, _ in version.columns)
                rows = f"{version.layout.version(version.number)} ({columns})"
                into.add_stream(f"{folder}/{version.name}.copy", _copied(connection, rows))
                gaps = _copied(connection, f"({version.gaps})")
                into.add_stream(f"{folder}/{version.name}.gaps.copy", gaps)
                yield version.described.version

    @contextmanager
    def _reading(
        self, connection: Connection[Any], schema: str
    ) -> Iterator[Sequence[_StoredVersion]]:
        """Yield the versions to keep in a snapshot; none of them is dropped before its end."""
        for attempt in count(1):
            with ExitStack() as stack:
                try:
                    stack.enter_context(connection.transaction())
                    connection.execute(BEGIN)
                    connection.execute(IN_ORDER)
                    stored = self._stored(connection, schema)
                except errors.UndefinedTable:
                    if attempt == TRIES:
                        raise
                    continue
                yield stored
                return

    def _stored(self, connection: Connection[Any], schema: str) -> Sequence[_StoredVersion]:
        """Return the versions to keep, and lock their tables against being dropped."""
        stored = []
        for customer, environment, feed in connection.execute(TARGETS.format(schema)).fetchall():
            layout = SchemaLayout(Target(customer, Environment(environment), feed))
            for facts in self.warehouse.retained(connection, layout):
                table = layout.version(facts["number"])
                connection.execute(f"lock table {table} in access share mode")
                stored.append(
                    _StoredVersion(
                        described=version_of(facts),
                        columns=columns_of(connection, table),
                        is_live=facts["is_live"],
                    )
                )
        return stored

    def restore(self, entries: Iterator[BackupEntry]) -> None:
        """Create the schemas and tables of each environment, with their rows and views."""
        with self.warehouse.connect(is_writing=True) as connection:
            for _, group in groupby(entries, key=lambda entry: entry.name.rpartition("/")[0]):
                layout = next(group)
                if not layout.name.endswith(f"/{LAYOUT}"):
                    raise BackupUnusable(layout.name, "its layout does not come first")
                stored = [_from_json(facts) for facts in json.loads(b"".join(layout.chunks))]
                with connection.transaction():
                    _restore_environment(connection, stored, group)  # noqa: B031 - the rest of it


def _restore_environment(
    connection: Connection[Any], stored: Sequence[_StoredVersion], entries: Iterator[BackupEntry]
) -> None:
    create_schemas(connection, stored[0].layout)
    into = {}
    for version in stored:
        layout, number = version.layout, version.number
        create_table(connection, layout, number, version.columns)
        columns = ", ".join(identifier(name) for name, _ in version.columns)
        into[f"{version.name}.copy"] = f"{layout.version(number)} ({columns})"
        into[f"{version.name}.gaps.copy"] = f"{layout.gaps} (feed, number, place, left_out)"
    for entry in entries:
        name = entry.name.rpartition("/")[2]
        if name not in into:
            raise BackupUnusable(entry.name, "its layout does not name it")
        with connection.cursor() as cursor, cursor.copy(f"copy {into[name]} from stdin") as copy:
            for chunk in entry.chunks:
                copy.write(chunk)
    for version in stored:
        complete_version(connection, version.layout, version.described, version.columns)
    for version in stored:
        if version.is_live:
            set_live(connection, version.layout, version.number)


def _copied(connection: Connection[Any], relation: str) -> Iterator[bytes]:
    with connection.cursor() as cursor, cursor.copy(f"copy {relation} to stdout") as copy:
        for data in copy:
            yield bytes(data)


def _to_json(stored: _StoredVersion) -> dict[str, Any]:
    facts = dict(zip(METADATA_COLUMNS, metadata_values(stored.described), strict=True))
    facts["published_at"] = stored.described.version.published_at.isoformat()
    return {"facts": facts, "columns": stored.columns, "is_live": stored.is_live}


def _from_json(values: dict[str, Any]) -> _StoredVersion:
    """Read what _to_json wrote; raises BackupUnusable for a type that no column of ours has."""
    facts = values["facts"]
    published_at = datetime.fromisoformat(facts["published_at"])
    columns = [(str(name), str(kind)) for name, kind in values["columns"]]
    foreign = [kind for _, kind in columns if kind not in SPECS_BY_POSTGRES_TYPE]
    if foreign or not CUSTOMER_PATTERN.fullmatch(facts["customer"]):
        raise BackupUnusable(LAYOUT, "it describes tables that are not ours")
    return _StoredVersion(
        described=version_of({**facts, "published_at": published_at}),
        columns=columns,
        is_live=bool(values["is_live"]),
    )
