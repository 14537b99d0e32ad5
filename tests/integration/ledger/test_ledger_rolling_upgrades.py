"""An old release works beside a new one: every migration expands the tables, and breaks nothing.

Each revision is compared with the one before it, and statements that the previous release may
execute are executed on the new tables. A migration that takes something away, or locks out
writers, says in its `ROLLING_UPGRADE` why no release that may still run is affected.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.schema_upgrade import alembic_config
from alumniq_pipelines.adapters.ledger.tables import REVISION
from alumniq_pipelines.core.problems.setup import ForeignRevision

GROWING = frozenset({"loads", "attempts", "notifications", "delivery_attempts", "audit"})
"""Tables with a row or more for each load: an index on one locks out its writers for long."""

Column = Any
"""A column as SQLAlchemy's inspector describes it."""


@dataclass
class Schema:
    """What one revision has: its columns, and what makes a table refuse a row.

    `rules` are unique and foreign keys by the columns that they are about, and checks by the words
    in them.
    """

    columns: dict[tuple[str, str], Column] = field(default_factory=dict)
    rules: set[tuple[str, str, frozenset[str]]] = field(default_factory=set)
    indexes: set[tuple[str, str]] = field(default_factory=set)

    @property
    def tables(self) -> set[str]:
        """The names of the tables."""
        return {table for table, _ in self.columns}

    def columns_of(self, table: str) -> list[Column]:
        """Return the columns of a table."""
        return [column for (of, _), column in self.columns.items() if of == table]


def read_schema(connection: sa.Connection) -> Schema:
    """Read the schema from the database."""
    inspector, schema = sa.inspect(connection), Schema()
    for table in set(inspector.get_table_names()) - {"alembic_version"}:
        for column in inspector.get_columns(table):
            schema.columns[table, column["name"]] = column
        indexes = inspector.get_indexes(table)
        schema.indexes |= {(table, str(index["name"])) for index in indexes}
        unique: list[Sequence[str | None]] = [
            index["column_names"] for index in indexes if index["unique"]
        ]
        unique += [found["column_names"] for found in inspector.get_unique_constraints(table)]
        unique.append(inspector.get_pk_constraint(table)["constrained_columns"])
        keys = [key["constrained_columns"] for key in inspector.get_foreign_keys(table)]
        checks = [
            re.findall(r"\w+", check["sqltext"]) for check in inspector.get_check_constraints(table)
        ]
        for kind, found in (("unique", unique), ("foreign key", keys), ("check", checks)):
            schema.rules |= {(table, kind, frozenset(map(str, names))) for names in found}
    return schema


def breaches(before: Schema, after: Schema) -> list[str]:
    """Return what the release before may not do, or not know of, any more."""
    new_indexes = {pair for pair in after.indexes - before.indexes if pair[0] in before.tables}
    return sorted(
        [
            *changed_columns(before, after),
            *(
                f"{table}.{name} is new, not nullable and has no default"
                for (table, name), column in after.columns.items()
                if table in before.tables
                and (table, name) not in before.columns
                and not column["nullable"]
                and column["default"] is None
            ),
            *new_rules(before, after),
            *(f"{table}: index {name}" for table, name in new_indexes if table in GROWING),
        ]
    )


def changed_columns(before: Schema, after: Schema) -> Iterator[str]:
    """Yield the columns that are gone, or take less than before."""
    for (table, name), column in before.columns.items():
        now = after.columns.get((table, name))
        if now is None:
            yield f"{table}.{name} is gone"
            continue
        if is_narrower(now, column):
            yield f"{table}.{name} is {now['type']}, and was {column['type']}"
        if column["nullable"] and not now["nullable"]:
            yield f"{table}.{name} must not be NULL any more"
        if column["default"] and not now["default"]:
            yield f"{table}.{name} has lost its default"


def new_rules(before: Schema, after: Schema) -> Iterator[str]:
    """Yield the rules that rows of the release before may break."""
    for table, kind, names in after.rules - before.rules:
        old = names & {column["name"] for column in before.columns_of(table)}
        # A key with a column that the old release leaves empty refuses none of its rows.
        if old and (kind == "check" or old == names):
            yield f"{table}: {kind} of {', '.join(sorted(old))}"


def is_narrower(now: Column, before: Column) -> bool:
    """Whether a column takes less than before, or something else."""
    if type(now["type"]) is not type(before["type"]):
        return True
    length, was = (getattr(column["type"], "length", None) for column in (now, before))
    return length is not None and (was is None or length < was)


def value_of(column: Column, row: int) -> object:
    """Return a value that a column takes; rows have different ones where they may."""
    kind = column["type"]
    if isinstance(kind, sa.DateTime):
        return datetime(2026, 3, 1 + row, tzinfo=UTC)
    if isinstance(kind, sa.Boolean):
        return False
    if isinstance(kind, (sa.Integer, sa.Numeric)):
        return row + 1
    if isinstance(kind, sa.JSON):
        return []
    if isinstance(kind, sa.LargeBinary):
        return b"x"
    return f"x{row}"


def rows_of(schema: Schema, table: str) -> Sequence[dict[str, object]]:
    """Return rows as an old release may insert them: all columns, and the required ones alone."""
    columns = schema.columns_of(table)
    return [
        {column["name"]: value_of(column, 0) for column in columns},
        {
            column["name"]: value_of(column, 1)
            for column in columns
            if not column["nullable"] and column["default"] is None
        },
    ]


def refused(connection: sa.Connection, schema: Schema) -> set[str]:
    """Return the tables, of those that a schema has, that refuse what its release does to them."""
    refusing = set()
    for table in sorted(schema.tables):
        columns = [sa.column(found["name"], found["type"]) for found in schema.columns_of(table)]
        what = sa.table(table, *columns)
        attempt = connection.begin_nested()
        try:
            for row in rows_of(schema, table):
                connection.execute(sa.insert(what).values(row))
            connection.execute(sa.update(what).values({columns[-1].name: columns[-1]}))
            connection.execute(sa.select(*columns)).all()
            connection.execute(sa.delete(what))
        except sa.exc.DBAPIError:
            refusing.add(table)
        attempt.rollback()
    return refusing


@pytest.fixture
def database(empty_url: str) -> Iterator[Database]:
    """A database without tables; foreign keys are not checked, so that any row may come first."""
    ledger = Ledger.open(empty_url)
    yield ledger.database
    ledger.close()


def ignore_foreign_keys(connection: sa.Connection) -> None:
    """Let rows refer to none: single tables are tested."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
    else:
        connection.execute(sa.text("PRAGMA defer_foreign_keys = ON"))


def test_every_migration_leaves_the_previous_release_working(database: Database) -> None:
    with database.writing() as connection:
        config = alembic_config(connection)
        scripts = list(ScriptDirectory.from_config(config).walk_revisions())[::-1]
        before, was_refused = Schema(), set[str]()
        for script in scripts:
            command.upgrade(config, script.revision)
            ignore_foreign_keys(connection)
            after = read_schema(connection)
            newly_refused = refused(connection, before) - was_refused
            found = breaches(before, after) + [f"{table} refuses rows" for table in newly_refused]
            excuse = getattr(script.module, "ROLLING_UPGRADE", "")
            assert bool(found) == bool(excuse), f"{script.revision}: {found}"
            before, was_refused = after, refused(connection, after)


def column(
    name: str, kind: sa.types.TypeEngine[Any], **more: object
) -> tuple[tuple[str, str], Column]:
    return ("loads", name), {"name": name, "type": kind, "nullable": True, "default": None, **more}


OLD = Schema(dict([column("state", sa.String(20)), column("errors", sa.Text(), default="x")]))


@pytest.mark.parametrize(
    ("after", "breach"),
    [
        (Schema(dict([column("state", sa.String(20))])), "loads.errors is gone"),
        (
            Schema(OLD.columns | dict([column("state", sa.String(10))])),
            "loads.state is VARCHAR(10), and was VARCHAR(20)",
        ),
        (
            Schema(OLD.columns | dict([column("state", sa.String(20), nullable=False)])),
            "loads.state must not be NULL any more",
        ),
        (
            Schema(OLD.columns | dict([column("errors", sa.Text())])),
            "loads.errors has lost its default",
        ),
        (
            Schema(OLD.columns | dict([column("new", sa.Text(), nullable=False)])),
            "loads.new is new, not nullable and has no default",
        ),
        (
            Schema(OLD.columns, {("loads", "unique", frozenset(["state"]))}),
            "loads: unique of state",
        ),
        (
            Schema(OLD.columns, {("loads", "check", frozenset(["state", "other"]))}),
            "loads: check of state",
        ),
        (Schema(OLD.columns, indexes={("loads", "ix")}), "loads: index ix"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_an_old_release_cannot_bear_is_found(after: Schema, breach: str) -> None:
    assert breaches(OLD, after) == [breach]


def test_a_table_or_a_nullable_column_more_is_borne() -> None:
    more = Schema(
        OLD.columns | dict([column("new", sa.Text())]) | {("other", "id"): {"name": "id"}}
    )
    assert breaches(OLD, more) == []


def upgraded_by_a_newer_release(database: Database, usable_since: str) -> Ledger:
    """Return a ledger whose tables a newer release has expanded, or contracted, since."""
    ledger = Ledger.open(database.engine.url.render_as_string(hide_password=False))
    ledger.migrate()
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(
            sa.text("UPDATE host_values SET value = :since WHERE name = 'tables-usable-since'"),
            {"since": usable_since},
        )
    return ledger


def test_a_release_may_use_tables_that_a_newer_one_has_only_expanded(database: Database) -> None:
    """As the old gateways of a rolling upgrade do, which would be taken for ill otherwise."""
    with closing(upgraded_by_a_newer_release(database, REVISION)) as ledger:
        ledger.ping()


def test_a_release_uses_no_tables_that_a_newer_one_has_contracted(database: Database) -> None:
    ledger = upgraded_by_a_newer_release(database, "9998")
    with closing(ledger), pytest.raises(ForeignRevision):
        ledger.ping()


def test_a_release_changes_no_tables_of_a_newer_one(database: Database) -> None:
    ledger = upgraded_by_a_newer_release(database, REVISION)
    with closing(ledger), pytest.raises(ForeignRevision):
        ledger.migrate()
