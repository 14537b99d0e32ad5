"""Any order in which attempts begin, are paused, killed, revoked and wake up late."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Warehouse
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable
from tests.paused_publishers import (
    Moment,
    Publisher,
    Publishers,
    open_warehouse,
    publish,
    publishers,
    token_seen,
)

Token = tuple[int, int]
"""The number of a load, and the attempt at it."""

WHICH = st.integers(0, 9)
MOMENTS: st.SearchStrategy[Moment | None] = st.one_of(
    st.sampled_from(["start", "claim", None]), st.integers(0, 40)
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("attempt"), MOMENTS),
        st.tuples(st.just("load"), MOMENTS),
        st.tuples(st.sampled_from(["revoke", "wake", "kill"]), WHICH),
    ),
    min_size=3,
    max_size=10,
)
SETTINGS = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
CUSTOMERS = count()


@dataclass
class Model:
    """What happened to one target, and what must be true of it."""

    warehouse: Warehouse
    started: Publishers
    target: Target
    number: int = 1
    attempt: int = 0
    paused: dict[Token, Publisher] = field(default_factory=dict)
    revoked: set[Token] = field(default_factory=set)
    lived: dict[int, Token] = field(default_factory=dict)
    """The token by which each version was published that was ever live."""

    def begin(self, moment: Moment | None) -> None:
        """Begin the next attempt at the load; it runs until its moment, or to its end."""
        self.attempt += 1
        token = self.number, self.attempt
        publisher = self.started.start(self.target, *token, moment=moment)
        if publisher.wait() is None:
            self.paused[token] = publisher
        self.look(token)

    def begin_load(self, moment: Moment | None) -> None:
        """Begin the first attempt at the next load."""
        self.number, self.attempt = self.number + 1, 0
        self.begin(moment)

    def revoke(self, which: int) -> None:
        """Revoke an attempt that has begun."""
        tokens = [(self.number, attempt) for attempt in range(1, self.attempt + 1)]
        if not (known := sorted({*self.paused, *tokens})):
            return
        token = known[which % len(known)]
        self.revoked.add(token)
        try:
            self.warehouse.revoke(self.target, number=token[0], attempt=token[1])
        except WarehouseUnavailable:
            # Also of another attempt at the load, which went live and is paused before the catalog.
            assert token[0] in self.lived, "only the catalog may have to wait"
        self.look(None)

    def wake(self, which: int) -> None:
        """Let a paused attempt go on to its end."""
        if self.paused:
            token = sorted(self.paused)[which % len(self.paused)]
            ending = self.paused.pop(token).wake()
            if token in self.revoked and token not in self.lived.values():
                assert ending in {"over", "unavailable"}
            self.look(token)

    def kill(self, which: int) -> None:
        """Kill a paused attempt."""
        if self.paused:
            self.paused.pop(sorted(self.paused)[which % len(self.paused)]).kill()
            self.look(None)

    def look(self, running: Token | None) -> None:
        """Check what is live and stored, now that only this attempt was running."""
        found = token_live(self.warehouse, self.target)
        before = self.lived.get(max(self.lived, default=0))
        if found != before:
            assert found is not None
            assert found == running, "only who runs moves the pointer"
            assert found not in self.revoked
            assert before is None or found[0] > before[0], "the pointer never moves back"
            self.lived[found[0]] = found
        versions = [version.number for version in self.warehouse.versions(self.target)]
        assert versions == sorted(self.lived, reverse=True)

    def finish(self, scratch: Path) -> None:
        """Kill and revoke what is left, as reconciliation would, and publish another load."""
        while self.paused:
            self.kill(0)
        for attempt in range(1, self.attempt + 1):
            self.warehouse.revoke(self.target, number=self.number, attempt=attempt)
        self.look(None)
        if self.number in self.lived:
            assert token_seen(self.warehouse, self.target) == self.lived[self.number]
        publish(self.warehouse, scratch, self.target, self.number + 1)
        assert token_seen(self.warehouse, self.target) == (self.number + 1, 1)


def token_live(warehouse: Warehouse, target: Target) -> Token | None:
    """Return the token of the live rows, whatever the catalog shows."""
    with TemporaryDirectory() as scratch:
        live = warehouse.live_rows(target, Path(scratch))
        if live is None:
            return None
        with duckdb.connect(live.database, read_only=True) as connection:
            rows = connection.execute(f"select distinct number, attempt from {live.table}")
            [(number, attempt)] = rows.fetchall()
    assert number == live.version.number
    return number, attempt


@pytest.fixture(params=["duckdb", "postgres"])
def started(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Publishers]:
    location = str(tmp_path / "warehouse")
    if request.param == "postgres":
        location = request.getfixturevalue("postgres_url")
    with publishers(location) as started:
        yield started


@SETTINGS
@given(steps=STEPS)
def test_no_order_of_events_publishes_what_was_revoked_or_moves_the_pointer_back(
    started: Publishers, tmp_path: Path, steps: list[tuple[str, Moment | None]]
) -> None:
    target = Target(f"c{next(CUSTOMERS)}", Environment.QA, "members")
    warehouse = open_warehouse(started.location, lock_seconds=0.5)
    model = Model(warehouse, started, target)
    for name, argument in steps:
        match name, argument:
            case "attempt", moment:
                model.begin(moment)
            case "load", moment:
                model.begin_load(moment)
            case "revoke", int(which):
                model.revoke(which)
            case "wake", int(which):
                model.wake(which)
            case "kill", int(which):
                model.kill(which)
    model.finish(tmp_path)
