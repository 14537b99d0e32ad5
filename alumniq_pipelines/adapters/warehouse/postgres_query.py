"""One SELECT over an environment's views, by a transaction that can only read."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from psycopg import Connection, Error, errors

from alumniq_pipelines.core.problems.command import UnusableQuery

EXPLAINED = "42"
"""The class of faults of the query's own text: what PostgreSQL says of them holds no cells."""

ELSEWHERE = re.compile(
    r"\b(\w+_to_xml\w*|set_config|pg_read_\w+|pg_ls_\w+|pg_stat_file|lo_\w+|dblink\w*)\(",
    re.IGNORECASE,
)
"""Functions that read what a plan does not show."""


def run(
    connection: Connection[Any], schema: str, sql: str, most: int | None
) -> tuple[Sequence[str], Sequence[tuple[object, ...]]]:
    """Run one SELECT: column names, and rows up to `most`; raises UnusableQuery."""
    with connection.transaction():
        connection.execute(f"set transaction read only; set local search_path = {schema}")
        found = connection.execute(
            "select relname::text from pg_class "
            "where relnamespace = %s::regnamespace and relkind in ('v', 'm', 'r') order by relname",
            [schema],
        )
        tables = [name for (name,) in found.fetchall()]
        try:
            _check_plan(connection, schema, sql, tables)
            # Binary, as only this makes the server refuse a second statement.
            connection.execute(f"declare asked no scroll cursor for {sql}", binary=True)
            cursor = connection.execute(f"fetch {'all' if most is None else most} from asked")
            rows = cursor.fetchall()
        except errors.OperationalError:
            raise
        except Error as error:
            is_explained = (error.sqlstate or "").startswith(EXPLAINED)
            told = f"{error.diag.message_primary}." if is_explained else _vague(error)
            raise UnusableQuery(told, tables) from None
    return [column.name for column in cursor.description or ()], rows


def _check_plan(connection: Connection[Any], schema: str, sql: str, tables: Sequence[str]) -> None:
    """Refuse a query that reads another schema, before it runs."""
    explained = connection.execute(f"explain (verbose, format json) {sql}", binary=True)
    [(plan,)] = explained.fetchall()
    for node in _nodes(plan):
        if "Relation Name" in node and node["Schema"] not in {schema, f"{schema}_versions"}:
            reason = "The query reads tables of another schema."
            raise UnusableQuery(reason, tables)
    if called := ELSEWHERE.search(str(plan)):
        reason = f"The function {called[1]} may not be used here."
        raise UnusableQuery(reason, tables)


def _nodes(plan: object) -> Iterator[Mapping[str, Any]]:
    """Walk everything in a plan."""
    if isinstance(plan, dict):
        yield plan
        plan = list(plan.values())
    if isinstance(plan, list):
        for each in plan:
            yield from _nodes(each)


def _vague(error: Error) -> str:
    return f"The query failed while it ran ({type(error).__name__})."
