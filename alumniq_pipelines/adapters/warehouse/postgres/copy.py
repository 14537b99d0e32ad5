"""Rows between a DuckDB file and a PostgreSQL table, as CSV through a pipe: no row becomes Python.

One side writes while the other reads, so it takes the time of the slower one and no disk.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
from psycopg import Connection

from alumniq_pipelines.adapters.warehouse.postgres.schema_layout import Columns, SchemaLayout
from alumniq_pipelines.core.database_paths import database_path
from alumniq_pipelines.core.feeds.column_types import (
    SPECS_BY_DUCKDB_TYPE,
    SPECS_BY_POSTGRES_TYPE,
)
from alumniq_pipelines.core.loads.warehouse import GAPS, AcceptedRows
from alumniq_pipelines.core.sql_text import identifier, literal

CHUNK_BYTES = 1 << 18
WRITE_CONFIG: dict[str, Any] = {"threads": 1, "memory_limit": "256MB"}
"""For writing: more threads would run ahead, and buffer what PostgreSQL is too slow to read."""

ROWS_AT_ONCE = 10_000
READ_CSV_OPTIONS = (
    "auto_detect = false, header = false, delim = ',', quote = '\"', escape = '\"', "
    "nullstr = '', allow_quoted_nulls = false, max_line_size = 8000000, "
    "compression = 'none', hive_partitioning = false, new_line = '\\n'"
)
"""How DuckDB parses what PostgreSQL wrote. No row that was loaded reaches the maximum line size,
even with its quotes doubled. The line end is given because, when DuckDB detects it, a carriage
return inside a value may count as one.
"""

READ_CONFIG: dict[str, Any] = {"memory_limit": "512MB"}
"""For reading: this memory is in addition to that of the staged file."""


def accepted_columns(accepted: AcceptedRows) -> Columns:
    """Return the columns of accepted rows with PostgreSQL's types."""
    with duckdb.connect(database_path(accepted.database), read_only=True) as connection:
        described = connection.execute(f"describe {identifier(accepted.table)}").fetchall()
    return [(name, SPECS_BY_DUCKDB_TYPE[kind].postgres) for name, kind, *_ in described]


def copy_in(
    connection: Connection[Any], accepted: AcceptedRows, relation: str, columns: Columns
) -> int:
    """Copy accepted rows into a table created in this transaction; return how many arrived."""
    names = ", ".join(identifier(name) for name, _ in columns)
    # A lone `\\.` on a line would end the rows, before PostgreSQL 18 also in CSV.
    quoting = f", force_quote ({names})" if len(columns) == 1 else ""
    # "freeze": the first reader need not mark each row as committed.
    into = f"copy {relation} ({names}) from stdin (format csv, freeze)"
    with (
        duckdb.connect(
            database_path(accepted.database), read_only=True, config=WRITE_CONFIG
        ) as source,
        connection.cursor() as cursor,
        ThreadPoolExecutor(1) as other,
    ):
        with _pipe() as (reader, writer), cursor.copy(into) as copy:

            def write() -> None:
                # Closed even if the query fails: otherwise the loop below would wait forever.
                with writer:
                    source.execute(
                        f"copy {identifier(accepted.table)} to '/dev/fd/{writer.fileno()}' "
                        f"(format csv, header false, use_tmp_file false{quoting})"
                    )

            written = other.submit(write)
            while chunk := reader.read(CHUNK_BYTES):
                copy.write(chunk)
            written.result()
        return cursor.rowcount


def copy_gaps(
    connection: Connection[Any], accepted: AcceptedRows, layout: SchemaLayout, number: int
) -> None:
    """Store a version's gaps, which map the numbers of its rows to those of the received file.

    There is at most one entry for each row that was left out.
    """
    into = f"copy {layout.gaps} (feed, number, place, left_out) from stdin"
    with (
        duckdb.connect(database_path(accepted.database), read_only=True) as source,
        connection.cursor() as cursor,
        cursor.copy(into) as copy,
    ):
        found = source.execute(f"select place, left_out from {GAPS}")
        while rows := found.fetchmany(ROWS_AT_ONCE):
            for row in rows:
                copy.write_row((layout.target.feed, number, *row))


def copy_out(
    connection: Connection[Any], relation: str, columns: Columns, database: Path, table: str
) -> None:
    """Copy a version into a new DuckDB file, in its order."""
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
        for chunk in copy:
            writer.write(chunk)
        writer.close()  # the end of the file for DuckDB
        was_read.result()


@contextmanager
def _pipe() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Yield the ends of a pipe: the one to read from, and the one to write to."""
    ends = os.pipe()
    # Reads are unbuffered: each returns what is there instead of waiting for a full chunk.
    with os.fdopen(ends[0], "rb", buffering=0) as reader, os.fdopen(ends[1], "wb") as writer:
        yield reader, writer
