"""A ledger as of one moment, copied for a backup while everything runs.

SQLite copies its file with its online backup. From PostgreSQL, the tables are copied in one
snapshot, each by COPY: no program of PostgreSQL's version has to be installed.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, text

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.needed_files import needed_files
from alumniq_pipelines.adapters.ledger.run_tables import worker_leases
from alumniq_pipelines.core.loads.backup import LedgerEngine, NeededFiles
from alumniq_pipelines.core.problems.outage import LedgerUnavailable
from alumniq_pipelines.core.sql_text import identifier
from alumniq_pipelines.files.private_files import create_file, make_folder

SQLITE_COPY = "ledger.db"
LAYOUT = "layout.json"
"""Of the tables of PostgreSQL: their names and columns, in an order that foreign keys allow."""

SERIAL = text("SELECT pg_get_serial_sequence(:table, :column)")
LAST_VALUE = text("SELECT pg_sequence_last_value(CAST(:sequence AS regclass))")


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSnapshot:
    """The files of a copied ledger, and what its unfinished loads need beside it."""

    files: Sequence[Path]
    needed: NeededFiles


def engine_of(database: Database) -> LedgerEngine:
    """Return the engine of a ledger."""
    return "postgresql" if database.path is None else "sqlite"


def take_snapshot(database: Database, folder: Path) -> LedgerSnapshot:
    """Copy a ledger into a folder, over an earlier copy; raises LedgerUnavailable."""
    make_folder(folder)
    if database.path is not None:
        copy = folder / SQLITE_COPY
        _copy_sqlite(database.path, copy)
        path = str(copy).replace("%", "%25")  # in a URL, `%` begins an escape
        opened = Database.open(f"sqlite:///{path}")
        try:
            with opened.reading() as connection:
                return LedgerSnapshot(files=[copy], needed=needed_files(connection))
        finally:
            opened.engine.dispose()
    with database.snapshot() as connection:
        needed = needed_files(connection)
        files = list(_copy_tables(connection, folder))
    return LedgerSnapshot(files=files, needed=needed)


def _copy_sqlite(path: Path, copy: Path) -> None:
    """Copy an open SQLite database as of one moment; in WAL mode, writers do not wait for it."""
    copy.unlink(missing_ok=True)
    create_file(copy, exclusive=True).close()
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except sqlite3.Error as error:
        raise LedgerUnavailable(error.sqlite_errorname) from None


def _copy_tables(connection: Connection, folder: Path) -> Iterator[Path]:
    """Copy all tables of PostgreSQL, and their layout first."""
    tables = worker_leases.metadata.sorted_tables
    layout = folder / LAYOUT
    with create_file(layout) as file:
        file.write(json.dumps([_layout_of(connection, table) for table in tables]).encode())
    yield layout
    for table in tables:
        path = folder / f"{table.name}.copy"
        with create_file(path) as file:
            for chunk in _copied(connection, table):
                file.write(chunk)
        yield path


def _layout_of(connection: Connection, table: Table) -> dict[str, Any]:
    """Describe a table: its columns, and the last number that each of its sequences gave."""
    names = [column.name for column in table.columns]
    sequences = {}
    for name in names:
        of_column = {"table": identifier(table.name), "column": name}
        sequence = connection.scalar(SERIAL, of_column)
        if sequence is not None:
            # Sequences are in no snapshot. One that has gone on meanwhile leaves a gap, no more.
            sequences[name] = connection.scalar(LAST_VALUE, {"sequence": sequence})
    return {"table": table.name, "columns": names, "sequences": sequences}


def _copied(connection: Connection, table: Table) -> Iterator[bytes]:
    """Yield a table as lines of PostgreSQL's text format."""
    columns = ", ".join(identifier(column.name) for column in table.columns)
    with (
        driver_cursor(connection) as cursor,
        cursor.copy(f"COPY {identifier(table.name)} ({columns}) TO STDOUT") as copy,
    ):
        yield from copy


@contextmanager
def driver_cursor(connection: Connection) -> Iterator[Any]:
    """Yield a cursor of the driver, in the connection's transaction; raises LedgerUnavailable."""
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor:
            yield cursor
    except connection.dialect.loaded_dbapi.Error as error:
        raise LedgerUnavailable(type(error).__name__) from None
