"""What our sessions in PostgreSQL depend on, and what a database must be: for ledger and warehouse.

A server, a database or a role may set any of these settings otherwise (`alter role … set`). Each
session sets what it depends on, so that none of them reaches us. No driver is imported here: the
gateway starts faster without one that it does not use.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from alumniq_pipelines.core.problems.database import (
    DatabaseEncoding,
    DatabaseFull,
    DatabasePart,
    DatabasePrivilege,
    DatabaseProblem,
    DatabaseReadOnly,
    DatabaseSchemaMissing,
)
from alumniq_pipelines.core.sql_text import identifier

if TYPE_CHECKING:
    from psycopg import Connection

SESSION_SETTINGS: Mapping[str, str] = {
    # How values become text and back: rows are copied as text, and the driver parses it.
    "client_encoding": "UTF8",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    # Otherwise format_type returns "text" in quotes, which is the name of no type of ours.
    "quote_all_identifiers": "off",
    # A policy on a table must fail a statement rather than hide rows from it.
    "row_security": "off",
    # Some errors are expected, such as a lock that is not free: they must not end the session.
    "exit_on_error": "off",
    "default_transaction_isolation": "read committed",
    # No statement has a time limit: the copy of a big file takes as long as it takes. What needs
    # one sets it. A transaction that stands idle belongs to a process that is paused.
    "statement_timeout": "0",
    "lock_timeout": "0",
    "transaction_timeout": "0",
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": "10min",
}
SINCE_VERSION = {"idle_session_timeout": 140_000, "transaction_timeout": 170_000}
"""Settings that older servers refuse, with the first version that knows them."""
DURABLE_COMMITS = (
    "set_config('synchronous_commit', "
    "replace(current_setting('synchronous_commit'), 'off', 'on'), false)"
)
"""What was accepted or published must survive a crash; stricter choices are left alone."""

SEARCH_PATH_OPTION = re.compile(r"(?:-c\s*|--)search[_-]path=((?:\\.|[^\s\\])+)")
PUBLIC = "public"
READ_ONLY_ERROR = "25006"
"""The SQLSTATE of a refused write, on a standby as well."""


def start_session(connection: "Connection[Any]", part: DatabasePart, **own: str) -> None:
    """Set the settings of a new session, and `own` ones; raises DatabaseEncoding.

    One round trip, by a statement: a pooler such as PgBouncer refuses them as startup parameters.
    """
    encoding = connection.info.parameter_status("server_encoding") or "UTF8"
    if encoding != "UTF8":
        raise DatabaseEncoding(part, encoding)
    version = connection.info.server_version
    settings = {
        name: value
        for name, value in {**SESSION_SETTINGS, **own}.items()
        if version >= SINCE_VERSION.get(name, 0)
    }
    calls = ", ".join(["set_config(%s, %s, false)"] * len(settings))
    values = [text for setting in settings.items() for text in setting]
    # In a transaction, a rollback would undo them.
    autocommit, connection.autocommit = connection.autocommit, True
    connection.execute(f"select {calls}, {DURABLE_COMMITS}", values)
    connection.autocommit = autocommit


def startup_options(**own: str) -> str:
    """Return the settings as command-line options, for a driver that is not under our control."""
    settings = {**SESSION_SETTINGS, **own}
    return " ".join(
        f"-c{name}=" + escaped(value)
        for name, value in settings.items()
        if name not in SINCE_VERSION  # an older server would refuse the connection
    )


def chosen_search_path(options: str) -> str:
    """Return the search path that a URL asks for in its options; `public` if it asks for none."""
    found = SEARCH_PATH_OPTION.findall(options)
    return re.sub(r"\\(.)", r"\1", found[-1]) if found else PUBLIC


def search_path_option(schema: str) -> str:
    """Return what to add to a URL that shall ask for this schema."""
    is_plain = re.fullmatch("[a-z_][a-z0-9_]*", schema)
    name = schema if is_plain else identifier(schema)
    return f"options=-csearch_path%3D{quote(escaped(name))}"


def escaped(value: str) -> str:
    """Write a value in command-line options, where blanks separate them."""
    return re.sub(r"([\s\\])", r"\\\1", value)


def check_writable(connection: "Connection[Any]", part: DatabasePart) -> None:
    """Raise DatabaseReadOnly if the server has reported that nothing can be written.

    It reports both settings by itself, so this costs nothing. Servers before 14 do not.
    """
    standby = is_standby(connection)
    if standby or connection.info.parameter_status("default_transaction_read_only") == "on":
        raise DatabaseReadOnly(part, is_standby=standby)


def is_standby(connection: "Connection[Any]") -> bool:
    """Whether the server has reported that it is a standby: a refused write does not say so."""
    return connection.info.parameter_status("in_hot_standby") == "on"


def setup_problem(
    error: BaseException | None,
    part: DatabasePart,
    *,
    database: str,
    role: str,
    schema: str = "",
) -> DatabaseProblem | None:
    """Return the mistake in the set-up that an error of the driver is about, if it is.

    It is not for refused writes: what is behind them, only the connection tells. The names are
    those of the URL, for the statements that fix it; `schema` is the ledger's.
    """
    grantee = identifier(role) if role else "ROLE"
    grants = [f"grant create on database {identifier(database or 'NAME')} to {grantee};"]
    if schema:
        grants.append(f"grant usage, create on schema {identifier(schema)} to {grantee};")
    match getattr(error, "sqlstate", None):
        case "42501":  # insufficient_privilege
            return DatabasePrivilege(part, grantee, grants)
        case "53100" | "53400":  # disk_full, configuration_limit_exceeded
            return DatabaseFull(part)
        case "3F000" if schema:  # invalid_schema_name: also one that the role may not use
            create = f"create schema if not exists {identifier(schema)};"
            return DatabaseSchemaMissing(part, schema, [create, grants[-1]])
        case _:
            return None
