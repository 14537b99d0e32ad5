"""A version as a DuckDB file: the feed's table, and beside it what the version is."""

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
    """Make a version of a database of accepted rows: named, counted, explained and at rest.

    Raises IncompleteVersion where it has another number of rows than was announced.
    """
    with duckdb.connect(database_path(accepted.database), config=WRITE_CONFIG) as connection:
        if accepted.table != described.table:
            names = identifier(accepted.table), identifier(described.table)
            connection.execute(f"alter table {names[0]} rename to {names[1]}")
        (found,) = connection.table(identifier(described.table)).count("*").fetchall()[0]
        if found != accepted.rows:
            raise IncompleteVersion(accepted.rows, found)
        columns = ", ".join(f"{name} {kind}" for name, kind in METADATA_COLUMNS.items())
        connection.execute(f"create table {METADATA_TABLE} ({columns})")
        connection.table(METADATA_TABLE).insert(metadata_values(described))
        connection.execute("checkpoint")


def read(files: Collection[Path]) -> Sequence[VersionFile]:
    """Read what versions are, in the order of their files."""
    if not files:
        return []
    with duckdb.connect() as connection:
        rows = connection.execute(
            "from read_duckdb(?, table_name = ?, hive_partitioning = false)",
            [[file_pattern(file) for file in files], METADATA_TABLE],
        ).fetchall()
    return [version_of(dict(zip(METADATA_COLUMNS, row, strict=True))) for row in rows]
