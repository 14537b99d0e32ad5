"""The targets and numbers of a PostgreSQL warehouse, in all its schemas.

It imports no DuckDB: the gateway reads the highest number before it accepts loads.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Identifier

from alumniq_pipelines.adapters.postgresql import start_session
from alumniq_pipelines.adapters.warehouse.postgres.schema_layout import SchemaLayout
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable
from alumniq_pipelines.core.problems.setup import UnusableWarehouseUrl
from alumniq_pipelines.core.sql_text import identifier

CONNECT_SECONDS = 10
NO_SCHEMA = "pg_catalog"
"""The search path: all names of ours are qualified, and no schema of others comes before them."""
URL_PREFIXES = ("postgresql://", "postgres://", "postgresql+psycopg://")


def check_url(url: str) -> str:
    """Return the URL of a warehouse; raises UnusableWarehouseUrl if it is not one of PostgreSQL."""
    if not url.startswith(URL_PREFIXES):
        raise UnusableWarehouseUrl
    return url


def conninfo_of(url: str) -> str:
    """Return a URL as psycopg has it; SQLAlchemy's form, as the ledger has it, works as well."""
    return url.replace("postgresql+psycopg:", "postgresql:", 1)


def list_targets(connection: Connection[Any]) -> Sequence[Target]:
    """Return the targets with a version, in order."""
    query = "select distinct customer, environment, feed from {}._facts"
    found = [
        row
        for schema in schemas_with(connection, "_facts")
        for row in connection.execute(SQL(query).format(Identifier(schema))).fetchall()
    ]
    return [Target(customer, Environment(name), feed) for customer, name, feed in sorted(found)]


def highest_number(connection: Connection[Any], target: Target | None = None) -> int:
    """Return the highest number of a target's versions and tokens, or of all targets; 0 if none."""
    query = "select max(number) from {} where feed = coalesce(%s, feed)"
    feed = None if target is None else target.feed
    highest = 0
    for table in _tables_with_numbers(connection, target):
        [(number,)] = connection.execute(query.format(table), [feed]).fetchall()
        highest = max(highest, number or 0)
    return highest


def _tables_with_numbers(connection: Connection[Any], target: Target | None) -> Sequence[str]:
    """Return the tables with numbers that there are, of a target's environment or of all."""
    if target is None:
        return [
            f"{identifier(schema)}.{table}"
            for table in ("_facts", "_tokens")
            for schema in schemas_with(connection, table)
        ]
    layout = SchemaLayout(target)
    found = connection.execute(
        "select name from unnest(%s::text[]) as name where to_regclass(name) is not null",
        [[layout.metadata, layout.tokens]],
    ).fetchall()
    return [name for (name,) in found]


def highest_number_at(url: str) -> int:
    """Return the highest number in a warehouse, by its URL; raises WarehouseUnavailable."""
    try:
        with psycopg.connect(
            conninfo_of(url), connect_timeout=CONNECT_SECONDS, application_name="alumniq"
        ) as connection:
            lock_timeout = f"{CONNECT_SECONDS}s"  # the gateway answers no call before this is done
            start_session(connection, "warehouse", search_path=NO_SCHEMA, lock_timeout=lock_timeout)
            return highest_number(connection)
    except (psycopg.Error, OSError) as error:
        raise WarehouseUnavailable(type(error).__name__) from None


def schemas_with(connection: Connection[Any], table: str) -> Sequence[str]:
    """Return the schemas of versions that have a table, in order."""
    found = connection.execute(
        "select nspname::text from pg_namespace where nspname like %s "
        "and to_regclass(format('%%I.%%I', nspname, %s::text)) is not null order by nspname",
        [r"%\_versions", table],
    ).fetchall()
    return [schema for (schema,) in found]
