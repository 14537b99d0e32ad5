"""`alumniq sql` on PostgreSQL: the database refuses what a query may not do, by its role."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from alumniq_pipelines.adapters.warehouse.postgres_warehouse import PostgresWarehouse
from alumniq_pipelines.core.load import new_job_id
from alumniq_pipelines.core.problems.command import QueryTooSlow, UnusableQuery
from alumniq_pipelines.core.problems.setup import NoReaderRole, ReaderRoleTooPowerful
from alumniq_pipelines.core.target import Environment, Target
from tests.accepted_rows import accepted_rows, small_field_map
from tests.warehouse_processes import MEMBERS

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
OTHERS = Target("iqu-2", Environment.QA, "members")
SECRET = "othersecret"
"""The cell of the other customer."""
COUNT = "select count(*) from members"
OTHER_ROWS = "select xid::text from iqu_2_qa.members"
OTHER_VECTORS = "select to_tsvector('simple', xid) from iqu_2_qa.members"


@pytest.fixture
def connection(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


@pytest.fixture
def warehouse(postgres_url: str, tmp_path: Path) -> PostgresWarehouse:
    """Publish for two customers."""
    warehouse = PostgresWarehouse(postgres_url, versions_kept=2)
    publish(warehouse, tmp_path, MEMBERS, "mine")
    publish(warehouse, tmp_path, OTHERS, SECRET)
    return warehouse


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


def role_of(connection: psycopg.Connection[Any], schema: str = "iqu_qa") -> str:
    """Name the role of an environment."""
    [(role,)] = connection.execute(
        "select rolname::text from pg_roles, pg_database where datname = current_database() "
        "and rolname = 'alumniq_' || %s || '_' || pg_database.oid",
        [schema],
    ).fetchall()
    return str(role)


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


@pytest.mark.parametrize("sql", STOLEN)
def test_no_function_that_runs_sql_reads_another_customers_rows(
    warehouse: PostgresWarehouse, sql: str
) -> None:
    # The other customer's role and functions are there as well.
    assert warehouse.query("iqu-2", "qa", "select xid from members")[1] == [(SECRET,)]
    with pytest.raises(UnusableQuery) as refused:
        warehouse.query("iqu", "qa", sql)
    assert SECRET not in str(refused.value)
    assert warehouse.query("iqu", "qa", "select xid from members")[1] == [("mine",)]


@pytest.mark.parametrize(
    "sql",
    [
        "reset role",
        "set role none",
        "set session authorization default",
        "do $$ begin perform 1; end $$",
        "commit",
        "select 1; commit; select 2",
        "select 1; reset role; select 2",
        "copy (select 1) to program 'true'",
        "copy members to stdout",
        "prepare mine as select 1",
        "listen mine",
        "select * from pg_authid",
        "select pg_read_file('PG_VERSION')",
        "select pg_ls_dir('.')",
        "select pg_stat_file('PG_VERSION')",
        "select lo_import('PG_VERSION')",
        "select lo_creat(-1)",
        "select pg_terminate_backend(pg_backend_pid())",
        "select pg_cancel_backend(pg_backend_pid())",
        "select pg_reload_conf()",
        "select * from members for update",
        "select set_config('transaction_read_only', 'off', true)",
        "select set_config('log_statement', 'none', false)",
        "select * from iqu_qa_versions._open_query('select 1')",
        "select from members",
    ],
)
def test_a_query_leaves_neither_its_role_nor_its_transaction(
    warehouse: PostgresWarehouse, sql: str
) -> None:
    with pytest.raises(UnusableQuery):
        warehouse.query("iqu", "qa", sql)
    assert warehouse.query("iqu", "qa", COUNT)[1] == [(1,)]


def test_a_query_runs_as_its_role_and_its_settings_end_with_it(
    warehouse: PostgresWarehouse, connection: psycopg.Connection[Any]
) -> None:
    sql = (
        "select current_user::text, current_setting('transaction_read_only'), "
        "set_config('{}', '{}', false)"
    )
    for setting, value in (("search_path", "iqu_2_qa"), ("work_mem", "8MB"), ("my.x", "x")):
        [row] = warehouse.query("iqu", "qa", sql.format(setting, value))[1]
        assert row == (role_of(connection), "on", value)
        [(now,)] = warehouse.query("iqu", "qa", f"select current_setting('{setting}', true)")[1]
        assert now != value


def test_a_query_sees_no_query_of_anybody_and_can_end_none(
    warehouse: PostgresWarehouse, connection: psycopg.Connection[Any]
) -> None:
    connection.execute(f"select '{SECRET}'")
    _, rows = warehouse.query("iqu", "qa", "select query from pg_stat_get_activity(null)")
    assert {str(text) for (text,) in rows if text} == {"<insufficient privilege>"}
    for function in ("pg_terminate_backend", "pg_cancel_backend"):
        with pytest.raises(UnusableQuery, match="permission denied"):
            warehouse.query("iqu", "qa", f"select {function}({connection.info.backend_pid})")
    assert connection.execute("select 1").fetchall() == [(1,)]


def test_a_query_notifies_nobody(
    warehouse: PostgresWarehouse, connection: psycopg.Connection[Any]
) -> None:
    connection.execute("listen alumniq_test")
    assert warehouse.query("iqu", "qa", "select 1 from pg_notify('alumniq_test', 'x')")[1] == [(1,)]
    connection.execute("select pg_notify('alumniq_test', 'the last')")
    heard = connection.notifies(timeout=10, stop_after=1)
    assert [notice.payload for notice in heard] == ["the last"]


def test_a_lock_that_a_query_takes_ends_with_it(
    warehouse: PostgresWarehouse, connection: psycopg.Connection[Any]
) -> None:
    warehouse.query("iqu", "qa", "select 1 from pg_advisory_lock(42)")
    deadline = time.monotonic() + 10
    while not connection.execute("select pg_try_advisory_lock(42)").fetchall()[0][0]:
        assert time.monotonic() < deadline, "the query's connection still holds its lock"


UNLIMITED = "set_config('statement_timeout', '0', false)"


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 from pg_sleep(600)",
        f"select {UNLIMITED}, count(*) from generate_series(1, 1e12)",
        # Each batch of rows is a statement of its own, and the first has switched the limit off.
        f"select {UNLIMITED}, pg_sleep(0.0005)::text from generate_series(1, 10000000)",
    ],
)
def test_a_query_that_takes_too_long_is_ended(postgres_url: str, tmp_path: Path, sql: str) -> None:
    warehouse = PostgresWarehouse(postgres_url, query_seconds=1)
    publish(warehouse, tmp_path, MEMBERS, "mine")
    started = time.monotonic()
    with pytest.raises(QueryTooSlow, match="longer than 1 seconds"):
        warehouse.query("iqu", "qa", sql)
    assert time.monotonic() - started < 20


def test_what_a_query_writes_to_the_disk_of_the_server_is_limited(
    warehouse: PostgresWarehouse,
) -> None:
    sql = "select current_setting('temp_file_limit')"
    assert warehouse.query("iqu", "qa", sql)[1] == [("10GB",)]
    with pytest.raises(UnusableQuery, match="permission denied"):
        warehouse.query("iqu", "qa", "select set_config('temp_file_limit', '-1', true)")


def test_a_long_result_comes_whole_and_a_limited_one_stops_early(
    warehouse: PostgresWarehouse,
) -> None:
    sql = "select number from generate_series(1, 25001) number"
    assert warehouse.query("iqu", "qa", sql)[1] == [(number,) for number in range(1, 25_002)]
    endless = "select generate_series(1, 1000000000000)"
    assert warehouse.query("iqu", "qa", endless, 101)[1][-1] == (101,)


def test_columns_of_any_kind_keep_their_names_and_values(warehouse: PostgresWarehouse) -> None:
    sql = (
        'select 1 as a, null as a, 2.50::numeric(10,2) as "%s", array[1, 2] as "x""y", '
        "row(1, 2) as pair, members, date '1998-05-24' as day from members -- and a comment"
    )
    names, rows = warehouse.query("iqu", "qa", sql)
    assert names == ["a", "a", "%s", 'x"y', "pair", "members", "day"]
    assert [str(cell) for cell in rows[0]] == [
        "1",
        "None",
        "2.50",
        "[1, 2]",
        "('1', '2')",
        "(mine,1)",
        "1998-05-24",
    ]
    domains = (
        "select table_name from information_schema.tables where table_schema = 'iqu_qa' order by 1"
    )
    assert warehouse.query("iqu", "qa", domains)[1] == [("_versions",), ("members",)]


def test_an_error_that_a_query_builds_from_cells_repeats_none(
    warehouse: PostgresWarehouse,
) -> None:
    with pytest.raises(UnusableQuery) as refused:
        warehouse.query("iqu", "qa", "select word from members, ts_stat('select ' || xid)")
    assert "mine" not in str(refused.value)


def test_what_was_published_since_the_last_query_can_be_read_at_once(
    warehouse: PostgresWarehouse, tmp_path: Path
) -> None:
    assert warehouse.query("iqu", "qa", "select xid from members")[1] == [("mine",)]
    publish(warehouse, tmp_path, MEMBERS, "newer", 2)
    publish(warehouse, tmp_path, Target("iqu", Environment.QA, "gifts-b"), "gift")
    sql = "select (select xid from members), (select xid from iqu_qa_versions.members__v2), xid"
    assert warehouse.query("iqu", "qa", f"{sql} from gifts_b")[1] == [("newer", "newer", "gift")]


def test_first_queries_at_the_same_time_make_one_role(warehouse: PostgresWarehouse) -> None:
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(warehouse.query, "iqu", "qa", COUNT) for _ in range(8)]
        assert [job.result()[1] for job in jobs] == [[(1,)]] * 8


def test_the_longest_name_of_a_customer_makes_a_role(postgres_url: str, tmp_path: Path) -> None:
    warehouse = PostgresWarehouse(postgres_url)
    for last in "xy":
        customer = f"{'a-' * 15}{last}"
        publish(warehouse, tmp_path, Target(customer, Environment.PRODUCTION, "members"), last)
        assert warehouse.query(customer, "production", "select xid from members")[1] == [(last,)]


def test_a_view_that_somebody_else_put_into_the_schema_stays_closed(
    warehouse: PostgresWarehouse, connection: psycopg.Connection[Any]
) -> None:
    with somebody(connection) as name:
        connection.execute(
            f"grant usage on schema iqu_2_qa to {name}; grant select on iqu_2_qa.members to {name};"
            f"grant create on schema iqu_qa to {name}; set role {name};"
            "create view iqu_qa.theirs as select * from iqu_2_qa.members; reset role"
        )
        with pytest.raises(UnusableQuery, match="permission denied for view theirs"):
            warehouse.query("iqu", "qa", "select * from theirs")
        assert warehouse.query("iqu", "qa", COUNT)[1] == [(1,)]
        connection.execute(f"drop owned by {name}")


def test_a_role_that_can_do_more_is_not_used(
    warehouse: PostgresWarehouse, connection: psycopg.Connection[Any]
) -> None:
    warehouse.query("iqu", "qa", COUNT)
    role = role_of(connection)
    for grown, shrunk in (
        (f"alter role {role} superuser", f"alter role {role} nosuperuser"),
        (f"alter role {role} bypassrls", f"alter role {role} nobypassrls"),
        (f"grant pg_read_all_data to {role}", f"revoke pg_read_all_data from {role}"),
    ):
        connection.execute(grown)
        with pytest.raises(ReaderRoleTooPowerful, match=role):
            warehouse.query("iqu", "qa", COUNT)
        connection.execute(shrunk)
        assert warehouse.query("iqu", "qa", COUNT)[1] == [(1,)]


def test_functions_that_a_restored_dump_gave_to_another_owner_are_made_anew(
    warehouse: PostgresWarehouse, connection: psycopg.Connection[Any]
) -> None:
    warehouse.query("iqu", "qa", COUNT)
    function = "iqu_qa_versions._open_query(text)"
    connection.execute(
        f"alter function {function} owner to postgres;"
        f"grant execute on function {function} to public"
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="not owned by the reading role"):
        connection.execute("select iqu_qa_versions._open_query('select 1')")
    assert warehouse.query("iqu", "qa", COUNT)[1] == [(1,)]
    found = connection.execute(
        f"select pg_get_userbyid(proowner), has_function_privilege('public', oid, 'execute') "
        f"from pg_proc where oid = '{function}'::regprocedure"
    ).fetchall()
    assert found == [(role_of(connection), False)]


@contextmanager
def somebody(connection: psycopg.Connection[Any], attributes: str = "login") -> Iterator[str]:
    """Make a role of the server for the time of a test; roles outlive databases."""
    name = f"somebody_{connection.info.backend_pid}"
    connection.execute(f"create role {name} {attributes}")
    try:
        yield name
    finally:
        for (made,) in connection.execute(
            "select rolname from pg_roles where rolname like 'alumniq!_%%' escape '!' "
            "and pg_has_role(%s, oid, 'member')",
            [name],
        ).fetchall():
            connection.execute(f"drop owned by {made}; drop role {made}")
        connection.execute(f"drop owned by {name} cascade; drop role {name}")


def published_by(
    connection: psycopg.Connection[Any], name: str, postgres_url: str, scratch: Path
) -> PostgresWarehouse:
    """Publish for two customers by a login that is no superuser."""
    connection.execute(f"grant create on database {connection.info.dbname} to {name}")
    conninfo = make_conninfo(postgres_url.replace("+psycopg", ""), user=name)
    warehouse = PostgresWarehouse(conninfo)
    publish(warehouse, scratch, MEMBERS, "mine")
    publish(warehouse, scratch, OTHERS, SECRET)
    return warehouse


def test_a_login_that_may_make_roles_needs_nothing_else(
    connection: psycopg.Connection[Any], postgres_url: str, tmp_path: Path
) -> None:
    with somebody(connection, "login createrole") as name:
        warehouse = published_by(connection, name, postgres_url, tmp_path)
        assert warehouse.query("iqu", "qa", COUNT)[1] == [(1,)]
        for sql in STOLEN:
            with pytest.raises(UnusableQuery):
                warehouse.query("iqu", "qa", sql)


def test_a_login_that_may_not_make_roles_publishes_and_is_given_the_statements(
    connection: psycopg.Connection[Any], postgres_url: str, tmp_path: Path
) -> None:
    with somebody(connection) as name:
        warehouse = published_by(connection, name, postgres_url, tmp_path)
        with pytest.raises(NoReaderRole, match="permission denied to create role") as refused:
            warehouse.query("iqu", "qa", COUNT)
        _, statements = refused.value.advice.split("run once: ")
        connection.execute(statements)
        assert warehouse.query("iqu", "qa", COUNT)[1] == [(1,)]
        for sql in STOLEN:
            with pytest.raises(UnusableQuery):
                warehouse.query("iqu", "qa", sql)
