"""`alumniq sql` on PostgreSQL: the database refuses what a query may not do, by its role."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from alumniq_pipelines.core.problems.command import UnusableQuery
from alumniq_pipelines.core.problems.query import QueryTooSlow
from tests.queried_customers import MINE, SECRET, STOLEN, publish, publish_for_both, role_of
from tests.warehouse_processes import MEMBERS

COUNT = "select count(*) from members"


@pytest.fixture
def connection(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


@pytest.fixture
def warehouse(postgres_url: str, tmp_path: Path) -> PostgresWarehouse:
    warehouse = PostgresWarehouse(postgres_url, versions_kept=2)
    publish_for_both(warehouse, tmp_path)
    return warehouse


@pytest.mark.parametrize("sql", STOLEN)
def test_no_function_that_runs_sql_reads_another_customers_rows(
    warehouse: PostgresWarehouse, sql: str
) -> None:
    # The other customer's role and functions are there as well.
    assert warehouse.query("iqu-2", "qa", "select xid from members")[1] == [(SECRET,)]
    with pytest.raises(UnusableQuery) as refused:
        warehouse.query("iqu", "qa", sql)
    assert SECRET not in str(refused.value)
    assert warehouse.query("iqu", "qa", "select xid from members")[1] == [(MINE,)]


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


def test_a_query_sees_no_other_query_and_can_end_none(
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
        # Each batch of rows is a statement of its own, and the first one disables the limit.
        f"select {UNLIMITED}, pg_sleep(0.0005)::text from generate_series(1, 10000000)",
    ],
)
def test_a_query_that_takes_too_long_is_ended(postgres_url: str, tmp_path: Path, sql: str) -> None:
    warehouse = PostgresWarehouse(postgres_url, query_seconds=1)
    publish(warehouse, tmp_path, MEMBERS, MINE)
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
        "(mycell,1)",
        "1998-05-24",
    ]
    domains = (
        "select table_name from information_schema.tables where table_schema = 'iqu_qa' order by 1"
    )
    assert warehouse.query("iqu", "qa", domains)[1] == [("_versions",), ("members",)]


TYPES = [
    "'abc'::char(5)",
    "'abc'::bpchar",
    "'abc'::varchar(2)",
    "'a'::\"char\"",
    "'abc'::name",
    "B'101'",
    "B'101'::bit(5)",
    "B'101'::bit varying(7)",
    "interval '1 day 2 hours'",
    "interval '1' year",
    "1.250::numeric(10, 3)",
    "1.250::numeric",
    "array['abc']::char(5)[]",
    "array[B'101', B'1']::bit(3)[]",
    "array[[1, 2], [3, 4]]",
    "array['ab']::bpchar[]",
    "time with time zone '10:00:00+02'",
    "time(2) '10:00:00.123'",
    "timestamptz(0) '2026-01-01 10:00:00+00'",
    "'2.50'::money",
    "'red'::extra.\"Colour of\"",
    "'abc'::extra.code",
    "'abc'::extra.short",
    "array['red']::extra.\"Colour of\"[]",
    "'{}'::jsonb",
    "'<a/>'::xml",
    "'[1,2)'::int4range",
    "'127.0.0.1/32'::cidr",
    "'members'::regclass",
    "1::oid",
    "'pg_type'::regclass::oid::regtype",
    "row(1, 'a')",
]


@pytest.mark.parametrize("value", TYPES)
def test_a_value_of_any_type_is_shown_as_the_server_shows_it(
    warehouse: PostgresWarehouse, connection: psycopg.Connection[Any], value: str
) -> None:
    connection.execute(
        "create schema extra; grant usage on schema extra to public;"
        "create type extra.\"Colour of\" as enum ('red'); create domain extra.code as char(5);"
        "create domain extra.short as bpchar"
    )
    try:
        connection.execute("set search_path = iqu_qa")
        expected = connection.execute(f"select {value}, ({value})::text").fetchall()
        assert warehouse.query("iqu", "qa", f"select {value}, ({value})::text")[1] == expected
    finally:
        connection.execute("drop schema extra cascade")


UNREADABLE = [
    "select set_config('intervalstyle', 'iso_8601', false), interval '1 day'",
    "select set_config('datestyle', 'german', false), timestamptz '2026-01-01'",
    "select date '4713-01-01 BC'",
    "select set_config('client_encoding', 'mule_internal', false), xid from members",
]


@pytest.mark.parametrize("sql", UNREADABLE)
def test_a_value_that_cannot_be_read_is_a_plain_refusal(
    warehouse: PostgresWarehouse, sql: str
) -> None:
    with pytest.raises(UnusableQuery, match="failed while it ran"):
        warehouse.query("iqu", "qa", sql)
    assert warehouse.query("iqu", "qa", COUNT)[1] == [(1,)]


def test_an_error_that_a_query_builds_from_cells_repeats_none(
    warehouse: PostgresWarehouse,
) -> None:
    with pytest.raises(UnusableQuery) as refused:
        warehouse.query("iqu", "qa", "select word from members, ts_stat('select ' || xid)")
    assert MINE not in str(refused.value)
