"""Every function of PostgreSQL that takes text, misused by a query for one customer."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from alumniq_pipelines.cli.main import app
from alumniq_pipelines.core.problems.command import UnusableQuery
from alumniq_pipelines.core.problems.query import QueryTooSlow
from alumniq_pipelines.core.sql_text import literal
from tests.queried_customers import MINE, OTHERS, SECRET, publish_for_both
from tests.warehouse_processes import MEMBERS

FUNCTIONS = """
    select proname::text, prokind::text, prorettype::regtype::text, provolatile <> 'i',
        array(select kind::regtype::text from unnest(proargtypes) kind)
    from pg_proc
    where pronamespace = 'pg_catalog'::regnamespace and prokind <> 'p'
    and prorettype::regtype::text not in ('internal', 'trigger', 'event_trigger')
    and not proargtypes::oid[] @> array['internal'::regtype::oid]
    and exists (select from unnest(proargtypes) kind where kind::regtype::text = any(%s))
    order by oid
"""
TEXTS = {
    "text": "{}::text",
    "character varying": "{}::varchar",
    "character": "{}::bpchar",
    "name": "{}::name",
    "cstring": "{}::cstring",
    "text[]": "array[{}]",
    '"any"': "{}::text",
    "anyelement": "{}::text",
    "anynonarray": "{}::text",
    "anyarray": "array[{}]",
    "anycompatible": "{}::text",
    "anycompatiblenonarray": "{}::text",
    "anycompatiblearray": "array[{}]",
    "json": "to_json({}::text)",
    "jsonb": "to_jsonb({}::text)",
    "bytea": "convert_to({}, 'UTF8')",
}
"""Types of arguments that accept a text, and how it is written."""
VALUES = {
    "boolean": "true",
    "smallint": "1::smallint",
    "integer": "1",
    "bigint": "1::bigint",
    "oid": "{relation}::oid",
    "regclass": "{relation}::regclass",
    "regnamespace": "'iqu_qa'::regnamespace",
    "regconfig": "'simple'::regconfig",
    "regdictionary": "'simple'::regdictionary",
    "tsquery": "'a'::tsquery",
    "tsvector": "'a'::tsvector",
    "xml": "'<a/>'::xml",
    "double precision": "1.0::float8",
    "interval": "interval '1 ms'",
    "date": "date '2026-11-25'",
    "timestamp without time zone": "timestamp '2026-11-25'",
    "timestamp with time zone": "timestamptz '2026-11-25'",
}
"""Of other types one value each, of the rest null."""
PAYLOADS = (
    ("select xid::text from iqu_2_qa.members", "a"),
    ("select to_tsvector('simple', xid) from iqu_2_qa.members", "a"),
    ("select 'a'::tsquery, xid::tsquery from iqu_2_qa.members", "a"),
    ("iqu_2_qa.members", "xid"),
    ("iqu_2_qa", "members"),
    ("members", "select"),
    ("role", "none"),
    ("session_authorization", "postgres"),
    ("reset role", "postgres"),
    ("PG_VERSION", "PG_VERSION"),
)
"""First and further texts of a call: SQL, names of relations, settings, roles and files."""
LEAKS = {"ts_stat", "ts_rewrite", "query_to_xml", "table_to_xml", "schema_to_xml"}
"""Functions that show the other customer's rows to a role that may read them."""
EVERYTHING = """
    select 'row', xid, batch::text from iqu_2_qa.members
    union all select 'setting', name, setting from pg_settings
    union all select 'role setting', setdatabase::text, setconfig::text from pg_db_role_setting
    union all select 'role', rolname, to_jsonb(pg_roles)::text from pg_roles
    union all select 'member', roleid::text, member::text from pg_auth_members
    union all select 'schema', nspname, nspacl::text from pg_namespace where nspname !~ '^pg_t'
    union all select 'relation', relname, relacl::text from pg_class where relname !~ '^pg_'
    union all select 'function', proname, proacl::text from pg_proc
    union all select 'large object', oid::text, lomacl::text from pg_largeobject_metadata
    union all select 'slot', slot_name, plugin from pg_replication_slots
    order by 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Function:
    """A function, and the types of its arguments."""

    name: str
    kind: str
    result: str
    looks_around: bool
    arguments: Sequence[str]

    def calls(self, relation: int) -> Iterator[str]:
        """Yield a query per payload; an immutable function depends only on its arguments."""
        for payload in PAYLOADS if self.looks_around else PAYLOADS[:1]:
            texts = iter((payload[0], *[payload[1]] * len(self.arguments)))
            arguments = [
                TEXTS[kind].format(literal(next(texts)))
                if kind in TEXTS
                else VALUES.get(kind, f"null::{kind}").format(relation=relation)
                for kind in self.arguments
            ]
            call = f'pg_catalog."{self.name}"({", ".join(arguments)})'
            if self.kind == "w":
                yield f"select {call} over () from members"
            elif self.result in {"void", "cstring"}:
                yield f"select count(*) from {call}"
            else:
                yield f"select {call} from members"


@pytest.fixture
def connection(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


@pytest.fixture
def warehouse(postgres_url: str, tmp_path: Path) -> PostgresWarehouse:
    """Publish for two customers, of whom each has a role."""
    warehouse = PostgresWarehouse(postgres_url, query_seconds=20)
    publish_for_both(warehouse, tmp_path)
    for target, cell in ((MEMBERS, MINE), (OTHERS, SECRET)):
        assert warehouse.query(target.customer, "qa", "select xid from members")[1] == [(cell,)]
    return warehouse


def calls(connection: psycopg.Connection[Any]) -> Iterator[tuple[str, str]]:
    """Yield all functions that take text, and queries that call them."""
    [(relation,)] = connection.execute("select 'iqu_2_qa.members'::regclass::oid").fetchall()
    for row in connection.execute(FUNCTIONS, [list(TEXTS)]).fetchall():
        function = Function(*row)
        for sql in function.calls(relation):
            yield function.name, sql


def shown(warehouse: PostgresWarehouse, sql: str) -> str:
    """Return everything that the user of a query is shown: the rows, or why there are none."""
    try:
        return str(warehouse.query("iqu", "qa", sql))
    except (UnusableQuery, QueryTooSlow) as refused:
        return str(refused)


def test_no_function_that_takes_text_reads_or_changes_what_is_another_customers(
    warehouse: PostgresWarehouse, connection: psycopg.Connection[Any]
) -> None:
    connection.execute("listen role; listen iqu_2_qa")
    before = connection.execute(EVERYTHING).fetchall()
    found = list(calls(connection))
    assert len({name for name, _ in found}) > 400
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda call: shown(warehouse, call[1]), found))
    leaked = [
        sql for (_, sql), answer in zip(found, answers, strict=True) if SECRET in answer.lower()
    ]
    assert leaked == []
    assert sum(MINE in answer for answer in answers) > 5, "the functions ran, on rows of its own"
    assert connection.execute(EVERYTHING).fetchall() == before
    assert list(connection.notifies(timeout=0.1)) == []
    assert shown(warehouse, "select xid from members") == f"(['xid'], [('{MINE}',)])"


@pytest.fixture
def commands(
    warehouse: PostgresWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> CliRunner:
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ALUMNIQ_WAREHOUSE", "postgres")
    monkeypatch.setenv("ALUMNIQ_WAREHOUSE_URL", warehouse.url)
    (tmp_path / "data").mkdir()
    return CliRunner()


def test_what_would_leak_without_the_role_is_refused_by_the_command(
    commands: CliRunner, connection: psycopg.Connection[Any]
) -> None:
    connection.execute("set search_path = iqu_qa")
    leaking = set()
    for name, sql in calls(connection):
        if name not in LEAKS:
            continue
        try:
            rows = str(connection.execute(sql.encode()).fetchall())
        except psycopg.Error:
            continue
        if SECRET in rows.lower():
            leaking.add(name)
            answer = commands.invoke(app, ["sql", "iqu", "qa", sql, "--csv"])
            assert answer.exit_code == 2
            assert SECRET not in answer.output.lower()
    assert leaking == LEAKS, "the calls of the fuzz can leak, so that they did not means something"
