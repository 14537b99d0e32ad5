"""The catalog of an environment: a DuckDB file with a view of each feed's live version.

A view names the file of one version, not the link to the live one: DuckDB opens a file again at
every mention in a statement, so a statement that mentions a feed twice while the link moves would
read two versions. A reader who has opened a catalog reads the same versions until it is opened
again.
"""

from collections.abc import Collection, Iterable
from pathlib import Path

import duckdb

from alumniq_pipelines.adapters.warehouse.duckdb.version_file import read_by
from alumniq_pipelines.adapters.warehouse.version_facts import METADATA_TABLE
from alumniq_pipelines.core.database_paths import database_path
from alumniq_pipelines.core.sql_text import identifier, literal
from alumniq_pipelines.files.duckdb_paths import file_pattern

OVERVIEW = "_versions"
"""The view that shows the live version of each feed."""


def write(file: Path, live: Collection[Path]) -> None:
    """Write a catalog of the live versions in these files, at least one, to a new file."""
    file.unlink(missing_ok=True)
    with duckdb.connect(database_path(file)) as connection:
        for path, described in zip(live, read_by(connection, live), strict=True):
            view, version = identifier(described.table), described.version
            comment = (
                f"{version.target}, version {version.number} of "
                f"{version.published_at:%Y-%m-%d %H:%M} UTC: "
                f"{version.rows:,} rows, load {version.job_id}"
            )
            connection.execute(f"create view {view} as from {_source([path], described.table)}")
            connection.execute(f"comment on view {view} is {literal(comment)}")
        source = _source(live, METADATA_TABLE)
        connection.execute(f"create view {OVERVIEW} as from {source} order by feed")
        connection.execute("checkpoint")  # leaves no .wal file: the file is renamed next


def _source(paths: Iterable[Path], table: str) -> str:
    """Return the SQL that reads a table from files; no columns from folders named `a=b`."""
    files = ", ".join(literal(file_pattern(path)) for path in paths)
    return f"read_duckdb([{files}], table_name = {literal(table)}, hive_partitioning = false)"
