"""The connection to the ledger's database: transactions, and the border where driver errors end.

SQLite runs in WAL mode with full sync; writers begin with BEGIN IMMEDIATE, so that waiting for
another process happens at the start and never turns into a dead end halfway.
"""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, exc, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from alumniq_pipelines.core.problems.outage import LedgerUnavailable
from alumniq_pipelines.core.problems.setup import UnusableLedgerUrl

LOCK_TIMEOUT_SECONDS = 30
"""How long a statement waits for another process (SQLite's lock) or a call for a connection."""


@dataclass(frozen=True)
class Database:
    """One database, and the three ways to talk to it."""

    engine: Engine
    _autocommit: Engine = field(repr=False)
    """The same without BEGIN and COMMIT: a lone statement is a transaction by itself."""
    _write_lock: AbstractContextManager[Any] = field(repr=False)
    _thread: threading.local = field(default_factory=threading.local, repr=False)

    @classmethod
    def open(cls, url: str) -> Self:
        """Open by SQLAlchemy URL; raises UnusableLedgerUrl. Nothing is connected until used."""
        parsed = _parse_url(url)
        if parsed.get_backend_name() == "sqlite":
            engine = _sqlite_engine(parsed)
            autocommit = engine.execution_options(ledger_lone_statements=True)
            # Threads of one process take turns by a lock: SQLite's own waiting is unfair polling.
            return cls(engine, autocommit, threading.Lock())
        engine = _postgresql_engine(parsed)
        return cls(engine, engine.execution_options(isolation_level="AUTOCOMMIT"), nullcontext())

    @property
    def path(self) -> Path | None:
        """The file of an SQLite database."""
        is_file = self.engine.dialect.name == "sqlite"
        return Path(self.engine.url.database or "") if is_file else None

    def exists(self) -> bool:
        """Whether there is something to connect to; asking never makes a file."""
        return self.path is None or self.path.exists()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend a connection for SELECTs, each a transaction of its own; waits for no writer."""
        pinned: list[Connection] | None = getattr(self._thread, "pinned", None)
        with _errors_as_outage():
            if pinned is None:
                with self._autocommit.connect() as connection:
                    yield connection
                return
            if not pinned:
                pinned.append(self._autocommit.connect())
            yield pinned[0]

    @contextmanager
    def pinned_connection(self) -> Iterator[None]:
        """Keep the connection that this thread is lent first for all its lone statements.

        To be lent one takes longer than most statements do.
        """
        pinned: list[Connection] = []
        self._thread.pinned = pinned
        try:
            yield
        finally:
            del self._thread.pinned
            for connection in pinned:
                connection.close()

    @contextmanager
    def writing_once(self) -> Iterator[Connection]:
        """Lend a connection for one statement that writes; it is durable once executed."""
        with self._write_lock, self.reading() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Lend a connection in a transaction that commits at the end or leaves nothing."""
        with self._write_lock, _errors_as_outage(), self.engine.begin() as connection:
            yield connection

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """Start an INSERT that may say what happens on conflict, in the engine's dialect."""
        is_sqlite = self.engine.dialect.name == "sqlite"
        return sqlite.insert(table) if is_sqlite else postgresql.insert(table)


def _parse_url(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):
        raise UnusableLedgerUrl from None  # the original repeats the URL, password and all
    in_memory = parsed.database in {None, "", ":memory:"}
    if parsed.drivername not in {"sqlite", "postgresql", "postgresql+psycopg"} or in_memory:
        raise UnusableLedgerUrl
    return parsed


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": LOCK_TIMEOUT_SECONDS}, pool_size=0
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        del entry
        connection.isolation_level = None  # the driver must begin nothing by itself
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("ledger_lone_statements"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _postgresql_engine(url: URL) -> Engine:
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_pre_ping=True,  # a restart of the server costs no request
        pool_timeout=LOCK_TIMEOUT_SECONDS,
        connect_args={
            "connect_timeout": 10,
            "tcp_user_timeout": LOCK_TIMEOUT_SECONDS * 1_000,
            "application_name": "alumniq",
        },
    )


@contextmanager
def _errors_as_outage() -> Iterator[None]:
    """Turn driver errors into LedgerUnavailable, but not those that refuse what was written."""
    try:
        yield
    except (exc.IntegrityError, exc.DataError):
        raise
    except exc.DBAPIError as error:
        raise LedgerUnavailable(_error_name(error.orig)) from None
    except exc.TimeoutError as error:
        raise LedgerUnavailable(_error_name(error)) from None


def _error_name(error: BaseException | None) -> str:
    """Name the kind of error: SQLite tells its kinds apart by a code, psycopg by classes."""
    return getattr(error, "sqlite_errorname", None) or type(error).__name__
