"""Running one SELECT over an environment's relations, as a role that can read nothing else.

The database itself refuses what a query may not do; nothing here parses the query.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any

from psycopg import Connection, Error, errors, pq

from alumniq_pipelines.adapters.warehouse.query_text import check_text
from alumniq_pipelines.core.problems.command import UnusableQuery
from alumniq_pipelines.core.problems.query import QueryTooSlow

SYNTAX_OR_ACCESS_ERROR, NOT_ALLOWED = "42", "42501"
"""SQLSTATEs: the class of errors in the query's text, and in it the code of a missing privilege."""
SHUTDOWN = "57P0"
LIMITS = "set local lock_timeout = '10s'; set local idle_in_transaction_session_timeout = '1min'"
LIMIT_DISK = (
    "select set_config('temp_file_limit', '10GB', true) "
    "where current_setting('temp_file_limit') = '-1' "
    "and has_parameter_privilege('temp_file_limit', 'set')"
)
"""Limits what a query may write to the server's disk. Only a superuser may set or lift that limit,
so a less powerful login skips it.
"""
UNREADABLE_VALUE_ERRORS = (NotImplementedError, ValueError, OverflowError, LookupError)
"""What psycopg raises for values that it cannot parse: a query may have set another date style."""
ROWS_AT_ONCE = 10_000
RESULT_TYPES_SINCE = 160_000
"""The first version of PostgreSQL that shows the result types of a prepared statement."""


def run(
    connection: Connection[Any],
    schema: str,
    role: str,
    sql: str,
    *,
    max_rows: int | None,
    seconds: float,
) -> tuple[Sequence[str], Sequence[tuple[object, ...]]]:
    """Run one SELECT as the role; return column names and rows.

    It always ends with a rollback, so that nothing it did (such as pg_notify) has an effect. Raises
    UnusableQuery and QueryTooSlow.
    """
    deadline = monotonic() + seconds
    with connection.transaction(force_rollback=True):
        connection.execute(
            f"set transaction read only; {LIMIT_DISK}; set local role {role}; "
            f"set local search_path = {schema}, pg_temp; {LIMITS}"
        )
        found = connection.execute(
            "select relname::text from pg_class "
            "where relnamespace = %s::regnamespace and relkind in ('v', 'm', 'r') order by relname",
            [schema],
        )
        tables = [name for (name,) in found.fetchall()]
        check_text(sql, tables)
        _limit_time(connection, deadline)
        with _refusals(connection, tables, seconds, SYNTAX_OR_ACCESS_ERROR):
            names, types = _describe(connection, sql)
            connection.execute(f"select {schema}_versions._open_query(%s)", [sql])
        if not names:
            reason = "The query shows no columns."
            raise UnusableQuery(reason, tables)
        # Numbered, because a query may repeat column names and a function's result may not.
        columns = ", ".join(f'"{number}" {kind}' for number, kind in enumerate(types, 1))
        columns = columns.replace("%", "%%")  # psycopg reads % as a placeholder
        source = f"{schema}_versions._fetch_rows(%s) as fetched({columns})"
        # While it runs, a query may build further queries from cells, so an error may repeat them:
        # from here on, only a missing privilege is quoted.
        with _refusals(connection, tables, seconds, NOT_ALLOWED):
            return names, list(_fetch(connection, source, max_rows, deadline))


@contextmanager
def _refusals(
    connection: Connection[Any], tables: Sequence[str], seconds: float, quotable_state: str
) -> Iterator[None]:
    """Raise UnusableQuery for what the database refuses; quote it only if it contains no cells."""
    try:
        yield
    except errors.QueryCanceled:
        raise QueryTooSlow(seconds) from None
    except Error as error:
        state = error.sqlstate or ""
        if connection.broken or state.startswith(SHUTDOWN):
            raise
        reason = f"The query failed while it ran ({type(error).__name__})."
        if state.startswith(quotable_state):
            reason = f"{error.diag.message_primary}."
        raise UnusableQuery(reason, tables) from None
    except UNREADABLE_VALUE_ERRORS as error:
        reason = f"The query failed while it ran ({type(error).__name__})."
        raise UnusableQuery(reason, tables) from None


def _describe(connection: Connection[Any], sql: str) -> tuple[Sequence[str], Sequence[str]]:
    """Return the names and types of a query's columns.

    The server only parses the query and does not plan it, so no function in it runs here. A
    prepared statement is also always a single one.
    """
    prepared = connection.pgconn.prepare(b"described", sql.encode())
    if prepared.status != pq.ExecStatus.COMMAND_OK:
        raise errors.error_from_result(prepared)
    described = connection.pgconn.describe_prepared(b"described")
    columns = range(described.nfields)
    names = [(described.fname(at) or b"").decode() for at in columns]
    oids: Sequence[int] = [described.ftype(at) for at in columns]
    if connection.info.server_version >= RESULT_TYPES_SINCE:
        # The protocol reports a domain's base type, but the function's result needs the domain.
        [(oids,)] = connection.execute(
            "select result_types::oid[] from pg_prepared_statements where name = 'described'"
        ).fetchall()
    # Plain `character` and `bit` mean length 1; with modifier -1, format_type returns `bpchar`
    # and `"bit"`, which have any length.
    types = connection.execute(
        "select format_type(oid, -1) from unnest(%s::oid[]) with ordinality as wanted(oid, place)"
        " order by place",
        [list(oids or ())],
    )
    return names, [kind for (kind,) in types.fetchall()]


def _fetch(
    connection: Connection[Any], source: str, max_rows: int | None, deadline: float
) -> Iterator[tuple[object, ...]]:
    """Yield rows, at most `max_rows`, fetched in batches."""
    left = max_rows
    while left is None or left > 0:
        wanted = ROWS_AT_ONCE if left is None else min(left, ROWS_AT_ONCE)
        _limit_time(connection, deadline)
        rows = connection.execute(f"select * from {source}", [wanted]).fetchall()
        yield from rows
        if len(rows) < wanted:
            return
        left = None if left is None else left - wanted


def _limit_time(connection: Connection[Any], deadline: float) -> None:
    """Set the timeout of the next statement, since the query may have changed it."""
    milliseconds = max(1, round((deadline - monotonic()) * 1_000))
    connection.execute(f"set local statement_timeout = {milliseconds}")
