"""Upgrading the ledger's tables to the newest revision with Alembic, one process at a time."""

import threading
import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text

from alumniq_pipelines.adapters.ledger.database import LOCK_TIMEOUT_SECONDS, Database
from alumniq_pipelines.adapters.ledger.revision import (
    foreign_revision,
    record_usable_since,
    revision_of,
)
from alumniq_pipelines.adapters.ledger.tables import REVISION
from alumniq_pipelines.adapters.postgresql import search_path_option
from alumniq_pipelines.core.problems.database import LedgerInOtherSchema
from alumniq_pipelines.core.problems.outage import LedgerUnavailable
from alumniq_pipelines.files.private_files import create_file, make_folder

ADVISORY_LOCK = 7_305_213_941
"""The key of the advisory lock for migrations on PostgreSQL: arbitrary, but unique."""

OTHER_LEDGER = text("""
    SELECT nspname FROM pg_namespace space
    WHERE current_setting('search_path') = 'public' AND to_regclass('public.loads') IS NULL
    AND nspname <> 'public' AND 2 = (
        SELECT count(*) FROM pg_class
        WHERE relnamespace = space.oid AND relname IN ('loads', 'delivery_attempts')
    )
    ORDER BY nspname LIMIT 1
""")

_migration_lock = threading.Lock()
"""For threads, since Alembic stores the running migration in module globals."""


def migrate(database: Database) -> None:
    """Upgrade to REVISION in one transaction, under a lock of the database.

    On SQLite the transaction itself is the lock, and the file and its folder are created first.
    """
    if database.path is not None:
        make_database_file(database.path)
        _enter_wal_mode(database)
    with _migration_lock, database.writing() as connection:
        if database.path is None:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK})
        # Read under the lock: another process may have upgraded while this one waited.
        found = revision_of(connection)
        if found == REVISION:
            return
        if database.path is None:
            _refuse_other_schema(connection)
        try:
            command.upgrade(alembic_config(connection), REVISION)
            record_usable_since(connection)
        except CommandError:  # a revision of a newer release
            raise foreign_revision(found) from None


def _refuse_other_schema(connection: Connection) -> None:
    """Raise LedgerInOtherSchema rather than begin a second ledger beside an existing one.

    Earlier releases created the tables wherever the search path of the role led.
    """
    found = connection.scalar(OTHER_LEDGER)
    if found is not None:
        raise LedgerInOtherSchema(found, search_path_option(found))


def alembic_config(connection: Connection) -> Config:
    """Return Alembic's configuration for our migrations on an open connection."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def make_database_file(path: Path) -> None:
    """Create an empty database file with private permissions, which SQLite's other files inherit.

    An existing file is not opened: closing it would drop the locks of this process's connections.
    """
    try:
        make_folder(path.parent)
        create_file(path, exclusive=True).close()
    except FileExistsError:
        return
    except OSError as error:
        raise LedgerUnavailable(type(error).__name__) from None


def _enter_wal_mode(database: Database) -> None:
    """Switch the file to WAL mode for good; retried, as SQLite refuses this without waiting."""
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    while True:
        try:
            with database.reading() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        except LedgerUnavailable as problem:
            if problem.reason != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
