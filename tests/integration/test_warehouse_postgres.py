"""What a warehouse in PostgreSQL adds to the contract: snapshots, open readers, grants, views."""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from alumniq_pipelines.adapters.warehouse.postgres import warehouse as postgres_warehouse
from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.core.problems.command import UnusableQuery
from alumniq_pipelines.core.problems.outage import ReadersInTheWay, WarehouseUnavailable
from alumniq_pipelines.core.problems.setup import ViewsInTheWay
from tests.accepted_rows import accepted_rows, batch, small_field_map
from tests.warehouse_processes import (
    EVERYTHING_TWICE,
    MEMBERS,
    first_line,
    process,
    publish_next,
    reader,
    rest,
    whole_version,
)

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
FUNCTION = (
    "create function reports.f() returns bigint return (select max(batch) from iqu_qa.members)"
)
COUNT = "select max(batch), count(*) from iqu_qa.members"

Publish = Callable[..., Version]


@pytest.fixture
def warehouse(postgres_url: str) -> PostgresWarehouse:
    return PostgresWarehouse(postgres_url, versions_kept=2)


@pytest.fixture
def publish(warehouse: PostgresWarehouse, tmp_path: Path) -> Publish:
    def publish(number: int, query: str | None = None, target: Target = MEMBERS) -> Version:
        rows = accepted_rows(tmp_path, query) if query else batch(tmp_path, number, count=10)
        return warehouse.publish(
            target,
            small_field_map(target.feed),
            rows,
            number=number,
            job_id=JobId(f"job-{number}"),
            now=NOW + timedelta(days=number),
        )

    return publish


@contextmanager
def connected(
    url: str, level: IsolationLevel = IsolationLevel.READ_COMMITTED
) -> Iterator[psycopg.Connection[Any]]:
    """Connect and begin a transaction."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.isolation_level = level
        yield connection
        connection.rollback()


def relations(url: str) -> list[str]:
    """List the tables beside the versions."""
    with connected(url) as connection:
        found = connection.execute(
            "select relname from pg_class where relnamespace = 'iqu_qa_versions'::regnamespace "
            "and relkind in ('r', 'p') and relname like 'members%' order by 1"
        )
        return [str(name) for (name,) in found]


def test_readers_see_whole_versions_while_others_are_published(
    warehouse: PostgresWarehouse, postgres_url: str, tmp_path: Path
) -> None:
    publish_next(warehouse, tmp_path)
    with process("fresh", postgres_url) as fresh, process("held", postgres_url) as held:
        first_line(fresh)
        first_line(held)
        for _ in range(12):
            last = publish_next(warehouse, tmp_path)
        seen = rest(fresh), rest(held)
    for versions in seen:
        assert versions == sorted(versions)
        assert len(set(versions)) > 3
    assert last == 13


def test_a_killed_publisher_leaves_the_old_version_or_the_new(postgres_url: str) -> None:
    moments = random.Random(7)
    live = 0
    for _ in range(8):
        with process("publish", postgres_url) as publisher:
            announced = int(first_line(publisher))
            assert announced >= live + 1, "the next publisher goes on from what is live"
            time.sleep(moments.uniform(0, 0.3))
            announced = max([announced, *rest(publisher)])
        version = PostgresWarehouse(postgres_url).live(MEMBERS)
        assert version is not None
        live = version.number
        assert announced <= live
        with reader(postgres_url) as connection:
            seen = whole_version(connection.execute(EVERYTHING_TWICE).fetchall()[0])
        assert live <= seen <= live + 1, "the server may still commit what the killed one sent"


def test_an_open_transaction_holds_up_no_publication(publish: Publish, postgres_url: str) -> None:
    publish(1)
    with connected(postgres_url) as connection:
        assert connection.execute(COUNT).fetchall() == [(1, 11)]
        started = time.monotonic()
        publish(2)
        assert time.monotonic() - started < 5
        assert connection.execute(COUNT).fetchall() == [(2, 12)]


def test_a_snapshot_keeps_seeing_its_version(publish: Publish, postgres_url: str) -> None:
    publish(1)
    with connected(postgres_url, IsolationLevel.REPEATABLE_READ) as connection:
        connection.execute("select 1")
        publish(2)
        assert connection.execute(COUNT).fetchall() == [(1, 11)]
        publish(3)
        assert connection.execute(COUNT).fetchall() == [(1, 11)]
    with connected(postgres_url) as connection:
        assert connection.execute(COUNT).fetchall() == [(3, 13)]


def test_a_snapshot_older_than_new_columns_sees_no_empty_table(
    publish: Publish, postgres_url: str
) -> None:
    publish(1)
    with connected(postgres_url, IsolationLevel.REPEATABLE_READ) as connection:
        connection.execute("select 1")
        publish(2, "select 2::bigint as batch, true as new from range(12)")
        assert connection.execute(COUNT).fetchall() == [(2, 12)]


def test_new_columns_wait_for_open_readers_and_then_give_up(
    publish: Publish, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_warehouse, "TRIES", 2)
    monkeypatch.setattr(postgres_warehouse, "PAUSE_SECONDS", 0.01)
    publish(1)
    other_columns = "select '2' as batch from range(12)"
    with connected(postgres_url) as connection:
        assert connection.execute(COUNT).fetchall() == [(1, 11)]
        with pytest.raises(ReadersInTheWay, match=r"iqu_qa\.members"):
            publish(2, other_columns)
        with connected(postgres_url) as another:
            assert another.execute(COUNT).fetchall() == [(1, 11)]
    assert publish(2, other_columns).number == 2
    with connected(postgres_url) as connection:
        assert connection.execute(COUNT).fetchall() == [("2", 12)]


def test_versions_go_when_no_reader_is_in_the_way(publish: Publish, postgres_url: str) -> None:
    publish(1)
    publish(2)
    with connected(postgres_url) as connection:
        connection.execute(COUNT)
        publish(3)
        publish(4)
        assert [relation for relation in relations(postgres_url) if "__v" in relation] == [
            f"members__v{number}" for number in (1, 2, 3, 4)
        ]
    publish(5)
    assert [relation for relation in relations(postgres_url) if "__v" in relation] == [
        f"members__v{number}" for number in (4, 5)
    ]


def test_a_view_on_a_version_itself_keeps_it_and_stops_nothing(
    publish: Publish, postgres_url: str
) -> None:
    publish(1)
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("create view mine as select * from iqu_qa_versions.members__v1")
    for number in (2, 3, 4):
        assert publish(number).number == number
    assert "members__v1" in relations(postgres_url)


def test_the_last_version_of_a_shape_takes_its_table_along(
    publish: Publish, postgres_url: str
) -> None:
    publish(1, "select 1 as batch, true as old")
    for number in (2, 3, 4):
        publish(number)
    assert len(relations(postgres_url)) == 3, "two versions, and the table they are parts of"


@pytest.fixture
def reporting(publish: Publish, postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Publish, and let another role read it and build views on it."""
    publish(1, "select 'a' as xid, 1::bigint as batch, true as old")
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(
            "create role reporting; grant usage on schema iqu_qa to reporting;"
            "grant select on iqu_qa.members to reporting with grant option;"
            "comment on view iqu_qa.members is 'nightly';"
            "create schema reports; grant usage, create on schema reports to reporting"
        )
        connection.execute(
            "set role reporting; create view reports.xids with (security_barrier = true) "
            "as select xid from iqu_qa.members;"
            "create view reports.twice as select xid from reports.xids join iqu_qa.members "
            "using (xid); grant select on reports.twice to public; reset role"
        )
        yield connection
        connection.execute("drop schema reports cascade; drop owned by reporting cascade")
        connection.execute("drop role reporting")


@pytest.mark.parametrize(
    "query",
    [
        "select 'b' as xid, 2::bigint as batch, true as old, 'more' as new",
        "select true as new, 'b' as xid, 2::bigint as batch",
        "select 'b' as xid, '2' as batch, true as old",
        "select 'b' as xid, 2.00::decimal(38,2) as batch, true as old",
        "select 'b' as xid",
    ],
    ids=["added", "dropped and moved", "retyped", "made exact", "all others dropped"],
)
def test_grants_and_views_of_others_survive_a_change_of_columns(
    reporting: psycopg.Connection[Any], publish: Publish, query: str
) -> None:
    publish(2, query)
    reporting.execute("set role reporting")
    for relation in ("iqu_qa.members", "reports.xids", "reports.twice"):
        assert reporting.execute(f"select xid from {relation}").fetchall() == [("b",)]
    reporting.execute("grant select on iqu_qa.members to public; reset role")
    rows = reporting.execute(
        "select relname::text, pg_get_userbyid(relowner), obj_description(oid, 'pg_class'), "
        "reloptions::text, has_table_privilege('public', oid, 'select') from pg_class "
        "where relname in ('members', 'xids', 'twice') order by 1"
    ).fetchall()
    assert rows == [
        ("members", "postgres", "nightly", None, True),
        ("twice", "reporting", None, None, True),
        ("xids", "reporting", None, "{security_barrier=true}", False),
    ]


def test_a_view_that_needs_a_column_that_goes_is_named_and_nothing_is_published(
    reporting: psycopg.Connection[Any], publish: Publish, warehouse: PostgresWarehouse
) -> None:
    with pytest.raises(ViewsInTheWay, match=r'reports\.xids.*column "xid" does not exist'):
        publish(2, "select 2::bigint as batch")
    live = warehouse.live(MEMBERS)
    assert live is not None
    assert live.number == 1
    assert reporting.execute("select xid from reports.twice").fetchall() == [("a",)]
    reporting.execute("drop view reports.xids cascade")
    assert publish(2, "select 2::bigint as batch").number == 2


@pytest.mark.parametrize(
    ("made", "named"),
    [
        ("create materialized view reports.kept as select batch from iqu_qa.members", "kept"),
        (FUNCTION, r"reports\.f"),
    ],
)
def test_what_cannot_be_made_anew_is_named(
    reporting: psycopg.Connection[Any], publish: Publish, made: str, named: str
) -> None:
    reporting.execute(made)
    with pytest.raises(ViewsInTheWay, match=named):
        publish(2, "select 'b' as xid, '2' as batch, true as old")
    added = "select 'b' as xid, 2::bigint as batch, true as old, 1 as new"
    assert publish(2, added).number == 2, "columns may come at any time"


def test_publishers_of_one_target_are_serialized(publish: Publish, postgres_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(publish, number) for number in (3, 1, 4, 2)]
        assert max(job.result().number for job in jobs) == 4
    with connected(postgres_url) as connection:
        assert connection.execute(COUNT).fetchall() == [(4, 14)]


@pytest.mark.parametrize(
    "sql",
    [
        "select * from iqu_2_qa.members",
        "select (select count(*) from iqu_2_qa.members)",
        "select * from pg_catalog.pg_authid",
        "select query_to_xml('select * from iqu_2_qa.members', true, true, '')",
        "select pg_read_file('/etc/hostname')",
        "select 1; commit; drop view iqu_qa.members",
        "select nextval('counter')",
        "members",
        "table members; select 1",
    ],
)
def test_a_query_reaches_nothing_outside_its_environment(
    warehouse: PostgresWarehouse, publish: Publish, sql: str
) -> None:
    publish(1)
    publish(1, None, Target("iqu-2", Environment.QA, "members"))
    with pytest.raises(UnusableQuery):
        warehouse.query("iqu", "qa", sql)
    assert warehouse.query("iqu", "qa", "select count(*) from members")[1] == [(11,)]


def test_a_server_that_is_away_is_an_outage_without_particulars(tmp_path: Path) -> None:
    warehouse = PostgresWarehouse(f"postgresql://someone:secret@/nowhere?host={tmp_path}")
    with pytest.raises(WarehouseUnavailable) as refused:
        warehouse.live(MEMBERS)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None
