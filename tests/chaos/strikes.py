"""The strikes: everything that is done to a running system, each counted by its kind.

What is drawn comes from one seed, in the thread of the storm; what takes time (commands, Dagster's
API, outages) happens in other threads meanwhile. A strike counts once it has had an effect.
"""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from random import Random

import httpx

from alumniq_pipelines.core.loads.load import UNDERWAY_STATES, LoadState
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.problems.problem import Problem
from tests.chaos.dagster_api import ACTIVE, ENDED
from tests.chaos.outages import refuse_for_a_while, remove_for_a_while
from tests.chaos.processes import PARTS
from tests.chaos.sent_files import SentFile
from tests.chaos.system import System

Strike = Callable[[], bool]

WEIGHTS = {
    "kill gateway": 3,
    "kill code server": 2,
    "kill daemon": 2,
    "kill worker": 8,
    "stop code server": 1,
    "stop daemon": 1,
    "stop worker": 3,
    "outage bucket": 3,
    "outage scratch": 3,
    "outage ledger": 3,
    "outage warehouse": 3,
    "cancel by customer": 12,
    "cancel by staff": 3,
    "cancel run": 8,
    "run by hand": 8,
    "re-execution": 5,
    "backfill": 3,
    "repeat": 3,
    "rollback": 3,
    "approve": 6,
    "discard": 3,
}
"""How often each kind is chosen. No load makes progress while code server or daemon is stopped, so
that they may be for a third of the time."""
STOPPED_SECONDS = (70.0, 130.0)
"""Longer than the minute that Dagster waits for a code server: an overloaded machine does this."""
MAX_AT_ONCE = 6
RECENT = 12
"""People act on one of so many loads that were accepted last."""
COMMAND_REASON = ("--reason", "Chaos.")


@dataclass
class Strikes:
    """Strikes at a system; `accepted` are the customers' loads by job id, oldest first."""

    system: System
    rng: Random
    accepted: dict[str, SentFile]
    with_stops: bool = True
    done: Counter[str] = field(default_factory=Counter)
    canceled: set[str] = field(default_factory=set)
    """Loads whose cancellation was confirmed."""
    rollbacks: dict[Target, float] = field(default_factory=dict)
    """When the last rollback of a table ended, by the clock."""

    def __post_init__(self) -> None:
        """Start the threads."""
        self._pool = ThreadPoolExecutor(MAX_AT_ONCE, thread_name_prefix="strike")
        self._running: dict[Future[bool], str] = {}

    @property
    def kinds(self) -> list[str]:
        """The kinds to choose from; a ledger or a warehouse of files cannot be made unavailable."""
        settings = self.system.settings
        missing = {"outage ledger"} if not settings.ledger_url else set()
        missing |= {"outage warehouse"} if settings.warehouse == "duckdb" else set()
        return [
            kind
            for kind in WEIGHTS
            if kind not in missing and (self.with_stops or not kind.startswith("stop "))
        ]

    def strike(self) -> None:
        """Begin a strike of a random kind, unless too many are under way."""
        kinds = self.kinds
        # A short storm on a slow machine has a few strikes only: a kill comes first.
        if not self.done.total() and not self._running:
            kinds = [kind for kind in kinds if kind.startswith("kill ")]
        [kind] = self.rng.choices(kinds, [WEIGHTS[kind] for kind in kinds])
        strike = self._draw(kind)
        self.collect()
        is_outage = kind.startswith("outage ")
        if len(self._running) < MAX_AT_ONCE and not (is_outage and kind in self._running.values()):
            self._running[self._pool.submit(strike)] = kind

    def collect(self, *, wait: bool = False) -> None:
        """Count the strikes that have ended; with `wait`, wait for those under way."""
        for future, kind in list(self._running.items()):
            if wait or future.done():
                self.done[kind] += future.result()
                del self._running[future]

    def decide_on_held_loads(self) -> None:
        """Approve or discard every held load, as staff do in the end."""
        self.collect()
        for load in self.system.ledger.loads.find(states=[LoadState.HELD], limit=100):
            self._running[self._pool.submit(self._draw_decision(load.job_id))] = "decision"
        self.collect(wait=True)

    def close(self) -> None:
        """Wait for all strikes and continue every stopped process."""
        self.collect(wait=True)
        self.system.processes.resume(everything=True)

    def _draw(self, kind: str) -> Strike:
        """Draw what a strike is to do; it is done later."""
        verb, _, part = kind.partition(" ")
        processes, choice = self.system.processes, self.rng.randrange(1_000)
        if verb == "kill" and part in PARTS:
            return partial(processes.kill, part, choice)
        if verb == "stop":
            return partial(processes.stop, part, choice, self.rng.uniform(*STOPPED_SECONDS))
        if verb == "outage":
            return self._outage(part)
        return self._by_people[kind](choice)

    @property
    def _by_people(self) -> dict[str, Callable[[int], Strike]]:
        """The strikes of customers and staff, each by a random number."""
        return {
            "cancel by customer": lambda choice: partial(self._cancel_by_customer, choice),
            "cancel by staff": lambda choice: partial(self._cancel_by_staff, choice),
            "cancel run": lambda choice: partial(self._cancel_run, choice),
            "run by hand": self._run_by_hand,
            "re-execution": lambda choice: partial(self._reexecute, choice),
            "backfill": self._backfill,
            "repeat": self._repeat,
            "rollback": self._rollback,
            "approve": lambda choice: partial(self._decide, "approve", choice),
            "discard": lambda choice: partial(self._decide, "discard", choice),
        }

    def _outage(self, what: str) -> Strike:
        settings = self.system.settings
        match what:
            case "bucket":
                return partial(remove_for_a_while, settings.buckets_dir)
            case "scratch":
                return partial(remove_for_a_while, settings.scratch_dir)
            case "ledger":
                return partial(refuse_for_a_while, settings.ledger_url)
            case _:
                assert settings.warehouse_url
                return partial(refuse_for_a_while, settings.warehouse_url.get_secret_value())

    def _recent_job(self, choice: int) -> str | None:
        recent = list(self.accepted)[-RECENT:]
        return recent[choice % len(recent)] if recent else None

    def _job_to_cancel(self, choice: int) -> str | None:
        """Return a load to cancel: mostly one that is waiting or running, else any recent one."""
        try:
            underway = self.system.ledger.loads.find(states=sorted(UNDERWAY_STATES), limit=100)
        except Problem:
            return None
        job_ids = [load.job_id for load in underway if load.job_id in self.accepted]
        if choice % 4 and job_ids:
            return job_ids[choice % len(job_ids)]
        return self._recent_job(choice)

    def _cancel_by_customer(self, choice: int) -> bool:
        job_id = self._job_to_cancel(choice)
        if job_id is None:
            return False
        settings, key = self.system.settings, self.system.keys[self.accepted[job_id].target]
        try:
            response = httpx.post(
                f"{settings.gateway_url}/api/v1/loads/{job_id}/cancel",
                headers={"Authorization": f"Bearer {key}"},
                timeout=20,
            )
        except httpx.HTTPError:
            return False
        if response.is_success:
            self.canceled.add(job_id)
        return response.is_success

    def _cancel_by_staff(self, choice: int) -> bool:
        job_id = self._job_to_cancel(choice)
        if job_id is None or not self.system.command("load", "cancel", job_id):
            return False
        self.canceled.add(job_id)
        return True

    def _cancel_run(self, choice: int) -> bool:
        runs = self.system.dagster.runs(ACTIVE)
        if not runs:
            return False
        return self.system.dagster.terminate(runs[choice % len(runs)], at_once=choice % 3 == 0)

    def _reexecute(self, choice: int) -> bool:
        runs = self.system.dagster.runs(ENDED)
        return bool(runs) and self.system.dagster.reexecute(runs[choice % len(runs)])

    def _run_by_hand(self, choice: int) -> Strike:
        target = self.rng.choice(self.system.targets)
        files = list(self.accepted.values())
        own = [sent.filename for sent in files if sent.target == target][-RECENT:]
        filename = own[choice % len(own)] if own and choice % 2 else None
        return partial(self.system.dagster.materialize, target, filename)

    def _backfill(self, choice: int) -> Strike:
        targets = self.rng.sample(self.system.targets, 2 + choice % 3)
        return partial(self.system.dagster.backfill, targets)

    def _repeat(self, choice: int) -> Strike:
        job_id = self._recent_job(choice)
        notify = ["--notify"] if choice % 2 else []
        return (
            partial(self.system.command, "load", "repeat", job_id, *notify) if job_id else nothing
        )

    def _rollback(self, choice: int) -> Strike:
        return partial(self._roll_back, self.system.targets[choice % len(self.system.targets)])

    def _roll_back(self, target: Target) -> bool:
        # Even a command that failed may have moved the pointer.
        names = (target.customer, str(target.environment), target.feed)
        is_done = self.system.command("version", "rollback", *names)
        self.rollbacks[target] = time.time()
        return is_done

    def _decide(self, decision: str, choice: int) -> bool:
        try:
            held = self.system.ledger.loads.find(states=[LoadState.HELD], limit=100)
        except Problem:
            return False
        if not held:
            return False
        return self.system.command(
            "load", decision, held[choice % len(held)].job_id, *COMMAND_REASON
        )

    def _draw_decision(self, job_id: str) -> Strike:
        decision = self.rng.choice(["approve", "approve", "discard"])
        return partial(self.system.command, "load", decision, job_id, *COMMAND_REASON)


def nothing() -> bool:
    """Do nothing: there is no load to act on yet."""
    return False
