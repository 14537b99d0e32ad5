"""A session in the warehouse's database: with settings of our own, its errors as problems."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import psycopg
from psycopg import Connection, errors
from psycopg.conninfo import conninfo_to_dict

from alumniq_pipelines.adapters.postgresql import (
    check_writable,
    is_standby,
    setup_problem,
    start_session,
)
from alumniq_pipelines.adapters.warehouse.postgres.numbers import (
    CONNECT_SECONDS,
    NO_SCHEMA,
    conninfo_of,
)
from alumniq_pipelines.core.problems.database import DatabaseReadOnly
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable
from alumniq_pipelines.core.problems.problem import Problem


@contextmanager
def connect(
    url: str, *, lock_seconds: float, is_writing: bool = False
) -> Iterator[Connection[Any]]:
    """Yield a connection that waits so long for a lock.

    Raises WarehouseUnavailable for errors, naming only their class, or the DatabaseProblem that is
    behind them; one that `is_writing` is refused at once where nothing can be written.
    """
    conninfo = conninfo_of(url)
    try:
        with psycopg.connect(
            conninfo,
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            application_name="alumniq",
            client_encoding="utf8",
        ) as connection:
            lock_timeout = f"{round(lock_seconds * 1_000)}ms"
            start_session(connection, "warehouse", search_path=NO_SCHEMA, lock_timeout=lock_timeout)
            if is_writing:
                check_writable(connection, "warehouse")
            try:
                yield connection
            except errors.ReadOnlySqlTransaction:
                raise DatabaseReadOnly(
                    part="warehouse", is_standby=is_standby(connection)
                ) from None
    except (psycopg.Error, duckdb.Error, OSError) as error:
        raise _problem(error, conninfo) from None


def check_setup(url: str) -> None:
    """Raise DatabaseProblem for what would keep versions from being published."""
    with connect(url, lock_seconds=1, is_writing=True) as connection:
        [(may_create,)] = connection.execute(
            "select has_database_privilege(current_database(), 'create')"
        ).fetchall()
        if not may_create:
            raise errors.InsufficientPrivilege


def _problem(error: Exception, conninfo: str) -> Problem:
    # Of an error without a code nothing is known, and the URL itself may be what is wrong.
    names = conninfo_to_dict(conninfo) if getattr(error, "sqlstate", None) else {}
    database, role = str(names.get("dbname") or ""), str(names.get("user") or "")
    problem = setup_problem(error, "warehouse", database=database, role=role)
    return problem or WarehouseUnavailable(type(error).__name__)
