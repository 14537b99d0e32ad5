"""Storing a version in PostgreSQL: a table of its own, a partition of those with its columns."""

from typing import Any

from psycopg import Connection

from alumniq_pipelines.adapters.warehouse.postgres.copy import (
    columns_of_accepted,
    copy_gaps,
    copy_in,
    open_accepted,
)
from alumniq_pipelines.adapters.warehouse.postgres.schema_layout import (
    NUMBER,
    Columns,
    SchemaLayout,
)
from alumniq_pipelines.adapters.warehouse.version_facts import VersionFile, metadata_values
from alumniq_pipelines.core.loads.warehouse import AcceptedRows
from alumniq_pipelines.core.problems.outage import IncompleteVersion
from alumniq_pipelines.core.sql_text import identifier

SMALL_SAMPLE = "set local default_statistics_target = 10"
"""A small sample for the planner right away; a full one would take twice as long as copying 100,000
rows, and autovacuum takes it later.
"""


def store_version(
    connection: Connection[Any],
    layout: SchemaLayout,
    accepted: AcceptedRows,
    described: VersionFile,
) -> None:
    """Store accepted rows in a new table, and attach it to those with the same columns."""
    number = described.version.number
    with open_accepted(accepted) as source:
        columns = columns_of_accepted(source, accepted)
        create_table(connection, layout, number, columns)
        found = copy_in(connection, source, accepted, layout.version(number), columns)
        if found != accepted.rows:
            raise IncompleteVersion(accepted.rows, found)
        copy_gaps(connection, source, layout, number)
    complete_version(connection, layout, described, columns)


def create_table(
    connection: Connection[Any], layout: SchemaLayout, number: int, columns: Columns
) -> None:
    """Create the empty table of a version, and the partitioned one for its columns."""
    own = identifier(NUMBER)
    types = "".join(f", {identifier(name)} {kind}" for name, kind in columns)
    # With the check constraint, "attach partition" does not scan the table again.
    connection.execute(
        f"create table if not exists {layout.inner(layout.shape(columns))} "
        f"({own} bigint not null{types}) partition by list ({own});"
        f"create table {layout.version(number)} "
        f"({own} bigint not null default {number} check ({own} = {number}){types})"
    )


def complete_version(
    connection: Connection[Any], layout: SchemaLayout, described: VersionFile, columns: Columns
) -> None:
    """Attach the filled table of a version to those with the same columns, and add its facts."""
    number, shape = described.version.number, layout.shape(columns)
    table = layout.version(number)
    connection.execute(
        f"{SMALL_SAMPLE}; analyze {table};"
        f"alter table {layout.inner(shape)} attach partition {table} for values in ({number})"
    )
    row = [*metadata_values(described), shape]
    placeholders = ", ".join(["%s"] * len(row))
    connection.execute(f"insert into {layout.metadata} values ({placeholders})", row)
