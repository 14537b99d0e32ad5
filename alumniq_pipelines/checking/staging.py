"""Staging: the regular rows of a file as a typed DuckDB table, screened while they are read.

The table is what will be published. Beside its columns it has one more, which holds the text of
those cells that did not pass the screen, and is NULL for almost every row. A row's place in the
table, from 0, is its `rowid`: rows stand in the order of the file.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np

from alumniq_pipelines.checking.header import Header
from alumniq_pipelines.checking.spreadsheet_damage import screened_damages
from alumniq_pipelines.checking.sql_checks import damage_condition, suspect_condition, value_sql
from alumniq_pipelines.checking.structure.block import Mask, Positions
from alumniq_pipelines.checking.structure.scan import RegularText
from alumniq_pipelines.core.database_paths import database_path
from alumniq_pipelines.core.feeds.field_map import Column, FieldMap
from alumniq_pipelines.core.loads.warehouse import GAPS, WRITE_CONFIG
from alumniq_pipelines.core.problems.outage import (
    ReadersDisagree,
    ScratchUnavailable,
    StagingFailed,
)
from alumniq_pipelines.core.sql_text import identifier, literal
from alumniq_pipelines.files.duckdb_paths import file_pattern

if TYPE_CHECKING:
    import pandas as pd

SUSPECTS = identifier(" suspects")
"""No column of a file can have this name: blanks around names are taken away."""

OUT_OF_SPACE_ERRORS = (
    duckdb.IOException,
    duckdb.OutOfMemoryException,
    duckdb.TransactionException,  # a commit that could not be written
    duckdb.FatalException,
)

MEMORY_LIMIT = "640MB"
"""Of DuckDB alone: with Python and pandas beside it, a load stays within 1 GiB."""

INTERRUPT_SECONDS = 0.02

VECTORS_PER_BATCH = 49
"""About 100,000 cells are judged at a time (a vector is 2,048 of them)."""


DUPLICATES_PER_BATCH = 1_000_000


@dataclass(frozen=True)
class Staging:
    """A database with one staged file, lent by `open_staging`.

    Where `stores_rows` is false only keys are staged: enough to judge by, and nothing to publish.
    """

    connection: duckdb.DuckDBPyConnection
    field_map: FieldMap
    stores_rows: bool

    def stage(self, text: RegularText, header: Header) -> None:
        """Stage the rows of a file, in place of any that were staged before."""
        columns = self.columns(header) if self.stores_rows else _key_columns(self.field_map)
        selected = [_column_sql(name, header, self.field_map) for name in columns]
        selected.append(f"{_suspects(header, self.field_map)} AS {SUSPECTS}")
        self.run(
            f"CREATE OR REPLACE TABLE {self.table} AS "
            f"SELECT {', '.join(selected)} FROM {read_csv_sql(text, self.field_map)}"
        )

    def cancel_staging(self, attempt: Future[None]) -> None:
        """End an attempt at staging that runs in another thread, and forget what came of it."""
        while not attempt.done():
            self.connection.interrupt()  # in vain if its statement has not begun yet
            wait([attempt], timeout=INTERRUPT_SECONDS)

    def verify_row_count(self, rows: int) -> None:
        """See that so many rows were staged; raises ReadersDisagree."""
        found = self.count(self.table)
        if found != rows:
            raise ReadersDisagree(rows, found)

    def columns(self, header: Header) -> tuple[str, ...]:
        """Name the columns to be published: the field map's, then the sender's own."""
        known = [column.name for column in self.field_map.columns]
        return (*known, *(name for name in header.sources if name not in set(known)))

    @property
    def table(self) -> str:
        """The table, for use in SQL."""
        return f"main.{identifier(self.field_map.asset_name)}"

    def suspects(self) -> Iterator[tuple[Column, Iterator["pd.DataFrame"]]]:
        """Go through the cells to be judged by column: batches of `row` and `text`, in order."""
        self.run(
            f"CREATE OR REPLACE TABLE aside.suspects AS SELECT rowid AS row, "
            f"unnest({SUSPECTS}, recursive := true) FROM {self.table} WHERE {SUSPECTS} IS NOT NULL"
        )
        found = self.run("SELECT DISTINCT place FROM aside.suspects ORDER BY place").fetchall()
        for (index,) in found:
            self._clear_suspects(index)
            yield self.field_map.columns[index], self._batches(index)

    def _clear_suspects(self, index: int) -> None:
        """Blank the cells to be judged: DuckDB takes more for values than we do, 1.5 for 2."""
        column = self.field_map.columns[index]
        if not column.spec.takes_any_text and self._is_staged(column):
            name = identifier(column.name)
            self.run(
                f"UPDATE {self.table} SET {name} = NULL FROM aside.suspects AS suspect "
                f"WHERE suspect.place = {index} AND {self.table}.rowid = suspect.row "
                f"AND {self.table}.{name} IS NOT NULL"
            )

    def _is_staged(self, column: Column) -> bool:
        """Whether a column is staged."""
        return self.stores_rows or column.name in _key_columns(self.field_map)

    def _batches(self, index: int) -> Iterator["pd.DataFrame"]:
        cursor = self.run(
            f"SELECT row, text FROM aside.suspects WHERE place = {index} ORDER BY row",
            connection=_prepare(self.connection.cursor()),
        )
        while len(batch := cursor.fetch_df_chunk(VECTORS_PER_BATCH)):
            yield batch

    def store_values(self, column: Column, values: Mapping[int, object]) -> None:
        """Store the values of cells that did not pass the screen and were found to be right."""
        if not values or not self._is_staged(column):
            return
        self.run(
            f"UPDATE {self.table} SET {identifier(column.name)} = "
            f"CAST(amended.value AS {column.spec.duckdb}) "
            "FROM (SELECT unnest($rows) AS row, unnest($values) AS value) AS amended "
            f"WHERE {self.table}.rowid = amended.row",
            {"rows": list(values), "values": list(values.values())},
        )

    def find_duplicates(self, key: Sequence[str]) -> Iterator[tuple[Positions, Positions]]:
        """Find rows whose key an earlier row has too, in order: their rows, and the first's.

        A key with a blank in it is no key.
        """
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
            found = self.run(
                "SELECT row, first FROM aside.repeats "
                f"WHERE rowid BETWEEN {begin} AND {begin + DUPLICATES_PER_BATCH - 1} ORDER BY rowid"
            ).fetchnumpy()
            yield np.asarray(found["row"]), np.asarray(found["first"])

    def accept(self, rejected: Mask, gaps: Mapping[str, Positions] | None = None) -> int:
        """Leave only rows that are not rejected, and only the columns of the feed; count them.

        `gaps` are kept beside them, as columns of a table.
        """
        if not self.stores_rows:
            message = "Rows that were not kept cannot be accepted."
            raise ValueError(message)
        if rejected.any():
            self.connection.register("rejected", {"row": np.flatnonzero(rejected)})
            self.run(f"DELETE FROM {self.table} WHERE rowid IN (SELECT row FROM rejected)")
        if gaps is not None:
            self.connection.register("gaps", dict(gaps))
            self.run(f"CREATE TABLE main.{GAPS} AS FROM gaps")
        self.run(f"ALTER TABLE {self.table} DROP COLUMN {SUSPECTS}")
        self.run("CHECKPOINT")
        return self.count(self.table)

    def export(self, path: Path) -> None:
        """Write the table into a CSV or Parquet file under a name of ours, by its ending."""
        form = "FORMAT parquet" if path.suffix.lower() == ".parquet" else "FORMAT csv, HEADER true"
        self.run(f"COPY (FROM {self.table}) TO {literal(database_path(path))} ({form})")

    def count(self, table: str) -> int:
        """Count the rows of a table."""
        (count,) = self.run(f"SELECT count(*) FROM {table}").fetchall()[0]
        return int(count)

    def run(
        self,
        sql: str,
        parameters: Mapping[str, object] | None = None,
        connection: duckdb.DuckDBPyConnection | None = None,
    ) -> duckdb.DuckDBPyConnection:
        """Run a statement."""
        return (connection or self.connection).execute(sql, parameters)


@contextmanager
def open_staging(field_map: FieldMap, scratch: Path, database: Path | None) -> Iterator[Staging]:
    """Lend a database for staging a file: a new file of its own, or memory where it is None.

    Whatever fails in it is raised as ScratchUnavailable or StagingFailed.
    """
    config = _connection_settings(scratch)
    name = database_path(database) if database else ":memory:"
    with _translate_duckdb_errors(), duckdb.connect(name, config=config) as connection:
        connection.execute("ATTACH ':memory:' AS aside")
        _prepare(connection)
        yield Staging(connection, field_map, stores_rows=database is not None)


@contextmanager
def _translate_duckdb_errors() -> Iterator[None]:
    """Tell of DuckDB's failures by their kind alone: what it says of them may hold cells."""
    try:
        yield
    except OUT_OF_SPACE_ERRORS as error:
        raise ScratchUnavailable(type(error).__name__) from None
    except duckdb.Error as error:
        raise StagingFailed(type(error).__name__) from None


def _prepare(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Keep a session from drawing on stdout, and from reading times by the machine's zone."""
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _connection_settings(scratch: Path) -> dict[str, Any]:
    return {
        **WRITE_CONFIG,
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": database_path(scratch / "spilled"),
    }


def _key_columns(field_map: FieldMap) -> tuple[str, ...]:
    schema = field_map.table_schema
    unique = [column.name for column in field_map.columns if column.constraints.unique]
    foreign = [name for key in schema.foreign_keys for name in key.fields]
    return tuple(dict.fromkeys((*schema.primary_key, *unique, *foreign)))


def _column_sql(name: str, header: Header, field_map: FieldMap) -> str:
    return (
        f"{value_sql(column_text_sql(name, header), field_map.column(name))} AS {identifier(name)}"
    )


def column_text_sql(name: str, header: Header) -> str:
    """Name the text of a column in the reader; of one that the file lacks, it is blank."""
    index = header.sources.get(name)
    return "CAST(NULL AS VARCHAR)" if index is None else f"c{index}"


def _suspects(header: Header, field_map: FieldMap) -> str:
    """Write the list of a row's cells that do not pass the screen; NULL where all pass."""
    conditions = {
        index: (text, condition)
        for index, column in enumerate(field_map.columns)
        if column.name in header.sources
        and (text := column_text_sql(column.name, header))
        and (condition := _suspect(text, column, field_map))
    }
    if not conditions:
        return "CAST(NULL AS STRUCT(place INTEGER, text VARCHAR)[])"
    anything = " OR ".join(condition for _text, condition in conditions.values())
    cells = ", ".join(
        f"CASE WHEN {condition} THEN {{'place': {index}, 'text': {text}}} END"
        for index, (text, condition) in conditions.items()
    )
    return f"CASE WHEN {anything} THEN list_filter([{cells}], lambda cell: cell IS NOT NULL) END"


def _suspect(text: str, column: Column, field_map: FieldMap) -> str | None:
    """Write the condition of one cell: it may be wrong, or show a spreadsheet's damage."""
    wrong = suspect_condition(text, column, required=field_map.is_required(column))
    damages = screened_damages(column, field_map)
    if not damages:
        return wrong
    return (
        damage_condition(text, damages)
        if wrong is None
        else f"({wrong} OR {damage_condition(text, damages)})"
    )


def read_csv_sql(text: RegularText, field_map: FieldMap) -> str:
    """Write the call of DuckDB's reader, which is left nothing to guess."""
    layout = text.layout
    names = [f"c{index}" for index in range(layout.width)]
    varchar = literal("VARCHAR")
    blanks = field_map.table_schema.missing_values
    options = {
        "header": "true" if text.has_header else "false",
        "delim": literal(layout.delimiter),
        "quote": literal(layout.quote),
        "escape": literal(layout.quote),
        "auto_detect": "false",
        "compression": literal("none"),
        "hive_partitioning": "false",
        "strict_mode": "true",
        "columns": f"{{{', '.join(f'{name}: {varchar}' for name in names)}}}",
        "nullstr" if blanks else "force_not_null": (
            f"[{', '.join(literal(text) for text in blanks or names)}]"
        ),
    }
    if not text.has_returns:
        options["new_line"] = literal("\\n")
    written = ", ".join(f"{name} = {value}" for name, value in options.items())
    return f"read_csv({literal(file_pattern(text.path))}, {written})"
