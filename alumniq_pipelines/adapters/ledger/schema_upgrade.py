"""Bringing the ledger's tables to the newest revision, with Alembic, one process at a time."""

import threading
import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text

from alumniq_pipelines.adapters.ledger.database import LOCK_TIMEOUT_SECONDS, Database
from alumniq_pipelines.adapters.ledger.tables import REVISION, revision_of
from alumniq_pipelines.core.problems.outage import LedgerUnavailable
from alumniq_pipelines.core.problems.setup import ForeignRevision
from alumniq_pipelines.files.private_files import create_file, make_folder

ADVISORY_LOCK = 7_305_213_941
"""Any number, as long as nobody else's: what processes that migrate PostgreSQL wait for."""

_migration_lock = threading.Lock()
"""Alembic keeps the migration at work in globals of its modules."""


def migrate(database: Database) -> None:
    """Upgrade to REVISION in one transaction, under a lock of the database's own.

    On SQLite the transaction itself is the lock, and the file and its folder are made first.
    """
    if database.path is not None:
        _make_file(database.path)
        _enter_wal_mode(database)
    with _migration_lock, database.writing() as connection:
        if database.path is None:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK})
        if revision_of(connection) == REVISION:
            return
        try:
            command.upgrade(alembic_config(connection), REVISION)
        except CommandError:  # a revision that this release has never heard of
            raise ForeignRevision(revision_of(connection), REVISION) from None


def alembic_config(connection: Connection) -> Config:
    """Configure Alembic for our migrations on an open connection."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _make_file(path: Path) -> None:
    """Make the empty file of a database that only its user reads; SQLite's other files follow it.

    A file that is there is not opened: closing it would end the locks of open connections.
    """
    try:
        make_folder(path.parent)
        create_file(path, exclusive=True).close()
    except FileExistsError:
        return
    except OSError as error:
        raise LedgerUnavailable(type(error).__name__) from None


def _enter_wal_mode(database: Database) -> None:
    """Switch the file to WAL, for good; where two try at once, SQLite refuses without waiting."""
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
