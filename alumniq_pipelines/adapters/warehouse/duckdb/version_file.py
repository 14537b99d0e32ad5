"""A version as a DuckDB file: the feed's table, and a table with the facts of the version."""

from collections.abc import Collection, Sequence
from pathlib import Path

import duckdb

from alumniq_pipelines.adapters.warehouse.version_facts import (
    METADATA_COLUMNS,
    METADATA_TABLE,
    VersionFile,
    metadata_values,
    version_of,
)
from alumniq_pipelines.core.database_paths import database_path
from alumniq_pipelines.core.loads.warehouse import WRITE_CONFIG, AcceptedRows
from alumniq_pipelines.core.problems.outage import IncompleteVersion
from alumniq_pipelines.core.sql_text import identifier
from alumniq_pipelines.files.duckdb_paths import file_pattern


def complete(accepted: AcceptedRows, described: VersionFile) -> None:
    """Turn a database of accepted rows into a version: rename the table, add the facts, checkpoint.

    Raises IncompleteVersion if the number of rows is not the expected one.
    """
    with duckdb.connect(database_path(accepted.file), config=WRITE_CONFIG) as connection:
        if accepted.table != described.table:
            names = identifier(accepted.table), identifier(described.table)
            connection.execute(f"alter table {names[0]} rename to {names[1]}")
        (found,) = connection.table(identifier(described.table)).count("*").fetchall()[0]
        if found != accepted.rows:
            raise IncompleteVersion(accepted.rows, found)
        columns = ", ".join(f"{name} {kind}" for name, kind in METADATA_COLUMNS.items())
        connection.execute(f"create table {METADATA_TABLE} ({columns})")
        connection.table(METADATA_TABLE).insert(metadata_values(described))
        connection.execute("checkpoint")  # leaves no .wal file: the database is moved next


def read(files: Collection[Path]) -> Sequence[VersionFile]:
    """Return the versions in these files, in the same order."""
    if not files:
        return []
    with duckdb.connect() as connection:
        return read_by(connection, files)


def read_by(
    connection: duckdb.DuckDBPyConnection, files: Collection[Path]
) -> Sequence[VersionFile]:
    """Return the versions in one or more files by a connection: a new one takes 0.1 s."""
    rows = connection.execute(
        "from read_duckdb(?, table_name = ?, hive_partitioning = false)",
        [[file_pattern(file) for file in files], METADATA_TABLE],
    ).fetchall()
    return [version_of(dict(zip(METADATA_COLUMNS, row, strict=True))) for row in rows]
