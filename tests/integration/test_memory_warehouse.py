"""The warehouse in memory keeps the promises of the real ones, as far as it has any rows."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Version, Warehouse
from alumniq_pipelines.core.problems.command import UnknownVersion
from alumniq_pipelines.core.problems.run import AttemptOver
from tests.accepted_rows import batch, small_field_map
from tests.memory_warehouse import MemoryWarehouse

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
MEMBERS = Target("iqu", Environment.QA, "members")

Publish = Callable[..., Version]


@pytest.fixture(params=["memory", "duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    if request.param == "memory":
        return MemoryWarehouse()
    if request.param == "duckdb":
        return DuckDBWarehouse(tmp_path / "warehouse")
    return PostgresWarehouse(request.getfixturevalue("postgres_url"))


@pytest.fixture
def publish(warehouse: Warehouse, tmp_path: Path) -> Publish:
    def publish(number: int, attempt: int = 1, claim: Callable[[], None] = lambda: None) -> Version:
        return warehouse.publish(
            MEMBERS,
            small_field_map("members"),
            batch(tmp_path, number, count=3),
            number=number,
            job_id=JobId(f"job-{number}"),
            now=NOW,
            attempt=attempt,
            before_pointer_moves=claim,
        )

    return publish


def live_number(warehouse: Warehouse) -> int | None:
    live = warehouse.live(MEMBERS)
    return live.number if live else None


def stored_numbers(warehouse: Warehouse) -> list[int]:
    return [version.number for version in warehouse.versions(MEMBERS)]


def test_the_pointer_never_moves_back_by_publishing(warehouse: Warehouse, publish: Publish) -> None:
    assert (live_number(warehouse), stored_numbers(warehouse)) == (None, [])
    for number in (2, 5):
        assert publish(number).number == number
    assert publish(3).number == 5
    assert (live_number(warehouse), stored_numbers(warehouse)) == (5, [5, 2])


def test_a_rollback_moves_it_and_the_next_version_goes_live_from_there(
    warehouse: Warehouse, publish: Publish
) -> None:
    for number in (2, 5):
        publish(number)
    assert warehouse.make_live(MEMBERS, 2, NOW).number == 2
    publish(3)
    assert (live_number(warehouse), stored_numbers(warehouse)) == (3, [5, 3, 2])
    with pytest.raises(UnknownVersion):
        warehouse.make_live(MEMBERS, 4, NOW)


def test_a_publication_is_claimed_only_if_the_pointer_will_move(publish: Publish) -> None:
    claims: list[int] = []
    for number in (2, 2, 1):
        publish(number, claim=lambda number=number: claims.append(number))
    assert claims == [2]


def test_what_was_revoked_is_never_published_and_leaves_nothing(
    warehouse: Warehouse, publish: Publish
) -> None:
    publish(2)
    warehouse.revoke(MEMBERS, number=3, attempt=1)
    with pytest.raises(AttemptOver):
        publish(3)
    with pytest.raises(AttemptOver):
        publish(4, claim=lambda: warehouse.revoke(MEMBERS, number=4, attempt=1))
    assert (live_number(warehouse), stored_numbers(warehouse)) == (2, [2])
    assert publish(3, attempt=2).number == 3


def test_revoking_what_is_live_changes_nothing(warehouse: Warehouse, publish: Publish) -> None:
    publish(2)
    for _ in range(2):
        warehouse.revoke(MEMBERS, number=2, attempt=1)
    assert (live_number(warehouse), stored_numbers(warehouse)) == (2, [2])
