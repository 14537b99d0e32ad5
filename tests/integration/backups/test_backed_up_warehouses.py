"""The versions of both engines, through a backup into an empty warehouse."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from alumniq_pipelines.adapters.backup_file import PART_BYTES, create_backup, open_backup
from alumniq_pipelines.adapters.warehouse.duckdb.backup import DuckDBBackup
from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.adapters.warehouse.postgres.backup import PostgresBackup
from alumniq_pipelines.adapters.warehouse.postgres.numbers import conninfo_of
from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.backup import BackupEntry, WarehouseBackup
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Version
from tests.accepted_rows import accepted_rows, batch, small_field_map
from tests.odd_texts import STRINGS
from tests.servers.postgres import PostgresServer

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
MEMBERS = Target("iqu", Environment.QA, "members")
OTHERS = Target("a-b", Environment.PRODUCTION, "other-members")
KEPT = 3

MakeWarehouse = Callable[[str], DuckDBWarehouse | PostgresWarehouse]


@pytest.fixture(params=["duckdb", "postgres"])
def make_warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeWarehouse]:
    """Return what makes empty warehouses of an engine."""
    with ExitStack() as stack:

        def make(name: str) -> DuckDBWarehouse | PostgresWarehouse:
            if request.param == "duckdb":
                return DuckDBWarehouse(tmp_path / name, versions_kept=KEPT)
            server: PostgresServer = request.getfixturevalue("postgres_server")
            database = server.create()
            stack.callback(server.drop, database)
            return PostgresWarehouse(server.url(database), versions_kept=KEPT)

        yield make


def backup_of(warehouse: DuckDBWarehouse | PostgresWarehouse) -> WarehouseBackup:
    """Return what backs a warehouse up."""
    if isinstance(warehouse, DuckDBWarehouse):
        return DuckDBBackup(warehouse)
    return PostgresBackup(warehouse)


def moved(
    source: DuckDBWarehouse | PostgresWarehouse, make: MakeWarehouse, file: Path
) -> tuple[DuckDBWarehouse | PostgresWarehouse, Sequence[Version]]:
    """Restore a backup of a warehouse into another one; return the versions that it reported."""
    with create_backup(file, lambda _: None, force=False) as into:
        found = list(backup_of(source).back_up(into))
    restored = make("restored")
    with open_backup(file, lambda _: None) as opened:
        backup_of(restored).restore(opened.entries())
    return restored, found


def publish(
    warehouse: DuckDBWarehouse | PostgresWarehouse,
    scratch: Path,
    number: int,
    *,
    target: Target = MEMBERS,
    count: int = 10,
    now: datetime = NOW,
) -> None:
    """Publish a version whose rows all have its number."""
    warehouse.publish(
        target,
        small_field_map(target.feed),
        batch(scratch, number, count=count),
        number=number,
        job_id=JobId(f"job-{number}"),
        now=now,
    )


def other_field_map() -> FieldMap:
    """Return a field map with a text instead of a number."""
    values = small_field_map("members").model_dump(by_alias=True, exclude_unset=True)
    fields = [{"name": "xid"}, {"name": "motto"}]
    return FieldMap.model_validate({**values, "schema": {**values["schema"], "fields": fields}})


def test_versions_pointers_and_rows_are_the_same_where_they_are_restored(
    make_warehouse: MakeWarehouse, tmp_path: Path
) -> None:
    source = make_warehouse("source")
    for number in range(1, 6):
        publish(source, tmp_path, number, now=NOW + timedelta(minutes=number))
    source.publish(
        OTHERS,
        small_field_map("other-members"),
        batch(tmp_path, 6),
        number=6,
        job_id=JobId("job-6"),
        now=NOW,
    )
    source.make_live(MEMBERS, 4, NOW)
    restored, reported = moved(source, make_warehouse, tmp_path / "a.backup")

    for target in (MEMBERS, OTHERS):
        assert list(restored.versions(target)) == list(source.versions(target))
        assert restored.live(target) == source.live(target)
    assert {version.number for version in reported} == {3, 4, 5, 6}
    assert list(restored.targets()) == list(source.targets())
    question = "select xid, batch from members order by xid"
    assert restored.query("iqu", "qa", question) == source.query("iqu", "qa", question)
    overview = "select feed, number, job_id, published_at from _versions"
    assert restored.query("iqu", "qa", overview) == source.query("iqu", "qa", overview)


def test_a_version_that_was_live_after_a_rollback_is_live_where_fewer_are_kept(
    make_warehouse: MakeWarehouse, tmp_path: Path
) -> None:
    source = make_warehouse("source")
    for number in range(1, KEPT + 1):
        publish(source, tmp_path, number)
    source.make_live(MEMBERS, 1, NOW)
    restored, _ = moved(
        source, lambda name: replace(make_warehouse(name), versions_kept=1), tmp_path / "a.backup"
    )
    live = restored.live(MEMBERS)
    assert live
    assert live.number == 1


def test_a_restored_table_takes_the_next_version_and_goes_back_to_any_of_the_old(
    make_warehouse: MakeWarehouse, tmp_path: Path
) -> None:
    source = make_warehouse("source")
    for number in (1, 2):
        publish(source, tmp_path, number)
    restored, _ = moved(source, make_warehouse, tmp_path / "a.backup")
    publish(restored, tmp_path, 3)
    count = "select count(*) from members"
    assert list(map(tuple, restored.query("iqu", "qa", count)[1])) == [(13,)]
    restored.make_live(MEMBERS, 1, NOW)
    assert list(map(tuple, restored.query("iqu", "qa", count)[1])) == [(11,)]


def test_odd_texts_blanks_and_other_columns_of_old_versions_stay_as_they_were(
    make_warehouse: MakeWarehouse, tmp_path: Path
) -> None:
    source = make_warehouse("source")
    texts = [*STRINGS, "\t", "\\", "\\N", "\\.", "\r\n", "\1", "NULL", "'", "\N{PILE OF POO}"]
    rows = ", ".join(f"('{index}', {literal(text)})" for index, text in enumerate([*texts, None]))
    query = f"select xid, motto from (values {rows}) t(xid, motto)"
    source.publish(
        MEMBERS,
        small_field_map("members"),
        batch(tmp_path, 1, count=3),
        number=1,
        job_id=JobId("job-1"),
        now=NOW,
    )
    source.publish(
        MEMBERS,
        other_field_map(),
        accepted_rows(tmp_path, query),
        number=2,
        job_id=JobId("job-2"),
        now=NOW,
    )
    restored, _ = moved(source, make_warehouse, tmp_path / "a.backup")
    question = "select xid, motto from members order by xid"
    found = restored.query("iqu", "qa", question)
    assert found == source.query("iqu", "qa", question)
    assert {row[1] for row in found[1]} == {*texts, None}
    restored.make_live(MEMBERS, 1, NOW)
    assert len(restored.query("iqu", "qa", "select batch from members")[1]) == 4


def literal(text: str | None) -> str:
    """Return a text as DuckDB has it."""
    return "null" if text is None else "'" + text.replace("'", "''") + "'"


def test_rows_and_gaps_of_several_parts_stay_in_the_order_of_the_file(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    names = [postgres_server.create() for _ in range(2)]
    source, restored = (PostgresWarehouse(postgres_server.url(name)) for name in names)
    query = "select i::varchar || repeat('x', 400) as xid, -i as batch from range(50_000) t(i)"
    source.publish(
        MEMBERS,
        small_field_map("members"),
        accepted_rows(tmp_path, query),
        number=1,
        job_id=JobId("job-1"),
        now=NOW,
    )
    with psycopg.connect(conninfo_of(source.url), autocommit=True) as connection:
        connection.execute(
            "insert into iqu_qa_versions._gaps values ('members', 1, 7, 2), ('members', 1, 9, 4)"
        )
    file = tmp_path / "a.backup"
    with create_backup(file, lambda _: None, force=False) as into:
        list(backup_of(source).back_up(into))
        parts = [member.size for member in into.members.values()]
    assert len([size for size in parts if size >= PART_BYTES]) >= 2
    assert max(parts) < 2 * PART_BYTES
    with open_backup(file, lambda _: None) as opened:
        backup_of(restored).restore(opened.entries())
    questions = (
        "select batch from iqu_qa_versions.members__v1 order by ctid",
        "select * from iqu_qa_versions._gaps",
        "select shape from iqu_qa_versions._facts",
        "select shape, number from iqu_qa_versions._live",
    )
    found = []
    for warehouse in (source, restored):
        with psycopg.connect(conninfo_of(warehouse.url)) as connection:
            found.append([connection.execute(question).fetchall() for question in questions])
    assert found[0] == found[1]
    for name in names:
        postgres_server.drop(name)


def test_a_version_that_is_dropped_while_its_environment_is_read_fails_no_backup(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """Readers hold a lock: what is being read stays, and is dropped after a later publication."""
    name = postgres_server.create()
    source = PostgresWarehouse(postgres_server.url(name), versions_kept=1)

    def publish_next(number: int) -> None:
        publish(source, tmp_path, number, now=NOW + timedelta(days=number))

    publish_next(1)
    with create_backup(tmp_path / "a.backup", lambda _: None, force=False) as into:
        written = backup_of(source).back_up(into)
        assert next(written).number == 1
        publish_next(2)
        publish_next(3)
        assert list(written) == []
    assert [version.number for version in source.versions(MEMBERS)] == [3]
    postgres_server.drop(name)


def entries_of(file: Path) -> Iterator[BackupEntry]:
    """Yield the entries of a backup."""
    with open_backup(file, lambda _: None) as opened:
        yield from opened.entries()


def test_a_version_file_that_is_deleted_while_it_is_copied_is_copied_to_its_end(
    tmp_path: Path,
) -> None:
    source = DuckDBWarehouse(tmp_path / "source", versions_kept=KEPT)
    for number in (1, 2):
        publish(source, tmp_path, number)
    file = tmp_path / "a.backup"
    with create_backup(file, lambda _: None, force=False) as into:
        written = DuckDBBackup(source).back_up(into)
        assert next(written).number == 2
        source.files(MEMBERS).retire(1)
        assert [version.number for version in written] == [1]
    restored = DuckDBWarehouse(tmp_path / "restored", versions_kept=KEPT)
    DuckDBBackup(restored).restore(entries_of(file))
    assert [version.number for version in restored.versions(MEMBERS)] == [2, 1]
