"""Rows between a DuckDB file and a PostgreSQL table: no value becomes a Python object.

DuckDB writes whole lines of PostgreSQL's text format, and reads CSV through a pipe. One side writes
while the other reads, so it takes the time of the slower one and no disk.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
from psycopg import Connection

from alumniq_pipelines.adapters.warehouse.postgres.schema_layout import Columns, SchemaLayout
from alumniq_pipelines.core.database_paths import database_path
from alumniq_pipelines.core.feeds.column_types import (
    SPECS_BY_DUCKDB_TYPE,
    SPECS_BY_POSTGRES_TYPE,
    TYPE_SPECS,
    ColumnType,
)
from alumniq_pipelines.core.loads.warehouse import GAPS, AcceptedRows, MemoryDatabase
from alumniq_pipelines.core.problems.outage import ScratchUnavailable
from alumniq_pipelines.core.sql_text import identifier, literal

WRITE_CONFIG: dict[str, Any] = {"memory_limit": "256MB"}
WRITE_THREADS = "set threads = 1"
"""For writing: one thread is faster than PostgreSQL reads."""

LINES_AT_ONCE = 256
MAX_WAITING_BYTES = 4 << 20

POSTGRES_TEXT = TYPE_SPECS[ColumnType.STRING].postgres
DELIMITER, LINE_END, NULL_MARK = "\t", "\n", "\1"
"""The mark is one byte: with the usual `\\N`, PostgreSQL takes an eighth longer. An empty mark
would be an empty text.
"""
ESCAPES = {
    "\\": "\\\\",
    DELIMITER: "\\t",
    LINE_END: "\\n",
    "\r": "\\r",
    NULL_MARK: f"\\{NULL_MARK}",
}
"""The special characters of PostgreSQL's text format; the backslash comes first."""

ROWS_AT_ONCE = 10_000
READ_CSV_OPTIONS = (
    "auto_detect = false, header = false, delim = ',', quote = '\"', escape = '\"', "
    "nullstr = '', allow_quoted_nulls = false, max_line_size = 8000000, buffer_size = 32000000, "
    "compression = 'none', hive_partitioning = false, new_line = '\\n'"
)
"""How DuckDB parses what PostgreSQL wrote. No row that was loaded reaches the maximum line size,
even with its quotes doubled. The line end is given because, when DuckDB detects it, a carriage
return inside a value may count as one. Of its own accord, DuckDB would take buffers of 16 lines of
the maximum size.
"""

READ_CONFIG: dict[str, Any] = {"memory_limit": "256MB"}
"""For reading: this memory is in addition to that of the staged file."""


@contextmanager
def open_accepted(accepted: AcceptedRows) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection to the database of accepted rows."""
    with _connect(accepted.database) as source:
        source.execute(WRITE_THREADS)
        yield source


def _connect(database: Path | MemoryDatabase) -> duckdb.DuckDBPyConnection:
    if isinstance(database, MemoryDatabase):
        return duckdb.connect(database.name, config=dict(database.config))
    return duckdb.connect(database_path(database), read_only=True, config=WRITE_CONFIG)


def columns_of_accepted(source: duckdb.DuckDBPyConnection, accepted: AcceptedRows) -> Columns:
    """Return the columns of accepted rows with PostgreSQL's types."""
    described = source.execute(f"describe {identifier(accepted.table)}").fetchall()
    return [(name, SPECS_BY_DUCKDB_TYPE[kind].postgres) for name, kind, *_ in described]


def copy_in(
    connection: Connection[Any],
    source: duckdb.DuckDBPyConnection,
    accepted: AcceptedRows,
    relation: str,
    columns: Columns,
) -> int:
    """Copy accepted rows into a table created in this transaction; return how many arrived."""
    names = ", ".join(identifier(name) for name, _ in columns)
    # "freeze": the first reader need not mark each row as committed.
    into = f"copy {relation} ({names}) from stdin (format text, null {literal(NULL_MARK)}, freeze)"
    with connection.cursor() as cursor:
        # One thread sends what was read while this one reads more, so much that the server always
        # has some: the queue of psycopg's own writer is bounded by the number of messages, which
        # may be of megabytes each.
        with cursor.copy(into) as copy, ThreadPoolExecutor(1) as sender:
            found = source.execute(_lines_sql(accepted, columns))
            sending: deque[tuple[Future[None], int]] = deque()
            waiting = 0
            while lines := found.fetchmany(LINES_AT_ONCE):
                message = b"".join(line for (line,) in lines)
                waiting += len(message)
                while sending and (waiting > MAX_WAITING_BYTES or sending[0][0].done()):
                    sent, size = sending.popleft()
                    sent.result()
                    waiting -= size
                sending.append((sender.submit(copy.write, message), len(message)))
            for sent, _ in sending:
                sent.result()
        return cursor.rowcount


def _lines_sql(accepted: AcceptedRows, columns: Columns) -> str:
    """Return the query for accepted rows as lines of PostgreSQL's text format, in their order.

    A row is assembled in one step. Only where that line turns out to have a special character, its
    cells are escaped one by one, which takes longer and has to copy every cell.
    """
    cells = [f"c{index}" for index in range(len(columns))]
    texts = [cell for cell, (_, kind) in zip(cells, columns, strict=True) if kind == POSTGRES_TEXT]
    escaped = {cell: cell for cell in texts}
    for character, replacement in ESCAPES.items():
        arguments = f"{literal(character)}, {literal(replacement)}"
        escaped = {cell: f"replace({sql}, {arguments})" for cell, sql in escaped.items()}
    # Delimiters and marks are in every line, so they are searched for in the cells.
    special = " or ".join(
        [f"contains(line, {literal(character)})" for character in "\\\n\r"]
        + [f"contains({cell}, {literal(DELIMITER)})" for cell in texts]
        + [f"{cell} = {literal(NULL_MARK)}" for cell in texts]
    )
    names = ", ".join(identifier(name) for name, _ in columns)
    table = f"(from {identifier(accepted.table)} select {names}) as accepted({', '.join(cells)})"
    return (
        f"select encode(if({special}, {_line_sql(escaped.get(cell, cell) for cell in cells)}, line)"
        f" || {literal(LINE_END)}) from (select *, {_line_sql(cells)} as line from {table})"
    )


def _line_sql(cells: Iterable[str]) -> str:
    """Return the expression that joins cells to a line without its end."""
    marked = (f"coalesce({cell}::varchar, {literal(NULL_MARK)})" for cell in cells)
    return f"concat({f', {literal(DELIMITER)}, '.join(marked)})"


def copy_gaps(
    connection: Connection[Any],
    source: duckdb.DuckDBPyConnection,
    layout: SchemaLayout,
    number: int,
) -> None:
    """Store a version's gaps, which map the numbers of its rows to those of the received file.

    There is at most one entry for each row that was left out.
    """
    into = f"copy {layout.gaps} (feed, number, place, left_out) from stdin"
    with connection.cursor() as cursor, cursor.copy(into) as copy:
        found = source.execute(f"select place, left_out from {GAPS}")
        while rows := found.fetchmany(ROWS_AT_ONCE):
            for row in rows:
                copy.write_row((layout.target.feed, number, *row))


def copy_out(
    connection: Connection[Any], relation: str, columns: Columns, database: Path, table: str
) -> None:
    """Copy a version into a new DuckDB file, in its order; raises ScratchUnavailable."""
    types = ", ".join(
        f"{literal(name)}: {literal(SPECS_BY_POSTGRES_TYPE[kind].duckdb)}" for name, kind in columns
    )
    names = ", ".join(identifier(name) for name, _ in columns)
    out = f"copy (select {names} from {relation}) to stdout (format csv, force_quote *)"
    # Otherwise a scan of a large table may join another one in the middle, or be shared among
    # workers: the order would differ.
    connection.execute(
        "set local synchronize_seqscans = off; set local max_parallel_workers_per_gather = 0"
    )
    with (
        duckdb.connect(database_path(database), config=READ_CONFIG) as destination,
        connection.cursor() as cursor,
        ThreadPoolExecutor(1) as other,
        _pipe() as (reader, writer),
        cursor.copy(out) as copy,
    ):

        def read() -> None:
            # Closed even if the query fails: otherwise the loop below would block at a full pipe.
            with reader:
                destination.execute(
                    f"create table {identifier(table)} as from read_csv("
                    f"'/dev/fd/{reader.fileno()}', columns = {{{types}}}, {READ_CSV_OPTIONS})"
                )

        was_read = other.submit(read)
        # Closed for DuckDB, to which that is the end of the file. If DuckDB has closed its own end,
        # its error is raised below.
        with suppress(BrokenPipeError), writer:
            for chunk in copy:
                writer.write(chunk)
        try:
            was_read.result()
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            raise ScratchUnavailable(type(error).__name__) from None


@contextmanager
def _pipe() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Yield the ends of a pipe: the one to read from, and the one to write to."""
    ends = os.pipe()
    # Reads are unbuffered: each returns what is there instead of waiting for a full chunk.
    with os.fdopen(ends[0], "rb", buffering=0) as reader, os.fdopen(ends[1], "wb") as writer:
        yield reader, writer
