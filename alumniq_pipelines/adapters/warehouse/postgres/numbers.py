"""The targets and numbers of a PostgreSQL warehouse, in all its schemas.

It imports no DuckDB: the gateway reads the highest number before it accepts loads.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Identifier

from alumniq_pipelines.adapters.postgresql import start_session
from alumniq_pipelines.adapters.warehouse.postgres.schema_layout import schema_of
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable
from alumniq_pipelines.core.problems.setup import UnusableWarehouseUrl

CONNECT_SECONDS = 10
NO_SCHEMA = "pg_catalog"
"""The search path: all names of ours are qualified, and no schema of others comes before them."""
URL_PREFIXES = ("postgresql://", "postgres://", "postgresql+psycopg://")


def connection_url(url: str) -> str:
    """Return a URL as psycopg has it; SQLAlchemy's form, as the ledger has it, works as well.

    Raises UnusableWarehouseUrl if it is not one of PostgreSQL.
    """
    if not url.startswith(URL_PREFIXES):
        raise UnusableWarehouseUrl
    return url.replace("postgresql+psycopg:", "postgresql:", 1)


def list_targets(connection: Connection[Any]) -> Sequence[Target]:
    """Return the targets with a version, in order."""
    query = "select distinct customer, environment, feed from {}._facts"
    found = [
        row
        for schema in _schemas_with(connection, "_facts")
        for row in connection.execute(SQL(query).format(Identifier(schema))).fetchall()
    ]
    return [Target(customer, Environment(name), feed) for customer, name, feed in sorted(found)]


def highest_number(connection: Connection[Any], target: Target | None = None) -> int:
    """Return the highest number of a target's versions and tokens, or of all targets; 0 if none."""
    highest = 0
    for table in ("_facts", "_tokens"):
        for schema in _schemas_with(connection, table):
            if (
                target is not None
                and schema != f"{schema_of(target.customer, target.environment)}_versions"
            ):
                continue
            query = SQL("select max(number) from {} where feed = coalesce(%s, feed)")
            [(number,)] = connection.execute(
                query.format(Identifier(schema, table)), [target.feed if target else None]
            ).fetchall()
            highest = max(highest, number or 0)
    return highest


def highest_number_at(url: str) -> int:
    """Return the highest number in a warehouse, by its URL; raises WarehouseUnavailable."""
    try:
        with psycopg.connect(
            connection_url(url), connect_timeout=CONNECT_SECONDS, application_name="alumniq"
        ) as connection:
            lock_timeout = f"{CONNECT_SECONDS}s"  # the gateway answers no call before this is done
            start_session(connection, "warehouse", search_path=NO_SCHEMA, lock_timeout=lock_timeout)
            return highest_number(connection)
    except (psycopg.Error, OSError) as error:
        raise WarehouseUnavailable(type(error).__name__) from None


def _schemas_with(connection: Connection[Any], table: str) -> Sequence[str]:
    """Return the schemas of versions that have a table, in order."""
    found = connection.execute(
        "select nspname::text from pg_namespace where nspname like %s "
        "and to_regclass(format('%%I.%%I', nspname, %s::text)) is not null order by nspname",
        [r"%\_versions", table],
    ).fetchall()
    return [schema for (schema,) in found]
