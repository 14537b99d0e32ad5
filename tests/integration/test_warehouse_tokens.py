"""What every warehouse promises of fencing tokens: what was revoked is never published."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Version, Warehouse
from alumniq_pipelines.core.problems.command import NothingPublished
from alumniq_pipelines.core.problems.run import AttemptOver
from tests.paused_publishers import (
    Publishers,
    open_warehouse,
    publish,
    publishers,
    token_seen,
)

MEMBERS = Target("iqu", Environment.QA, "members")
JOB = "job-2"
NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Given:
    """A warehouse, and publishers to it in this process and in others."""

    warehouse: Warehouse
    publishers: Publishers
    scratch: Path

    def publish(self, number: int, attempt: int = 1) -> Version:
        """Publish in this process."""
        return publish(self.warehouse, self.scratch, MEMBERS, number, attempt)

    def versions(self) -> list[int]:
        """Return the numbers of the stored versions."""
        return [version.number for version in self.warehouse.versions(MEMBERS)]

    def live(self) -> tuple[int, int] | None:
        """Return the token whose rows are live, which all kinds of readers agree on."""
        version = self.warehouse.live(MEMBERS)
        if version is None:
            with pytest.raises(NothingPublished):
                token_seen(self.warehouse, MEMBERS)
            return None
        seen = token_seen(self.warehouse, MEMBERS)
        assert seen[0] == version.number
        return seen


@pytest.fixture(params=["duckdb", "postgres"])
def given(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Given]:
    location = str(tmp_path / "warehouse")
    if request.param == "postgres":
        location = request.getfixturevalue("postgres_url")
    with publishers(location) as started:
        yield Given(open_warehouse(location, lock_seconds=10), started, tmp_path)


class Claim:
    """A claim in the ledger: what was live when it was made, and how often; it may be refused."""

    def __init__(self, given: Given, *, is_refused: bool = False) -> None:
        """Take the warehouse to look at."""
        self.given, self.is_refused = given, is_refused
        self.found: list[object] = []

    def __call__(self) -> None:
        """Claim."""
        self.found.append((self.given.live(), self.given.versions()))
        if self.is_refused:
            raise AttemptOver(JOB)


def test_a_publication_is_claimed_once_before_anything_is_visible(given: Given) -> None:
    given.publish(1)
    claim = Claim(given)
    publish(given.warehouse, given.scratch, MEMBERS, 2, claim=claim)
    assert claim.found == [((1, 1), [1])]
    assert given.live() == (2, 1)


@pytest.mark.parametrize("number", [1, 2])
def test_nothing_is_claimed_where_the_pointer_will_not_move(given: Given, number: int) -> None:
    given.publish(2)
    claim = Claim(given)
    publish(given.warehouse, given.scratch, MEMBERS, number, claim=claim)
    assert claim.found == []


def test_a_refused_claim_ends_the_publication_without_a_trace(given: Given) -> None:
    given.publish(1)
    with pytest.raises(AttemptOver):
        publish(given.warehouse, given.scratch, MEMBERS, 2, claim=Claim(given, is_refused=True))
    assert (given.live(), given.versions()) == ((1, 1), [1])
    given.publish(2, 2)
    assert (given.live(), given.versions()) == ((2, 2), [2, 1])


def test_a_publisher_that_dies_after_its_claim_has_published_nothing(given: Given) -> None:
    given.publish(1)
    killed = given.publishers.start(MEMBERS, 2, moment="claim", kill=True)
    assert killed.wait() == "killed"
    assert (given.live(), given.versions()) == ((1, 1), [1])
    given.publish(2, 2)
    assert (given.live(), given.versions()) == ((2, 2), [2, 1])


def test_a_paused_publisher_that_was_revoked_publishes_nothing_when_it_wakes_up(
    given: Given,
) -> None:
    given.publish(1)
    paused = given.publishers.start(MEMBERS, 2, moment="claim")
    assert paused.wait() is None
    started = time.monotonic()
    given.warehouse.revoke(MEMBERS, number=2, attempt=1)
    assert time.monotonic() - started < 5
    assert paused.wake() == "over"
    assert (given.live(), given.versions()) == ((1, 1), [1])


def test_the_next_attempt_publishes_while_a_revoked_one_is_still_paused(given: Given) -> None:
    given.publish(1)
    paused = given.publishers.start(MEMBERS, 2, moment="claim")
    assert paused.wait() is None
    given.warehouse.revoke(MEMBERS, number=2, attempt=1)
    given.publish(2, 2)
    assert given.live() == (2, 2)
    assert paused.wake() == "over"
    assert (given.live(), given.versions()) == ((2, 2), [2, 1])


def test_a_publisher_that_was_only_paused_publishes_when_it_wakes_up(given: Given) -> None:
    given.publish(1)
    paused = given.publishers.start(MEMBERS, 2, moment="claim")
    assert paused.wait() is None
    assert given.live() == (1, 1)
    assert paused.wake() == "published"
    assert (given.live(), given.versions()) == ((2, 1), [2, 1])


def test_an_attempt_that_was_revoked_before_it_publishes_finds_itself_over(given: Given) -> None:
    paused = given.publishers.start(MEMBERS, 1, moment="start")
    assert paused.wait() is None
    given.warehouse.revoke(MEMBERS, number=1, attempt=1)
    assert (given.live(), given.versions()) == (None, [])
    assert paused.wake() == "over"
    assert (given.live(), given.versions()) == (None, [])
    with pytest.raises(AttemptOver):
        given.publish(1)
    given.publish(1, 2)
    assert (given.live(), given.versions()) == ((1, 2), [1])


def test_revoking_after_the_pointer_has_moved_changes_nothing(given: Given) -> None:
    given.publish(1)
    given.publish(2)
    for number in (1, 2, 2):
        given.warehouse.revoke(MEMBERS, number=number, attempt=1)
    assert (given.live(), given.versions()) == ((2, 1), [2, 1])
    given.publish(3)
    assert (given.live(), given.versions()) == ((3, 1), [3, 2, 1])


def test_a_late_attempt_replaces_no_version_that_staff_have_rolled_back(given: Given) -> None:
    given.publish(1)
    late = given.publishers.start(MEMBERS, 2, moment="start")
    assert late.wait() is None
    given.publish(2, 2)
    given.warehouse.make_live(MEMBERS, 1, NOW)
    given.warehouse.revoke(MEMBERS, number=2, attempt=1)
    assert late.wake() == "over"
    assert (given.live(), given.versions()) == ((1, 1), [2, 1])
    given.warehouse.make_live(MEMBERS, 2, NOW)
    assert given.live() == (2, 2)


def test_a_late_attempt_whose_claim_is_refused_replaces_no_version(given: Given) -> None:
    given.publish(1)
    given.publish(2, 2)
    given.warehouse.make_live(MEMBERS, 1, NOW)
    with pytest.raises(AttemptOver):
        publish(given.warehouse, given.scratch, MEMBERS, 2, claim=Claim(given, is_refused=True))
    given.warehouse.make_live(MEMBERS, 2, NOW)
    assert given.live() == (2, 2)


def test_a_revocation_outlives_later_versions_that_can_be_rolled_back(given: Given) -> None:
    given.publish(1)
    late = given.publishers.start(MEMBERS, 2, moment="start")
    assert late.wait() is None
    given.warehouse.revoke(MEMBERS, number=2, attempt=1)
    given.publish(3)
    given.warehouse.make_live(MEMBERS, 1, NOW)
    assert late.wake() == "over"
    assert (given.live(), given.versions()) == ((1, 1), [3, 1])
