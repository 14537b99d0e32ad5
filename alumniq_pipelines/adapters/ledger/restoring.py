"""A ledger out of a backup, into an empty place: complete, or marked as not to be used.

A mark takes the place of the revision first. Commands, gateways and Dagster refuse a ledger that
has it, so that none of them makes an empty one where a restore was interrupted.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from alembic import command
from sqlalchemy import Connection, inspect, text

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.revision import (
    RESTORING,
    mark_as_restoring,
    remove_mark,
    revision_of,
)
from alumniq_pipelines.adapters.ledger.schema_upgrade import alembic_config, make_database_file
from alumniq_pipelines.adapters.ledger.snapshot import LAYOUT, SQLITE_COPY, driver_cursor
from alumniq_pipelines.core.problems.outage import LedgerUnavailable
from alumniq_pipelines.core.sql_text import identifier
from alumniq_pipelines.files.disk_sync import sync
from alumniq_pipelines.files.private_files import PRIVATE_FILE

SET_VALUE = text(
    "SELECT setval(CAST(pg_get_serial_sequence(:table, :column) AS regclass), :number)"
)
CHUNK_BYTES = 1 << 20


def is_empty(database: Database) -> bool:
    """Whether a ledger has no tables yet, other than the mark of a restore."""
    if not database.exists():
        return True
    with database.reading() as connection:
        has_tables = inspect(connection).has_table("loads")
        return not has_tables and revision_of(connection) in {None, RESTORING}


def begin_restoring(database: Database) -> None:
    """Mark an empty ledger as not to be used; harmless to repeat."""
    if database.path is not None:
        make_database_file(database.path)
    with database.writing() as connection:
        mark_as_restoring(connection)


def finish_restoring(database: Database, folder: Path, revision: str) -> None:
    """Put a ledger whose files are in a folder into its place, whole or not at all."""
    if database.path is not None:
        database.engine.dispose()  # the file that it has open is replaced
        _replace(database.path, folder / SQLITE_COPY)
        return
    with database.writing() as connection:
        remove_mark(connection)
        command.upgrade(alembic_config(connection), revision)
        known = set(inspect(connection).get_table_names())
        for layout in json.loads((folder / LAYOUT).read_bytes()):
            if layout["table"] in known:
                _fill(connection, folder, layout)


def _replace(path: Path, copy: Path) -> None:
    part = path.with_name(f".{path.name}.restored")
    try:
        shutil.move(copy, part)
        part.chmod(PRIVATE_FILE)
        sync(part)
        part.replace(path)
        sync(path.parent)
    except OSError as error:
        raise LedgerUnavailable(error.strerror or type(error).__name__) from None


def _fill(connection: Connection, folder: Path, layout: dict[str, Any]) -> None:
    """Copy the rows of a table into it, and set its sequences to where they were."""
    table, columns = layout["table"], ", ".join(identifier(name) for name in layout["columns"])
    into = f"COPY {identifier(table)} ({columns}) FROM STDIN"
    with (
        (folder / f"{table}.copy").open("rb") as rows,
        driver_cursor(connection) as cursor,
        cursor.copy(into) as copy,
    ):
        while chunk := rows.read(CHUNK_BYTES):
            copy.write(chunk)
    for column, number in layout["sequences"].items():
        if number is not None:
            values = {"table": identifier(table), "column": column, "number": number}
            connection.execute(SET_VALUE, values)
