"""Two customers in one PostgreSQL database, and how to read what belongs to the other."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from alumniq_pipelines.core.loads.load import new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from tests.accepted_rows import accepted_rows, small_field_map
from tests.warehouse_processes import MEMBERS

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
MINE = "mycell"
OTHERS = Target("iqu-2", Environment.QA, "members")
SECRET = "othersecret"
"""A cell of the other customer."""
OTHER_ROWS = "select xid::text from iqu_2_qa.members"
OTHER_VECTORS = "select to_tsvector('simple', xid) from iqu_2_qa.members"
STEAL = f"query_to_xml($${OTHER_ROWS}$$, true, true, '')::text"
REWRITE = "$$select 'a'::tsquery, xid::tsquery from iqu_2_qa.members$$"
STOLEN = [
    f"select word from ts_stat($${OTHER_VECTORS}$$)",
    f"select ts_rewrite('a'::tsquery, {REWRITE})::text",
    f"select {STEAL}",
    "select schema_to_xml('iqu_2_qa', true, true, '')::text",
    f"select set_config('role', 'none', false), {STEAL}",
    f"select set_config('role', 'postgres', true), {STEAL}",
    f"select set_config('session_authorization', 'postgres', false), {STEAL}",
    f"with gone as materialized (select set_config('role', 'none', true)) select {STEAL} from gone",
    "select query_to_xml('reset role', true, true, '')",
    "select query_to_xml('set role none', true, true, '')",
    "select iqu_2_qa_versions._open_query('select 1'), 1",
]


def publish(
    warehouse: PostgresWarehouse, scratch: Path, target: Target, cell: str, number: int = 1
) -> None:
    """Publish a version of one row."""
    warehouse.publish(
        target,
        small_field_map(target.feed),
        accepted_rows(scratch, f"select '{cell}' as xid, {number}::bigint as batch"),
        number=number,
        job_id=new_job_id(),
        now=NOW + timedelta(days=number),
    )


def publish_for_both(warehouse: PostgresWarehouse, scratch: Path) -> None:
    """Publish a row for each of the two customers."""
    publish(warehouse, scratch, MEMBERS, MINE)
    publish(warehouse, scratch, OTHERS, SECRET)


def role_of(connection: psycopg.Connection[Any], schema: str = "iqu_qa") -> str:
    """Return the name of the role of an environment."""
    [(role,)] = connection.execute(
        "select rolname::text from pg_roles, pg_database where datname = current_database() "
        "and rolname = 'alumniq_' || %s || '_' || pg_database.oid",
        [schema],
    ).fetchall()
    return str(role)
