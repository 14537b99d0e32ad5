"""What every warehouse promises; another engine joins by a fixture of its own."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from alumniq_pipelines.checking.structure.blocks import MAX_ROW_BYTES
from alumniq_pipelines.core.loads.load import JobId, new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Version, Warehouse
from alumniq_pipelines.core.problems.command import NothingPublished, UnknownVersion, UnusableQuery
from alumniq_pipelines.core.problems.outage import IncompleteVersion, VersionNumberTaken
from tests.accepted_rows import accepted_rows, batch, small_field_map

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
MEMBERS = Target("iqu", Environment.QA, "members")
FIELD_MAP = small_field_map("members")

Publish = Callable[..., Version]


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    if request.param == "duckdb":
        return DuckDBWarehouse(tmp_path / "warehouse", versions_kept=3)
    return PostgresWarehouse(request.getfixturevalue("postgres_url"), versions_kept=3)


@pytest.fixture
def publish(warehouse: Warehouse, tmp_path: Path) -> Publish:
    def publish(
        number: int,
        target: Target = MEMBERS,
        job_id: JobId | None = None,
        now: datetime | None = None,
    ) -> Version:
        return warehouse.publish(
            target,
            small_field_map(target.feed),
            batch(tmp_path, number, count=10),
            number=number,
            job_id=job_id or JobId(f"job-{number}"),
            now=now or NOW + timedelta(minutes=number),
        )

    return publish


def seen(warehouse: Warehouse, target: Target = MEMBERS) -> object:
    """Return the number of the batch that readers of a target see, and how many rows."""
    sql = f"select batch, count(*) from {target.feed} group by batch"
    _, rows = warehouse.query(target.customer, target.environment, sql)
    return rows


def test_nothing_is_live_before_the_first_version(warehouse: Warehouse) -> None:
    assert warehouse.live(MEMBERS) is None
    assert list(warehouse.versions(MEMBERS)) == []


def test_a_published_version_is_live_and_describes_itself(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    rows = batch(tmp_path, 7, count=10)
    job_id = new_job_id()
    now = datetime(2026, 11, 25, 3, 0, 0, 123456, tzinfo=UTC)
    published = warehouse.publish(MEMBERS, FIELD_MAP, rows, number=7, job_id=job_id, now=now)
    assert published == Version(
        target=MEMBERS,
        number=7,
        job_id=job_id,
        rows=17,
        sha256=rows.sha256,
        etag=rows.etag,
        relation=published.relation,
        published_at=now,
        field_map_sha256=published.field_map_sha256,
    )
    assert warehouse.live(MEMBERS) == published
    assert list(warehouse.versions(MEMBERS)) == [published]
    assert "members" in published.relation


def test_values_come_back_as_they_were_accepted(warehouse: Warehouse, tmp_path: Path) -> None:
    cells = "'0012', 'O''Neill \"Peg\"\nLane', null::text, 5, true, date '1998-05-24', 25.5::float8"
    rows = accepted_rows(tmp_path, f"select * from (values ({cells})) t(xid, a, b, c, d, e, f)")
    warehouse.publish(MEMBERS, FIELD_MAP, rows, number=1, job_id=new_job_id(), now=NOW)
    names, found = warehouse.query("iqu", "qa", "select * from members")
    assert names == ["xid", "a", "b", "c", "d", "e", "f"]
    assert found == warehouse.query("iqu", "qa", f"select {cells}")[1]


def test_publishing_again_changes_nothing(warehouse: Warehouse, publish: Publish) -> None:
    first = publish(1, job_id=JobId("first"))
    again = publish(1, job_id=JobId("first"))
    assert again == first == warehouse.live(MEMBERS)
    assert list(warehouse.versions(MEMBERS)) == [first]


@pytest.mark.parametrize("live", [1, 2, 3], ids=["older", "taken", "newer"])
def test_a_version_is_never_replaced_by_one_of_another_load_with_its_number(
    warehouse: Warehouse, publish: Publish, live: int
) -> None:
    """A ledger that was restored from a backup gives numbers again."""
    versions = [publish(number) for number in (1, 2, 3)]
    warehouse.make_live(MEMBERS, live, NOW)
    with pytest.raises(VersionNumberTaken, match="Version 2 of iqu/qa/members"):
        publish(2, job_id=JobId("another"))
    assert list(warehouse.versions(MEMBERS)) == versions[::-1]
    assert warehouse.live(MEMBERS) == versions[live - 1]
    assert seen(warehouse) == [(live, 10 + live)]


def test_targets_and_the_highest_number_are_those_of_all_customers(
    warehouse: Warehouse, publish: Publish
) -> None:
    assert warehouse.targets() == []
    assert warehouse.highest_number() == 0
    other = Target("a-b", Environment.PRODUCTION, "degrees")
    publish(7)
    publish(5, other)
    warehouse.revoke(other, number=9, attempt=2)
    assert warehouse.targets() == [other, MEMBERS]
    assert warehouse.highest_number() == warehouse.highest_number(other) == 9
    assert warehouse.highest_number(MEMBERS) == 7
    assert warehouse.highest_number(Target("iqu", Environment.QA, "none")) == 0


def test_the_pointer_never_moves_back(warehouse: Warehouse, publish: Publish) -> None:
    newest = publish(5)
    assert publish(4) == newest
    assert warehouse.live(MEMBERS) == newest
    assert seen(warehouse) == [(5, 15)]


def test_a_version_with_other_rows_than_announced_is_not_published(
    warehouse: Warehouse, publish: Publish, tmp_path: Path
) -> None:
    before = publish(1)
    short = accepted_rows(tmp_path, "select 'a' as xid, 9::bigint as batch", rows=2)
    with pytest.raises(IncompleteVersion, match="1 rows where 2 were accepted"):
        warehouse.publish(MEMBERS, FIELD_MAP, short, number=2, job_id=new_job_id(), now=NOW)
    assert warehouse.live(MEMBERS) == before
    assert seen(warehouse) == [(1, 11)]
    assert publish(2).number == 2


def test_as_many_versions_are_retained_as_configured(
    warehouse: Warehouse, publish: Publish
) -> None:
    for number in range(1, 7):
        publish(number)
    assert [version.number for version in warehouse.versions(MEMBERS)] == [6, 5, 4]


def test_an_older_version_can_be_made_live_and_the_newer_again(
    warehouse: Warehouse, publish: Publish
) -> None:
    publish(1)
    publish(2)
    assert warehouse.make_live(MEMBERS, 1, NOW) == warehouse.live(MEMBERS)
    assert seen(warehouse) == [(1, 11)]
    warehouse.make_live(MEMBERS, 2, NOW)
    assert seen(warehouse) == [(2, 12)]


def test_the_next_load_is_published_after_a_roll_back(
    warehouse: Warehouse, publish: Publish
) -> None:
    publish(1)
    publish(2)
    warehouse.make_live(MEMBERS, 1, NOW)
    publish(3)
    assert seen(warehouse) == [(3, 13)]


def test_the_live_version_is_retained_however_old(warehouse: Warehouse, publish: Publish) -> None:
    for number in range(1, 4):
        publish(number)
    warehouse.make_live(MEMBERS, 1, NOW + timedelta(days=9))
    assert [version.number for version in warehouse.versions(MEMBERS)] == [3, 2, 1]
    assert seen(warehouse) == [(1, 11)]


@pytest.mark.parametrize("number", [-1, 0, 4, 99])
def test_a_version_that_is_not_retained_cannot_be_made_live(
    warehouse: Warehouse, publish: Publish, number: int
) -> None:
    publish(1)
    with pytest.raises(UnknownVersion, match="Stored versions: 1"):
        warehouse.make_live(MEMBERS, number, NOW)
    assert seen(warehouse) == [(1, 11)]


def test_a_target_without_versions_has_none_to_make_live(warehouse: Warehouse) -> None:
    with pytest.raises(UnknownVersion, match="Stored versions: none"):
        warehouse.make_live(MEMBERS, 1, NOW)


def test_columns_may_come_go_and_change_their_type(warehouse: Warehouse, tmp_path: Path) -> None:
    shapes = {
        1: "select '1' as xid, 1 as batch",
        2: "select '1' as xid, 'one' as batch, true as new",
        3: "select true as new, '1' as xid",
    }
    for number, query in shapes.items():
        rows = accepted_rows(tmp_path, query)
        warehouse.publish(MEMBERS, FIELD_MAP, rows, number=number, job_id=new_job_id(), now=NOW)
        names, _ = warehouse.query("iqu", "qa", "select * from members")
        assert tuple(names) == rows.columns


def test_feeds_of_an_environment_are_tables_side_by_side(
    warehouse: Warehouse, publish: Publish
) -> None:
    publish(1)
    publish(2, Target("iqu", Environment.QA, "member-degrees"))
    sql = "select m.batch, d.batch from members m join member_degrees d using (xid) limit 1"
    assert warehouse.query("iqu", "qa", sql)[1] == [(1, 2)]


def test_environments_and_customers_are_apart(warehouse: Warehouse, publish: Publish) -> None:
    targets = [
        MEMBERS,
        Target("iqu", Environment.PRODUCTION, "members"),
        Target("iqu-2", Environment.QA, "members"),
    ]
    for number, target in enumerate(targets, start=1):
        publish(number, target)
    assert [seen(warehouse, other) for other in targets] == [[(1, 11)], [(2, 12)], [(3, 13)]]
    with pytest.raises(UnusableQuery, match="Tables: _versions, members"):
        warehouse.query("iqu", "qa", "select * from iqu_2.members")


@pytest.mark.parametrize(
    ("customer", "environment"),
    [("nobody", "qa"), ("iqu", "production"), ("iqu", "staging"), ("..", "qa"), ("iqu/qa", "qa")],
)
def test_a_query_where_nothing_was_published_says_so(
    warehouse: Warehouse, publish: Publish, customer: str, environment: str
) -> None:
    publish(1)
    with pytest.raises(NothingPublished):
        warehouse.query(customer, environment, "select 1")


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "selct",
        "select * from nowhere",
        "select nothing from members",
        "select 1; select 2",
        "create table mine as select 1",
        "insert into members values ('a', 1)",
        "delete from members",
        "drop view members",
        "with gone as (select 1) insert into members select 'a', 1",
        "select ('x' || xid)::integer from members",
        "select 'a\udcff' from members",
    ],
)
def test_a_query_that_is_no_readable_select_is_refused(
    warehouse: Warehouse, publish: Publish, sql: str
) -> None:
    publish(1)
    with pytest.raises(UnusableQuery, match="members"):
        warehouse.query("iqu", "qa", sql)
    assert seen(warehouse) == [(1, 11)]


def test_a_failing_query_shows_no_cell_values(warehouse: Warehouse, publish: Publish) -> None:
    publish(1)
    with pytest.raises(UnusableQuery) as refused:
        warehouse.query("iqu", "qa", "select ('secret' || xid)::integer from members")
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_query_answers_no_more_rows_than_asked_for(
    warehouse: Warehouse, publish: Publish
) -> None:
    publish(1)
    assert len(warehouse.query("iqu", "qa", "select * from members", limit=3)[1]) == 3


def test_live_rows_are_exported_with_the_requested_columns(
    warehouse: Warehouse, publish: Publish, tmp_path: Path
) -> None:
    """A column that is not there is left out; where nothing has to be copied, there may be more."""
    publish(1)
    for index, (asked, missing) in enumerate(
        [(["xid"], []), (["xid", "no"], ["no"]), (["no"], ["no"])]
    ):
        folder = tmp_path / str(index)
        folder.mkdir()
        live = warehouse.live_rows(MEMBERS, folder, asked)
        assert live
        with duckdb.connect(live.database, read_only=True) as connection:
            found = connection.table(live.table)
            assert found.shape[0] == 11
            assert not set(found.columns) & set(missing)
            assert set(asked) - set(missing) <= set(found.columns)
            if isinstance(warehouse, PostgresWarehouse):
                assert len(found.columns) == 1


def test_the_longest_row_that_a_file_may_have_is_exported_unchanged(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    values = f"('1', repeat('\"', {MAX_ROW_BYTES})), ('2', 'short')"
    rows = accepted_rows(tmp_path, f"select * from (values {values}) t(xid, a)")
    warehouse.publish(MEMBERS, FIELD_MAP, rows, number=1, job_id=new_job_id(), now=NOW)
    live = warehouse.live_rows(MEMBERS, tmp_path)
    assert live
    with duckdb.connect(live.database, read_only=True) as connection:
        found = connection.table(live.table).order("xid").fetchall()
    assert found == [("1", '"' * MAX_ROW_BYTES), ("2", "short")]
