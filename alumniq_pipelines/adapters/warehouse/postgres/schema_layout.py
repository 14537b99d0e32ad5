"""The two schemas of an environment in a PostgreSQL warehouse: one to read, one with versions.

iqu_qa                       for readers: a view per feed, and `_versions`
iqu_qa_versions._facts       the facts of each version
iqu_qa_versions._live        the pointers: the live version of each feed
iqu_qa_versions._tokens      the attempts that may move a pointer, and those that may not any more
iqu_qa_versions._gaps        maps row numbers of versions to those of the received files
iqu_qa_versions.members__s…  a partitioned table per set of columns that the feed has had
iqu_qa_versions.members__v17 a version, one of its partitions
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from alumniq_pipelines.adapters.warehouse.version_facts import METADATA_COLUMNS
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.loads.warehouse import GAPS
from alumniq_pipelines.core.sql_text import identifier, literal

NUMBER = "_number of the load_"
"""The column that partitions a feed's rows by version; no feed can have a column of that name."""
OVERVIEW = "_versions"
"""The view that shows the live version of each feed."""
CREATE_TOKENS = (
    "create table if not exists {table} (feed text, number bigint, attempt integer, "
    "is_revoked boolean not null default false, pid integer, started_at timestamptz, "
    "primary key (feed, number, attempt))"
)

Columns = Sequence[tuple[str, str]]
"""Names and PostgreSQL types."""


@dataclass(frozen=True, slots=True)
class SchemaLayout:
    """The names of one target's relations, quoted for SQL."""

    target: Target

    @property
    def schema(self) -> str:
        """The readers' schema; unique, since customer ids contain no underscore."""
        return schema_of(self.target.customer, self.target.environment)

    @property
    def table(self) -> str:
        """The feed's name for readers."""
        return self.target.feed.replace("-", "_")

    @property
    def view(self) -> str:
        """The view that readers use, quoted."""
        return f"{self.schema}.{identifier(self.table)}"

    @property
    def relation(self) -> str:
        """The view that readers use, as people write it."""
        return f"{self.schema}.{self.table}"

    @property
    def metadata(self) -> str:
        """The table with the facts of all versions of the environment."""
        return f"{self.schema}_versions._facts"

    @property
    def pointers(self) -> str:
        """The table with the live version of each feed of the environment."""
        return f"{self.schema}_versions._live"

    @property
    def tokens(self) -> str:
        """The table with the fencing tokens of the environment's publications."""
        return f"{self.schema}_versions._tokens"

    @property
    def gaps(self) -> str:
        """The table that maps rows of the environment's versions to those of the received files."""
        return f"{self.schema}_versions.{GAPS}"

    def version(self, number: int) -> str:
        """The table of a version."""
        return self.inner(f"{self.table}__v{number}")

    def inner(self, table: str) -> str:
        """A table in the schema of the versions."""
        return f"{self.schema}_versions.{identifier(table)}"

    def shape(self, columns: Columns) -> str:
        """The name of the partitioned table for versions with exactly these columns."""
        return f"{self.table}__s{sha256(repr(list(columns)).encode()).hexdigest()[:8]}"

    def live_number(self, shape: str) -> str:
        """The SQL expression for the live version's number; null if that has another shape."""
        where = f"feed = {literal(self.target.feed)} and shape = {literal(shape)}"
        return f"(select number from {self.pointers} where {where})"


def schema_of(customer: str, environment: str) -> str:
    """Return an environment's schema for readers; it needs no quotes."""
    return f"{customer}_{environment}".replace("-", "_")


def create_schemas(connection: Connection[Any], layout: SchemaLayout) -> None:
    """Create an environment's schemas and tables unless they exist; one process at a time."""
    tables = (layout.pointers, layout.gaps, layout.tokens)
    if all(exists(connection, table) for table in tables):
        return
    columns = ", ".join(f"{name} {kind}" for name, kind in METADATA_COLUMNS.items())
    shown = ", ".join(f"facts.{name}" for name in METADATA_COLUMNS)
    with connection.transaction():
        # "if not exists" alone is not enough: two transactions may both find nothing, and then one
        # fails on the system catalog's unique index.
        lock(connection, layout.schema)
        connection.execute(
            f"create schema if not exists {layout.schema};"
            f"create schema if not exists {layout.schema}_versions;"
            f"create table if not exists {layout.metadata} "
            f"({columns}, shape text not null, primary key (feed, number));"
            f"create table if not exists {layout.pointers} "
            "(feed text primary key, number bigint not null, shape text not null);"
            f"create table if not exists {layout.gaps} "
            "(feed text, number bigint, place bigint, left_out bigint not null, "
            "primary key (feed, number, place));"
            f"{CREATE_TOKENS.format(table=layout.tokens)};"
            f"create or replace view {layout.schema}.{OVERVIEW} as select {shown} "
            f"from {layout.metadata} facts join {layout.pointers} using (feed, number) "
            "order by feed"
        )


def create_tokens(connection: Connection[Any], layout: SchemaLayout) -> None:
    """Create the table of tokens unless it exists, for a target without any version."""
    if not exists(connection, layout.tokens):
        with connection.transaction():
            lock(connection, layout.schema)
            connection.execute(
                f"create schema if not exists {layout.schema}_versions;"
                f"{CREATE_TOKENS.format(table=layout.tokens)}"
            )


def exists(connection: Connection[Any], relation: str) -> bool:
    """Whether a relation exists."""
    [(found,)] = connection.execute("select to_regclass(%s)", [relation]).fetchall()
    return found is not None


def has_live_versions(connection: Connection[Any], schema: str) -> bool:
    """Whether any feed of an environment has a live version: a failed publication has none."""
    pointers = f"{schema}_versions._live"
    if not exists(connection, pointers):
        return False
    return connection.execute(f"select from {pointers} limit 1").fetchone() is not None


def lock(connection: Connection[Any], name: str) -> None:
    """Lock a name against other writers until the transaction ends."""
    connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def metadata(
    connection: Connection[Any], layout: SchemaLayout, where: str = "true"
) -> Sequence[Mapping[str, Any]]:
    """Return the facts of a target's versions, newest first, with `is_live`.

    `where` is SQL of our own over `facts` and `live`.
    """
    if not exists(connection, layout.pointers):
        return []
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            f"select facts.*, live.number is not null as is_live from {layout.metadata} facts "
            f"left join {layout.pointers} live using (feed, number) "
            f"where feed = %s and {where} order by number desc",
            [layout.target.feed],
        ).fetchall()


def columns_of(connection: Connection[Any], relation: str) -> Columns:
    """Return the columns of a relation without NUMBER."""
    found = connection.execute(
        "select attname::text, format_type(atttypid, atttypmod) from pg_attribute "
        "where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped and attname <> %s "
        "order by attnum",
        [relation, NUMBER],
    ).fetchall()
    return [(name, kind) for name, kind in found]
