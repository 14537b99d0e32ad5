"""What a warehouse of files adds to the contract: concurrent readers, crashes, leftovers."""

import errno
import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from alumniq_pipelines.adapters.warehouse import folders
from alumniq_pipelines.adapters.warehouse.duckdb import catalog_file
from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.core.problems.command import UnusableQuery
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable
from tests.accepted_rows import batch, small_field_map
from tests.warehouse_processes import (
    EVERYTHING_TWICE,
    MEMBERS,
    first_line,
    process,
    publish_next,
    rest,
    whole_version,
)

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "warehouse"
    folder.mkdir()
    return folder


@pytest.fixture
def warehouse(folder: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(folder, versions_kept=2)


@pytest.fixture
def catalog(folder: Path) -> Path:
    return folder / "iqu/qa/catalog.duckdb"


def publish(
    warehouse: DuckDBWarehouse,
    scratch: Path,
    number: int,
    target: Target = MEMBERS,
    now: datetime = NOW,
) -> Version:
    """Publish a batch."""
    return warehouse.publish(
        target,
        small_field_map(target.feed),
        batch(scratch, number, count=10),
        number=number,
        job_id=JobId(f"job-{number}"),
        now=now,
    )


def seen(catalog: Path) -> int:
    """Return the version that a new reader sees."""
    with duckdb.connect(catalog, read_only=True) as connection:
        return whole_version(connection.execute(EVERYTHING_TWICE).fetchall()[0])


def test_readers_see_whole_versions_while_others_are_published(
    warehouse: DuckDBWarehouse, folder: Path, tmp_path: Path
) -> None:
    publish_next(warehouse, tmp_path)
    with process("fresh", str(folder)) as fresh, process("held", str(folder)) as held:
        first_line(fresh)
        opened_at = int(first_line(held))
        last = 0
        for _ in range(12):
            last = publish_next(warehouse, tmp_path)
        versions, held_versions = rest(fresh), rest(held)
    assert versions == sorted(versions)
    assert len(set(versions)) > 3
    assert set(held_versions) == {opened_at}
    assert last == 13


def test_a_killed_publisher_leaves_the_old_version_or_the_new(folder: Path, catalog: Path) -> None:
    moments = random.Random(7)
    live = 0
    for _ in range(20):
        with process("publish", str(folder)) as publisher:
            announced = int(first_line(publisher))
            assert announced == live + 1, "the next publisher goes on from what is live"
            time.sleep(moments.uniform(0, 0.3))
            announced = max([announced, *rest(publisher)])
        version = DuckDBWarehouse(folder).live(MEMBERS)
        assert version is not None
        live = version.number
        assert announced <= live <= announced + 1
        assert announced <= seen(catalog) <= live


def test_the_next_publisher_clears_what_a_killed_one_left(
    warehouse: DuckDBWarehouse, folder: Path, catalog: Path, tmp_path: Path
) -> None:
    publish_next(warehouse, tmp_path)
    feed = folder / "iqu/qa/members"
    (feed / "000000002.part").write_bytes(b"half a file")
    (feed / "000000002.duckdb").write_bytes(b"nothing leads here")
    (feed / "live.link").symlink_to("nowhere")
    (folder / "iqu/qa/.catalogs/new.part").write_bytes(b"half a catalog")
    (folder / "iqu/qa/.catalogs/000000002.duckdb").write_bytes(b"nothing leads here")
    assert publish_next(warehouse, tmp_path) == 2
    assert seen(catalog) == 2
    left = [path.name for path in folder.rglob("*") if path.suffix not in {"", ".duckdb"}]
    assert left == []


def test_a_publication_that_the_disk_refuses_changes_nothing(
    warehouse: DuckDBWarehouse, catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish(warehouse, tmp_path, 1)
    with monkeypatch.context() as patch:
        patch.setattr(catalog_file, "write", full_disk)
        with pytest.raises(WarehouseUnavailable, match="OSError"):
            publish(warehouse, tmp_path, 2)
    assert warehouse.live(MEMBERS) == first
    assert batch_seen(catalog) == 1
    publish(warehouse, tmp_path, 2)
    assert batch_seen(catalog) == 2


def test_a_catalog_that_lags_behind_is_repaired_by_the_same_load_again(
    warehouse: DuckDBWarehouse, catalog: Path, tmp_path: Path
) -> None:
    publish(warehouse, tmp_path, 1)
    lagging = catalog.readlink()
    publish(warehouse, tmp_path, 2)
    catalog.unlink()
    catalog.symlink_to(lagging)
    assert batch_seen(catalog) == 1
    publish(warehouse, tmp_path, 2)
    assert batch_seen(catalog) == 2


def full_disk(*_: object) -> None:
    """Fail as a write to a full disk does."""
    raise OSError(errno.ENOSPC, "No space left on device")


def batch_seen(catalog: Path) -> object:
    """Return the batch that a new reader sees."""
    with duckdb.connect(catalog, read_only=True) as connection:
        return connection.execute("select max(batch) from members").fetchall()[0][0]


def test_publishers_of_several_feeds_lose_no_view_of_one_another(
    warehouse: DuckDBWarehouse, tmp_path: Path
) -> None:
    targets = [Target("iqu", Environment.QA, f"feed-{letter}") for letter in "abcd"]
    with ThreadPoolExecutor(8) as pool:
        jobs = [
            pool.submit(publish, warehouse, tmp_path, number, target)
            for number in (3, 1, 4, 2)
            for target in targets
        ]
        assert all(job.result().number <= 4 for job in jobs)
    _, rows = warehouse.query("iqu", "qa", "select feed, number, rows from _versions")
    assert rows == [(f"feed-{letter}", 4, 14) for letter in "abcd"]


def test_a_connection_held_beyond_the_retained_versions_goes_on_with_the_live_one(
    warehouse: DuckDBWarehouse, folder: Path, catalog: Path, tmp_path: Path
) -> None:
    publish(warehouse, tmp_path, 1)
    with duckdb.connect(catalog, read_only=True) as held:
        for number in range(2, 7):
            publish(warehouse, tmp_path, number, now=NOW + timedelta(days=number))
        assert held.execute("select max(batch), count(*) from members").fetchall() == [(6, 16)]
    feed = folder / "iqu/qa/members"
    assert (feed / "000000001.duckdb").is_symlink()
    assert [version.number for version in warehouse.versions(MEMBERS)] == [6, 5]
    with pytest.raises(Exception, match="no longer stored"):
        warehouse.make_live(MEMBERS, 1, NOW)


def test_superseded_files_go_only_after_a_grace(
    warehouse: DuckDBWarehouse, folder: Path, tmp_path: Path
) -> None:
    for number in range(1, 7):
        publish(warehouse, tmp_path, number, now=NOW + timedelta(minutes=20 * number))
    files = sorted((folder / "iqu/qa/members").glob("0*.duckdb"))
    assert [file.is_symlink() for file in files] == [True, False, False, False, False, False]


def test_names_of_retired_versions_do_not_accumulate(
    warehouse: DuckDBWarehouse, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "MAX_RETIRED_NAMES", 2)
    for number in range(1, 8):
        publish(warehouse, tmp_path, number, now=NOW + timedelta(days=number))
    names = sorted(path.name for path in (folder / "iqu/qa/members").glob("0*.duckdb"))
    assert names == [f"00000000{number}.duckdb" for number in (4, 5, 6, 7)]


def test_a_reader_in_the_same_process_who_comes_later_sees_the_new_version(
    warehouse: DuckDBWarehouse, catalog: Path, tmp_path: Path
) -> None:
    publish(warehouse, tmp_path, 1)
    with duckdb.connect(catalog, read_only=True) as early:
        publish(warehouse, tmp_path, 2)
        with duckdb.connect(catalog, read_only=True) as late:
            seen = [
                connection.execute("from _versions").fetchall()[0][4]
                for connection in (early, late)
            ]
            assert seen == [1, 2]
        assert warehouse.query("iqu", "qa", "select max(batch) from members")[1] == [(2,)]


def test_the_link_to_the_live_version_can_be_read_alone(
    warehouse: DuckDBWarehouse, folder: Path, tmp_path: Path
) -> None:
    live = folder / "iqu/qa/members/live.duckdb"
    with duckdb.connect() as connection:
        for number in (1, 2):
            publish(warehouse, tmp_path, number)
            query = "select max(batch) from read_duckdb(?, table_name = 'members')"
            assert connection.execute(query, [str(live)]).fetchall() == [(number,)]


@pytest.mark.parametrize("name", ["o'neill", "a=b", "a*b", "[a]", 'a "b"', "é~ {1,2}"])
def test_the_warehouse_may_lie_under_any_name(tmp_path: Path, name: str) -> None:
    warehouse = DuckDBWarehouse(tmp_path / name)
    publish(warehouse, tmp_path, 1)
    names, rows = warehouse.query("iqu", "qa", "select * from members limit 1")
    assert (names, len(rows)) == (["xid", "batch"], 1)
    assert batch_seen(tmp_path / name / "iqu/qa/catalog.duckdb") == 1


def test_no_write_ahead_log_is_left_beside_a_file(
    warehouse: DuckDBWarehouse, folder: Path, tmp_path: Path
) -> None:
    for number in (1, 2, 3):
        publish(warehouse, tmp_path, number)
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    assert not any("wal" in name or "part" in name or "tmp" in name for name in names)


def test_a_query_reaches_no_file_outside_its_environment(
    warehouse: DuckDBWarehouse, folder: Path, tmp_path: Path
) -> None:
    publish(warehouse, tmp_path, 1)
    publish(warehouse, tmp_path, 1, Target("other", Environment.QA, "members"))
    foreign = folder / "other/qa/members/live.duckdb"
    for sql in (
        f"from read_duckdb('{foreign}', table_name = 'members')",
        f"from read_duckdb('{folder}/iqu/qa/../../other/qa/members/live.duckdb')",
        f"from glob('{folder}/other/**')",
        "from read_text('/etc/hostname')",
        "from read_csv('/etc/hostname')",
        f"copy members to '{tmp_path}/out.csv'",
        f"attach '{foreign}' as other",
        "set enable_external_access = true",
        "install httpfs",
    ):
        with pytest.raises(UnusableQuery):
            warehouse.query("iqu", "qa", sql)


def test_what_the_disk_refuses_is_an_outage_without_particulars(
    folder: Path, warehouse: DuckDBWarehouse, tmp_path: Path
) -> None:
    (folder / "iqu").write_text("a file where a folder should be")
    with pytest.raises(WarehouseUnavailable) as refused:
        publish(warehouse, tmp_path, 1)
    assert str(folder) not in str(refused.value)
    assert refused.value.__cause__ is None
