"""Connections to the ledger's database: transactions, and turning driver errors into problems.

SQLite runs in WAL mode with full sync. Writers begin with BEGIN IMMEDIATE: they wait for other
processes at the start. A transaction that reads first and then writes could fail in the middle,
since SQLite cannot upgrade its lock while another process writes.
"""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    exc,
    func,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.pool import ConnectionPoolEntry

from alumniq_pipelines.adapters.postgresql import (
    READ_ONLY_ERROR,
    chosen_search_path,
    is_standby,
    setup_problem,
    start_session,
)
from alumniq_pipelines.core.problems.database import DatabaseProblem, DatabaseReadOnly
from alumniq_pipelines.core.problems.outage import LedgerUnavailable
from alumniq_pipelines.core.problems.problem import cause_for_staff
from alumniq_pipelines.core.problems.setup import UnusableLedgerUrl

LOCK_TIMEOUT_SECONDS = 30
"""How long a statement waits for SQLite's lock, or a caller for a connection of the pool."""

WRITE_CHECK = text("INSERT INTO loads SELECT * FROM loads WHERE 1 = 0")
"""Writes no row. A database that would refuse one refuses this, too."""


@dataclass(frozen=True)
class Database:
    """One database: `reading` reads, `writing` writes, `writing_once` writes by one statement."""

    engine: Engine
    _autocommit: Engine = field(repr=False)
    """The same without BEGIN and COMMIT: a single statement is a transaction by itself."""
    _write_lock: AbstractContextManager[Any] = field(repr=False)
    _thread: threading.local = field(default_factory=threading.local, repr=False)

    @classmethod
    def open(cls, url: str) -> Self:
        """Open by SQLAlchemy URL; raises UnusableLedgerUrl. It connects only when it is used."""
        try:
            parsed = make_url(url)
        except (exc.ArgumentError, ValueError):
            raise UnusableLedgerUrl from None  # the original error repeats the URL with a password
        in_memory = parsed.database in {None, "", ":memory:"}
        if parsed.drivername not in {"sqlite", "postgresql", "postgresql+psycopg"} or in_memory:
            raise UnusableLedgerUrl
        if parsed.get_backend_name() == "sqlite":
            engine = _sqlite_engine(parsed)
            autocommit = engine.execution_options(ledger_lone_statements=True)
            # Writers of one process queue at a lock: SQLite's own waiting is polling, which is
            # unfair and may starve one of them.
            return cls(engine, autocommit, threading.Lock())
        engine = _postgresql_engine(parsed)
        return cls(engine, engine.execution_options(isolation_level="AUTOCOMMIT"), nullcontext())

    @property
    def path(self) -> Path | None:
        """The file of an SQLite database; None for PostgreSQL."""
        is_file = self.engine.dialect.name == "sqlite"
        return Path(self.engine.url.database or "") if is_file else None

    def exists(self) -> bool:
        """Whether there is a database to connect to; checking never creates a file."""
        return self.path is None or self.path.exists()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection for SELECTs, each its own transaction; does not wait for writers."""
        with self._autocommit_connection() as connection:
            yield connection

    @contextmanager
    def pinned_connection(self) -> Iterator[None]:
        """Use one connection for all single statements of this thread within the block.

        Taking a connection from the pool takes longer than most statements.
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
    def own_connection(self) -> Iterator[Connection]:
        """Yield a connection for SELECTs that no one else uses, even within pinned_connection."""
        with self._errors_as_outage(), self._autocommit.connect() as connection:
            yield connection

    @contextmanager
    def writing_once(self) -> Iterator[Connection]:
        """Yield a connection for one statement that writes; it is durable once executed."""
        with self._write_lock, self._autocommit_connection() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that commits at the end and rolls back on errors."""
        with self._write_lock, self._errors_as_outage(), self.engine.begin() as connection:
            yield connection

    def check_writable(self) -> None:
        """Raise LedgerUnavailable, or the DatabaseProblem behind it, if nothing can be written."""
        with setup_problems_shown(), self.own_connection() as connection:
            if self.path is None:
                connection.execute(WRITE_CHECK)
                return
            connection.exec_driver_sql("PRAGMA busy_timeout = 0")
            try:
                connection.execute(WRITE_CHECK)
            except exc.OperationalError as error:
                # Somebody else is writing, which shows as much.
                if not _error_name(error.orig).startswith("SQLITE_BUSY"):
                    raise
            finally:
                milliseconds = LOCK_TIMEOUT_SECONDS * 1_000
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {milliseconds}")

    def clock(self) -> datetime:
        """Return the time by the database's clock; SQLite has this machine's."""
        with self.own_connection() as connection:
            return current_time(connection)

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """Return an INSERT in the engine's dialect, for its ON CONFLICT clause."""
        is_sqlite = self.engine.dialect.name == "sqlite"
        return sqlite.insert(table) if is_sqlite else postgresql.insert(table)

    @contextmanager
    def _errors_as_outage(self) -> Iterator[None]:
        """Raise LedgerUnavailable for driver errors, except for those about the written values.

        Where a mistake in the set-up is behind it, that is its cause.
        """
        try:
            yield
        except (exc.IntegrityError, exc.DataError):
            raise
        except DatabaseProblem as problem:
            raise LedgerUnavailable(type(problem).__name__) from problem
        except exc.DBAPIError as error:
            raise LedgerUnavailable(_error_name(error.orig)) from self._setup_problem(error.orig)
        except exc.TimeoutError as error:
            # All connections of the pool are in use.
            raise LedgerUnavailable(_error_name(error)) from None

    def _setup_problem(self, error: BaseException | None) -> DatabaseProblem | None:
        url = self.engine.url
        search_path = chosen_search_path(str(url.query.get("options", "")))
        schema = search_path.partition(",")[0].strip('" ')
        return setup_problem(
            error,
            "ledger",
            database=url.database or "",
            role=url.username or "",
            schema=schema,
        )

    @contextmanager
    def _autocommit_connection(self) -> Iterator[Connection]:
        """Yield the connection pinned to this thread, or one of the pool."""
        pinned: list[Connection] | None = getattr(self._thread, "pinned", None)
        with self._errors_as_outage():
            if pinned is None:
                with self._autocommit.connect() as connection:
                    yield connection
                return
            if pinned and pinned[0].invalidated:  # the server has ended it since
                pinned.pop().close()
            if not pinned:  # the first statement in pinned_connection's block
                pinned.append(self._autocommit.connect())
            yield pinned[0]


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,  # values may be secrets or personal data
        connect_args={"timeout": LOCK_TIMEOUT_SECONDS},
        pool_size=0,  # no limit: there is no server whose connections could run out
        # The one used last: its cache of pages is the one that is still valid, since every commit
        # of another connection invalidates it.
        pool_use_lifo=True,
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        del entry
        connection.isolation_level = None  # the driver must not begin transactions by itself
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")  # off by default
        # An accepted load must survive a power cut; in WAL mode, NORMAL may lose the last commits.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("ledger_lone_statements"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _postgresql_engine(url: URL) -> Engine:
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_pre_ping=True,  # a restart of the server must not fail a request
        pool_timeout=LOCK_TIMEOUT_SECONDS,
        connect_args={
            "connect_timeout": 10,
            # Otherwise a statement to a host that vanished blocks for 15 minutes of TCP retries.
            "tcp_user_timeout": LOCK_TIMEOUT_SECONDS * 1_000,
            "application_name": "alumniq",
            "client_encoding": "utf8",
        },
    )

    # "insert": before the first statements of SQLAlchemy itself.
    @event.listens_for(engine, "connect", insert=True)
    def set_up(connection: Any, entry: ConnectionPoolEntry) -> None:
        del entry
        search_path = chosen_search_path(connection.info.options)
        start_session(connection, "ledger", search_path=search_path)

    @event.listens_for(engine, "handle_error")
    def name_read_only(context: ExceptionContext) -> DatabaseReadOnly | None:
        error: Any = context.original_exception
        if context.connection is None or getattr(error, "sqlstate", None) != READ_ONLY_ERROR:
            return None
        # A session stays as it began when staff change the setting, and the address may lead to
        # another server by now: the whole pool is renewed, and needs no restart of ours.
        context.is_disconnect = True
        connection: Any = context.connection.connection.driver_connection
        return DatabaseReadOnly("ledger", is_standby=is_standby(connection))

    return engine


def current_time(connection: Connection) -> datetime:
    """Return the time by the database's clock; SQLite has this machine's."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now


@contextmanager
def setup_problems_shown() -> Iterator[None]:
    """Raise the mistake in the set-up behind an outage: for staff, to whom it names the fix."""
    try:
        yield
    except LedgerUnavailable as outage:
        raise cause_for_staff(outage) from None


def _error_name(error: BaseException | None) -> str:
    """Return the kind of an error: SQLite has a code for it, psycopg a class."""
    return getattr(error, "sqlite_errorname", None) or type(error).__name__
