"""A simulation of many loads going through the queue, without Dagster, beside a model of the lines.

The ledger chooses; the model checks every choice by the rules of docs/scale.md and the outcome by
the order in each line.
"""

import random
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import Load, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.outcome import AttemptResult, Outcome
from alumniq_pipelines.core.loads.target import Environment, Target

FAILED_LAUNCHES = 0.03
LOST_ATTEMPTS = 0.03
CANCELS = 0.02
ACCEPTED_AT_ONCE = 500
WAIT = timedelta(minutes=1)
TICK = timedelta(seconds=5)


@dataclass(kw_only=True)
class QueueModel:
    """What should be in the queue: the line of each table, and when its first load is due."""

    lines: dict[Target, deque[int]] = field(default_factory=lambda: defaultdict(deque))
    due_at: dict[int, datetime] = field(default_factory=dict)
    outstanding: dict[Target, int] = field(default_factory=dict)
    ended: dict[Target, list[int]] = field(default_factory=lambda: defaultdict(list))

    def ready(self, now: datetime) -> list[Target]:
        """Return the tables of which a load may be requested."""
        return [
            target
            for target, line in self.lines.items()
            if line and target not in self.outstanding and self.due_at.get(line[0], now) <= now
        ]

    def check_requests(self, loads: Sequence[Load], limit: int, now: datetime) -> None:
        """Check that these loads come first, in this order, and that nothing was left out.

        Production comes first, then whose customer has the fewest outstanding loads, then the one
        accepted first.
        """
        ready = self.ready(now)
        assert len(loads) == min(limit - len(self.outstanding), len(ready))
        shares = Counter(target.customer for target in self.outstanding)
        for load in loads:
            target = min(ready, key=partial(self._rank, shares))
            assert (load.target, load.number) == (target, self.lines[target][0])
            ready.remove(target)
            shares[target.customer] += 1
            self.outstanding[target] = load.number

    def _rank(self, shares: Counter[str], target: Target) -> tuple[bool, int, int]:
        is_test = target.environment is not Environment.PRODUCTION
        return is_test, shares[target.customer], self.lines[target][0]

    def end(self, load: Load) -> None:
        """Take an ended load out of its line."""
        self.lines[load.target].remove(load.number)
        if self.outstanding.get(load.target) == load.number:
            del self.outstanding[load.target]
        self.ended[load.target].append(load.number)


@dataclass(kw_only=True)
class QueueSimulation:
    """Loads that are requested, begin, fail, get lost, are canceled and end, at random."""

    ledger: Ledger
    now: datetime
    chance: random.Random
    max_outstanding: int = 12
    model: QueueModel = field(default_factory=QueueModel)
    underway: dict[int, Load] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def accept(self, targets: Iterable[Target], count: int) -> None:
        """Accept this many loads for these tables at random; some get many, some none."""
        choices = list(targets)
        weights = [self.chance.paretovariate(1.2) for _ in choices]
        chosen = self.chance.choices(choices, weights, k=count)
        for customer in sorted({target.customer for target in choices}):
            self.ledger.customers.add(Customer(customer, customer, customer), self.now)
        for first in range(0, count, ACCEPTED_AT_ONCE):
            requests = [
                LoadRequest(new_job_id(), target, f"{target.feed}.csv", None, None)
                for target in chosen[first : first + ACCEPTED_AT_ONCE]
            ]
            for load in self.ledger.loads.accept_all(requests, self.now):
                assert isinstance(load, Load)
                self.model.lines[load.target].append(load.number)

    def run(self) -> None:
        """Go on until nothing is left; every pass is one tick of the sensors."""
        feeds = {target.feed for target in self.model.lines}
        while any(self.model.lines.values()):
            self.now += TICK
            loads = self.ledger.queue.next_loads(feeds, self.max_outstanding, self.now)
            self.model.check_requests(loads, self.max_outstanding, self.now)
            for load in loads:
                self._request(load)
            done = self.chance.randint(1, self.max_outstanding)
            for number in self.chance.sample(sorted(self.underway), min(done, len(self.underway))):
                self._work(self.underway.pop(number))

    def _request(self, load: Load) -> None:
        launch = self.ledger.queue.request(load, self.now)
        assert launch is not None
        assert self.ledger.queue.request(load, self.now) is None, "requested twice"
        requested = self.ledger.loads.get(load.job_id)
        assert requested
        assert requested.launch == launch
        self.underway[load.number] = requested
        self.counts["launches"] += 1

    def _work(self, load: Load) -> None:
        fate = self.chance.random()
        if fate < FAILED_LAUNCHES:
            self._requeue(load, is_failed_launch=True)
            return
        if fate < FAILED_LAUNCHES + CANCELS:
            self._end(load)
            return
        attempt = self.ledger.attempts.begin(load, "run", self.now, launch=load.launch)
        assert attempt is not None
        if fate > 1 - LOST_ATTEMPTS:
            assert self.ledger.attempts.close_lost(load.job_id, attempt.number, self.now)
            self._requeue(load, is_failed_launch=False)
            return
        outcome = Outcome(LoadState.SUCCEEDED)
        assert self.ledger.attempts.complete(
            load.job_id, attempt.number, AttemptResult.UNCHANGED, outcome, [], self.now
        )
        self.model.end(load)
        self.counts["succeeded"] += 1

    def _requeue(self, load: Load, *, is_failed_launch: bool) -> None:
        due = self.now + WAIT
        assert self.ledger.queue.requeue(load, due, is_failed_launch=is_failed_launch)
        self.model.due_at[load.number] = due
        del self.model.outstanding[load.target]
        self.counts["failed launches" if is_failed_launch else "lost attempts"] += 1

    def _end(self, load: Load) -> None:
        failed = Outcome(LoadState.FAILED, ("Canceled.",))
        assert self.ledger.loads.end(load.job_id, failed, [], self.now, canceled_by="ada")
        assert self.ledger.attempts.begin(load, "run", self.now, launch=load.launch) is None
        self.ledger.queue.mark_stopped(load.job_id)
        self.model.end(load)
        self.counts["canceled"] += 1

    def check_ended(self) -> None:
        """Check that every load has ended once, those of each table in order of acceptance."""
        for numbers in self.model.ended.values():
            assert numbers == sorted(set(numbers))
        assert not self.ledger.queue.outstanding()
        assert not self.ledger.loads.find(states=[LoadState.QUEUED])
        assert not self.ledger.queue.stopping()
        assert sum(map(len, self.model.ended.values())) == (
            self.counts["succeeded"] + self.counts["canceled"]
        )
