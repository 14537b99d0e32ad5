"""The role that queries run as: created, granted and checked, by logins of every kind."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.problems.command import UnusableQuery
from alumniq_pipelines.core.problems.query import NoReaderRole, ReaderRoleTooPowerful
from alumniq_pipelines.core.sql_text import identifier
from tests.queried_customers import MINE, STOLEN, publish, publish_for_both, role_of
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


def test_what_was_published_since_the_last_query_can_be_read_at_once(
    warehouse: PostgresWarehouse, tmp_path: Path
) -> None:
    assert warehouse.query("iqu", "qa", "select xid from members")[1] == [(MINE,)]
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


def test_a_view_that_another_role_put_into_the_schema_stays_closed(
    warehouse: PostgresWarehouse, connection: psycopg.Connection[Any]
) -> None:
    with temporary_role(connection) as name:
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
def temporary_role(connection: psycopg.Connection[Any], attributes: str = "login") -> Iterator[str]:
    """Create a role of the server for a test; its name needs quotes."""
    name = identifier(f"Some-body {connection.info.backend_pid}")
    connection.execute(f"create role {name} {attributes}")
    try:
        yield name
    finally:
        for (made,) in connection.execute(
            "select rolname from pg_roles where rolname like 'alumniq!_%%' escape '!' "
            "and pg_has_role(%s, oid, 'member')",
            [name.strip('"')],
        ).fetchall():
            connection.execute(f"drop owned by {made}; drop role {made}")
        connection.execute(f"drop owned by {name} cascade; drop role {name}")


def published_by(
    connection: psycopg.Connection[Any], name: str, postgres_url: str, scratch: Path
) -> PostgresWarehouse:
    """Publish for two customers by a login that is no superuser."""
    connection.execute(f"grant create on database {connection.info.dbname} to {name}")
    conninfo = make_conninfo(postgres_url.replace("+psycopg", ""), user=name.strip('"'))
    warehouse = PostgresWarehouse(conninfo)
    publish_for_both(warehouse, scratch)
    return warehouse


def test_a_login_that_may_make_roles_needs_nothing_else(
    connection: psycopg.Connection[Any], postgres_url: str, tmp_path: Path
) -> None:
    with temporary_role(connection, "login createrole") as name:
        warehouse = published_by(connection, name, postgres_url, tmp_path)
        assert warehouse.query("iqu", "qa", COUNT)[1] == [(1,)]
        for sql in STOLEN:
            with pytest.raises(UnusableQuery):
                warehouse.query("iqu", "qa", sql)


def test_a_login_that_may_not_make_roles_publishes_and_is_given_the_statements(
    connection: psycopg.Connection[Any], postgres_url: str, tmp_path: Path
) -> None:
    with temporary_role(connection) as name:
        warehouse = published_by(connection, name, postgres_url, tmp_path)
        with pytest.raises(NoReaderRole, match="permission denied to create role") as refused:
            warehouse.query("iqu", "qa", COUNT)
        _, statements = refused.value.advice.split("run this once: ")
        connection.execute(statements)
        assert warehouse.query("iqu", "qa", COUNT)[1] == [(1,)]
        for sql in STOLEN:
            with pytest.raises(UnusableQuery):
                warehouse.query("iqu", "qa", sql)
