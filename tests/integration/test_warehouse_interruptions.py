"""Publishers that are killed or paused before any change of a file, or within their transaction."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.load import JobId, Load, LoadRequest, LoadState
from alumniq_pipelines.core.loads.outcome import CheckRecord
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Warehouse
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable
from alumniq_pipelines.services.publication import find_published_result
from tests.integration.loading.installation import NOW
from tests.paused_publishers import (
    MAX_WAIT_SECONDS,
    ROWS,
    Ending,
    Publisher,
    Publishers,
    open_warehouse,
    publish,
    publishers,
    token_seen,
)

MEMBERS = Target("iqu", Environment.QA, "members")
CHECK = CheckRecord(counts=Counts(ROWS, ROWS, 0))


def is_published(warehouse: Warehouse, target: Target, number: int) -> bool:
    """Whether the next attempt at a load, or its reconciliation, takes it for published."""
    request = LoadRequest(JobId(f"job-{number}"), target, "iqu.csv", etag=None, size_bytes=None)
    load = Load(number, request, LoadState.RUNNING, 1, NOW)
    return find_published_result(load, CHECK, warehouse) is not None


def interrupted(
    started: Publishers, scratch: Path, *, kill: bool, step: int = 1
) -> Iterator[tuple[Warehouse, Target, Publisher, Ending | None]]:
    """Publish version 2 of a target over and over, interrupted some changes of files later each."""
    warehouse = open_warehouse(started.location, lock_seconds=0.2)
    moment, ending = 0, None
    while ending != "published":
        target = Target(f"c{moment}", Environment.QA, "members")
        publish(warehouse, scratch, target, 1)
        publisher = started.start(target, 2, moment=moment, kill=kill)
        ending = publisher.wait()
        yield warehouse, target, publisher, ending
        publisher.kill()
        moment += step
    assert moment > 20, "the changes of files are noticed"


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Publishers]:
    with publishers(str(tmp_path / "warehouse")) as started:
        yield started


def test_a_publisher_killed_before_any_change_of_a_file_published_or_did_not(
    started: Publishers, tmp_path: Path
) -> None:
    for warehouse, target, _, _ in interrupted(started, tmp_path, kill=True):
        live = warehouse.live(target)
        assert live
        versions = [version.number for version in warehouse.versions(target)]
        assert versions == list(range(live.number, 0, -1))
        assert is_published(warehouse, target, 2) == (live.number == 2)
        warehouse.revoke(target, number=2, attempt=1)
        assert token_seen(warehouse, target) == (live.number, 1), "the catalog is complete"
        publish(warehouse, tmp_path, target, 2, 2)
        assert token_seen(warehouse, target) == (2, 1 if live.number == 2 else 2)
        left = [path.name for path in (Path(started.location) / target.customer).rglob(".*.*")]
        assert all(name.endswith(".revoked") for name in left)


def test_a_publisher_paused_before_any_change_of_a_file_can_be_revoked(
    started: Publishers, tmp_path: Path
) -> None:
    endings = set()
    for warehouse, target, publisher, ending in interrupted(started, tmp_path, kill=False):
        before = warehouse.live(target)
        assert before
        is_live = before.number == 2
        try:
            warehouse.revoke(target, number=2, attempt=1)
        except WarehouseUnavailable:
            assert is_live, "only the catalog may have to wait for the paused process"
        if ending is None:
            woken = publisher.wake()
            assert woken == ("published" if is_live else "over")
            endings.add(woken)
        assert warehouse.live(target) == before
        assert is_published(warehouse, target, 2) == is_live
        assert token_seen(warehouse, target) == (before.number, 1)
        warehouse.revoke(target, number=2, attempt=1)
        publish(warehouse, tmp_path, target, 3)
        versions = [version.number for version in warehouse.versions(target)]
        assert versions == ([3, 2, 1] if is_live else [3, 1])
    assert endings == {"published", "over"}


def test_publishing_waits_only_so_long_for_a_paused_process(
    started: Publishers, tmp_path: Path
) -> None:
    waited = 0
    for warehouse, target, publisher, _ in interrupted(started, tmp_path, kill=False, step=6):
        if not publisher.is_paused:
            continue
        try:
            publish(warehouse, tmp_path, target, 3)
        except WarehouseUnavailable:
            waited += 1
            publisher.wake()
            publish(warehouse, tmp_path, target, 3)
        assert token_seen(warehouse, target) == (3, 1)
    assert waited


def test_a_version_that_an_earlier_release_left_half_published_is_replaced(
    started: Publishers, tmp_path: Path
) -> None:
    """That release stored the file of a version, and was killed before it moved the link."""
    warehouse = open_warehouse(started.location)
    publish(warehouse, tmp_path, MEMBERS, 1)
    publish(warehouse, tmp_path, MEMBERS, 2, 1)
    folder = Path(started.location) / "iqu/qa/members"
    (folder / "live.duckdb").unlink()
    (folder / "live.duckdb").symlink_to("000000001.duckdb")
    publish(warehouse, tmp_path, MEMBERS, 2, 2)
    assert token_seen(warehouse, MEMBERS) == (2, 2)


@contextmanager
def slow_pointer(url: str) -> Iterator[None]:
    """Let publishers wait in the statement that moves the pointer, until the block ends."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(
            "create function pause() returns trigger language plpgsql as "
            "'begin perform pg_advisory_xact_lock(7); return new; end';"
            "create trigger pause before update on iqu_qa_versions._live "
            "for each row execute function pause()"
        )
        connection.execute("select pg_advisory_lock(7)")
        yield
        connection.execute("select pg_advisory_unlock(7)")
        connection.execute("drop function pause cascade")


def wait_for_blocked(url: str) -> None:
    """Wait until a publisher waits in that statement."""
    waiting = "select from pg_stat_activity where wait_event = 'advisory' and datname = %s"
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        while connection.execute(waiting, [connection.info.dbname]).fetchone() is None:
            assert time.monotonic() < deadline, "no publisher moves the pointer"


def test_a_transaction_that_is_moving_the_pointer_is_undone_by_a_revocation(
    postgres_url: str, tmp_path: Path
) -> None:
    warehouse = open_warehouse(postgres_url, lock_seconds=0.5)
    publish(warehouse, tmp_path, MEMBERS, 1)
    with publishers(postgres_url) as started, slow_pointer(postgres_url):
        publisher = started.start(MEMBERS, 2)
        wait_for_blocked(postgres_url)
        warehouse.revoke(MEMBERS, number=2, attempt=1)
        assert publisher.wait() == "over"
    assert token_seen(warehouse, MEMBERS) == (1, 1)
    assert not is_published(warehouse, MEMBERS, 2)
    publish(warehouse, tmp_path, MEMBERS, 2, 2)
    assert token_seen(warehouse, MEMBERS) == (2, 2)


@pytest.mark.parametrize("is_revoked", [True, False])
def test_a_database_of_an_earlier_release_gets_its_table_of_tokens(
    postgres_url: str, tmp_path: Path, *, is_revoked: bool
) -> None:
    warehouse = open_warehouse(postgres_url)
    publish(warehouse, tmp_path, MEMBERS, 1)
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("drop table iqu_qa_versions._tokens")
    if is_revoked:
        warehouse.revoke(MEMBERS, number=2, attempt=1)
    publish(warehouse, tmp_path, MEMBERS, 2, 2)
    assert token_seen(warehouse, MEMBERS) == (2, 2)
