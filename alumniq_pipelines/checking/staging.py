"""Staging: the regular rows of a file as a typed DuckDB table, screened while they are read.

The table is what will be published. It has one extra column for the text of those cells that did
not pass the screen, which is NULL in almost every row. Rows are in the order of the file, so the
`rowid` of a row is its index among the regular rows, from 0.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import numpy as np

from alumniq_pipelines.checking.header import Header
from alumniq_pipelines.checking.sql_checks import value_sql
from alumniq_pipelines.checking.staging_sql import (
    WHOLE_LINE,
    column_text_sql,
    read_csv_sql,
    suspects_sql,
)
from alumniq_pipelines.checking.structure.block import Mask, Positions
from alumniq_pipelines.checking.structure.scan import RegularText
from alumniq_pipelines.core.database_paths import database_path
from alumniq_pipelines.core.feeds.field_map import Column, FieldMap
from alumniq_pipelines.core.loads.warehouse import GAPS, WRITE_CONFIG, MemoryDatabase
from alumniq_pipelines.core.problems.outage import (
    ReadersDisagree,
    ScratchUnavailable,
    StagingFailed,
)
from alumniq_pipelines.core.sql_text import identifier, literal

SUSPECTS = identifier(" suspects")
"""No column of a file can have this name: blanks around names are stripped."""

OUT_OF_SPACE_ERRORS = (
    duckdb.IOException,
    duckdb.OutOfMemoryException,
    duckdb.TransactionException,  # a commit that could not be written
    duckdb.FatalException,
)

MEMORY_LIMIT = "640MB"
"""DuckDB's share: with Python and pandas in addition, a load stays within 1 GiB."""

DUPLICATES_PER_BATCH = 1_000_000


@dataclass(frozen=True)
class Staging:
    """A database with one staged file, as `open_staging` yields it.

    If `stores_rows` is false, only key columns are staged: enough for all checks, but nothing that
    could be published.
    """

    connection: duckdb.DuckDBPyConnection
    field_map: FieldMap
    database: Path | MemoryDatabase
    stores_rows: bool = True

    def stage(self, text: RegularText, header: Header) -> None:
        """Stage the rows of a file."""
        columns = self.columns(header) if self.stores_rows else _key_columns(self.field_map)
        selected = [
            f"{value_sql(column_text_sql(name, header), self.field_map.column(name))} "
            f"AS {identifier(name)}"
            for name in columns
        ]
        selected.append(f"{suspects_sql(header, self.field_map)} AS {SUSPECTS}")
        self.run(
            f"CREATE TABLE {self.table} AS "
            f"SELECT {', '.join(selected)} FROM {read_csv_sql(text, self.field_map)}"
        )

    def verify_row_count(self, rows: int) -> None:
        """Raise ReadersDisagree unless so many rows were staged."""
        found = self.count(self.table)
        if found != rows:
            raise ReadersDisagree(rows, found)

    def columns(self, header: Header) -> tuple[str, ...]:
        """Return the columns to be published: the field map's, then the sender's own."""
        known = [column.name for column in self.field_map.columns]
        return (*known, *(name for name in header.sources if name not in set(known)))

    @property
    def table(self) -> str:
        """The name of the table, quoted for SQL."""
        return f"main.{identifier(self.field_map.asset_name)}"

    def collect_suspects(self) -> Positions:
        """List the suspect cells; return the rows, by index, that may be lines without data."""
        # One line per suspect cell: `row`, and the `column_index` and `text` of the struct.
        self.run(
            f"CREATE OR REPLACE TABLE aside.suspects AS SELECT rowid AS row, "
            f"unnest({SUSPECTS}, recursive := true) FROM {self.table} WHERE {SUSPECTS} IS NOT NULL"
        )
        candidates = self.run(
            f"SELECT row FROM aside.suspects WHERE column_index = {WHOLE_LINE} ORDER BY row"
        ).fetchnumpy()["row"]
        self.run(f"DELETE FROM aside.suspects WHERE column_index = {WHOLE_LINE}")
        return np.asarray(candidates, np.int64)

    def ignore_cells(self, rows: Positions) -> None:
        """Let no cell of some rows, which are no data, be suspect, a key or a reference."""
        self.connection.register("ignored", {"row": rows})
        blank = ", ".join(f"{identifier(name)} = NULL" for name in _key_columns(self.field_map))
        self.run("DELETE FROM aside.suspects WHERE row IN (SELECT row FROM ignored)")
        if blank:
            self.run(f"UPDATE {self.table} SET {blank} WHERE rowid IN (SELECT row FROM ignored)")
        self.connection.unregister("ignored")

    def is_staged(self, column: Column) -> bool:
        """Whether the values of a column are in the table."""
        return self.stores_rows or column.name in _key_columns(self.field_map)

    def find_duplicates(self, key: Sequence[str]) -> Iterator[tuple[Positions, Positions]]:
        """Yield the rows that repeat the key of an earlier row, in order, and the first such rows.

        A key with a blank in it is not compared.
        """
        # Two steps, so that the join and the sort are over repeated keys alone, which are few.
        names = ", ".join(identifier(name) for name in key)
        present = " AND ".join(f"{identifier(name)} IS NOT NULL" for name in key)
        self.run(
            f"CREATE OR REPLACE TABLE aside.repeated AS SELECT {names}, min(rowid) AS first "
            f"FROM {self.table} WHERE {present} GROUP BY {names} HAVING count(*) > 1"
        )
        if not self.count("aside.repeated"):
            return
        self.run(
            "CREATE OR REPLACE TABLE aside.repeats AS "
            f"SELECT file.rowid AS row, first FROM {self.table} AS file "
            f"JOIN aside.repeated USING ({names}) WHERE file.rowid > first ORDER BY row"
        )
        for begin in range(0, self.count("aside.repeats"), DUPLICATES_PER_BATCH):
            # By rowid, not LIMIT and OFFSET: each batch would read all before it again.
            found = self.run(
                "SELECT row, first FROM aside.repeats "
                f"WHERE rowid BETWEEN {begin} AND {begin + DUPLICATES_PER_BATCH - 1} ORDER BY rowid"
            ).fetchnumpy()
            yield np.asarray(found["row"]), np.asarray(found["first"])

    def accept(self, rejected: Mask, gaps: Mapping[str, Positions] | None = None) -> int:
        """Delete rejected rows and the extra column; return how many rows are left.

        `gaps` are stored as the columns of a table of their own.
        """
        if not self.stores_rows:
            message = "Rows that were not stored cannot be accepted."
            raise ValueError(message)
        if rejected.any():
            self.connection.register("rejected", {"row": np.flatnonzero(rejected)})
            self.run(f"DELETE FROM {self.table} WHERE rowid IN (SELECT row FROM rejected)")
        if gaps is not None:
            self.connection.register("gaps", dict(gaps))
            self.run(f"CREATE TABLE main.{GAPS} AS FROM gaps")
        self.run(f"ALTER TABLE {self.table} DROP COLUMN {SUSPECTS}")
        if isinstance(self.database, Path):
            # It may be moved into place as it is: with a .wal beside it, it would be unreadable.
            self.run("CHECKPOINT")
        return self.count(self.table)

    def export(self, path: Path) -> None:
        """Write the table to a CSV or Parquet file, depending on the suffix of its name."""
        is_parquet = path.suffix.lower() == ".parquet"
        options = "FORMAT parquet" if is_parquet else "FORMAT csv, HEADER true"
        self.run(f"COPY (FROM {self.table}) TO {literal(database_path(path))} ({options})")

    def column_types(self, table: str) -> dict[str, str]:
        """Return the columns of a table with their types, in their order."""
        return {name: kind for name, kind, *_ in self.run(f"DESCRIBE {table}").fetchall()}

    def count(self, table: str) -> int:
        """Return the number of rows of a table."""
        (count,) = self.run(f"SELECT count(*) FROM {table}").fetchall()[0]
        return int(count)

    def run(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> duckdb.DuckDBPyConnection:
        """Run a statement."""
        return self.connection.execute(sql, parameters)


@contextmanager
def open_staging(field_map: FieldMap, scratch: Path, database: Path | None) -> Iterator[Staging]:
    """Yield a new database to stage a file in: a database file, or in memory if it is None.

    Whatever fails in it is raised as ScratchUnavailable or StagingFailed.
    """
    config: dict[str, Any] = {
        **WRITE_CONFIG,
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": database_path(scratch / "spilled"),
    }
    memory = MemoryDatabase(f":memory:{uuid4().hex}", config)
    name = database_path(database) if database else memory.name
    # Only the kind of an error is passed on: the messages of DuckDB may contain cells.
    try:
        with duckdb.connect(name, config=config) as connection:
            # Working tables live in memory, not in the file that will be published.
            connection.execute("ATTACH ':memory:' AS aside")
            _prepare(connection)
            yield Staging(connection, field_map, database or memory)
    except OUT_OF_SPACE_ERRORS as error:
        raise ScratchUnavailable(type(error).__name__) from None
    except duckdb.Error as error:
        raise StagingFailed(type(error).__name__) from None


def _prepare(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Turn off the progress bar on stdout, and read times without a zone as UTC."""
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _key_columns(field_map: FieldMap) -> tuple[str, ...]:
    schema = field_map.table_schema
    unique = [column.name for column in field_map.columns if column.constraints.unique]
    foreign = [name for key in schema.foreign_keys for name in key.fields]
    return tuple(dict.fromkeys((*schema.primary_key, *unique, *foreign)))
