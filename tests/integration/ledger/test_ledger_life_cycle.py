"""Whatever happens to loads and their runs, in any order, each ends once, truthfully, in order.

A longer search: set HYPOTHESIS_EXAMPLES, for example to 3000.
"""

import os
import shutil
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import (
    UNDERWAY_STATES,
    Load,
    LoadRequest,
    LoadState,
    new_job_id,
)
from alumniq_pipelines.core.loads.reconciliation import MAX_WAIT, RunState
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.problems.api import BeingPublished
from alumniq_pipelines.core.problems.holding import LaterLoadPublished, NothingArchived
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable
from alumniq_pipelines.services import load_actions
from tests.integration.ledger.conftest import NOW
from tests.integration.ledger.life_cycle_invariants import Invariants
from tests.integration.ledger.pausing import Steps
from tests.integration.ledger.simulated_files import File, Kind
from tests.integration.ledger.simulated_reconciler import SimulatedReconciler
from tests.integration.ledger.simulation import (
    ALL_STEPS,
    PUBLIC_URLS,
    UNTIL_CLAIMED,
    SimulatedRun,
    Simulation,
)

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "40"))
TARGETS = (
    Target("iqu", Environment.PRODUCTION, "members"),
    Target("zed", Environment.QA, "members"),
)
FEEDS = ("members",)
MAX_OUTSTANDING = 2
SHARED_MEMORY = Path("/dev/shm")
PICK = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 5])
KINDS = st.sampled_from([Kind.GOOD] * 4 + sorted(Kind))
STEPS = st.sampled_from([1, 2, 3, 8, ALL_STEPS])
WORK_STEPS = st.sampled_from([UNTIL_CLAIMED, UNTIL_CLAIMED, 1, 2, 3, 8, ALL_STEPS])

Item = TypeVar("Item")


_OVER = object()


class LifeOfLoads(RuleBasedStateMachine):
    """Loads of three tables, everybody who acts on them, and what must hold at any time."""

    template: Path

    def __init__(self) -> None:
        """Start with an empty ledger and a good file for each table."""
        super().__init__()
        folder = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
        self.folder = Path(tempfile.mkdtemp(prefix="ledger-", dir=folder))
        copy = shutil.copy(self.template, self.folder / "ledger.db")
        self.ledger = Ledger.open(f"sqlite:///{copy}")
        for name in ("iqu", "zed"):
            self.ledger.customers.add(Customer(name, name, f"alumniq-{name}"), NOW)
        self.system = Simulation(self.ledger, self.folder, NOW)
        self.reconciler = SimulatedReconciler(self.system)
        self.slow_pass: Steps | None = None
        self.lost_requests: list[tuple[Load, int]] = []
        self.checks = Invariants(self.system)
        self.uploads = 0

    @initialize()
    def deliver_first(self) -> None:
        """Put a file into each bucket."""
        for target in TARGETS:
            self._put(target, Kind.GOOD)

    @rule(table=st.sampled_from(TARGETS), kind=KINDS, dry_run=st.sampled_from([False] * 4 + [True]))
    def deliver(self, table: Target, kind: Kind, *, dry_run: bool) -> None:
        """Replace the file in a bucket and call the webhook."""
        self._put(table, kind)
        request = LoadRequest(
            new_job_id(),
            table,
            "members.csv",
            None,
            None,
            notify_webhook="https://iqu.example/done",
            dry_run=dry_run,
        )
        self.ledger.loads.accept(request, self.system.now)

    @rule(table=st.sampled_from(TARGETS), kind=KINDS)
    def replace_file(self, table: Target, kind: Kind) -> None:
        """Replace the file, though a load of it is accepted already."""
        self._put(table, kind)

    @precondition(lambda self: self._loads(*UNDERWAY_STATES))
    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        """Cancel a load, unless it is being published."""
        load = _pick(self._loads(*UNDERWAY_STATES), pick)
        with suppress(BeingPublished):
            load_actions.cancel(
                self.ledger, load.job_id, "ada", self.system.now, public_urls=PUBLIC_URLS
            )
            self.checks.canceled.add(load.job_id)

    @precondition(lambda self: self._loads(LoadState.HELD))
    @rule(pick=PICK, is_approved=st.booleans())
    def decide_on_hold(self, pick: int, *, is_approved: bool) -> None:
        """Approve or discard a held load."""
        load, now = _pick(self._loads(LoadState.HELD), pick), self.system.now
        with suppress(LaterLoadPublished):
            if is_approved:
                load_actions.approve(self.ledger, load.job_id, "Yes.", "ada", now)
            else:
                load_actions.discard(
                    self.ledger, load.job_id, "No.", "ada", now, public_urls=PUBLIC_URLS
                )

    @precondition(lambda self: self._loads())
    @rule(pick=PICK)
    def repeat(self, pick: int) -> None:
        """Repeat a load whose file is archived."""
        load = _pick(self._loads(), pick)
        with suppress(NothingArchived):
            load_actions.repeat(
                self.ledger, load.job_id, "ada", self.system.now, notify_customer=True
            )

    @precondition(lambda self: self.system.warehouse.moves)
    @rule(pick=PICK)
    def roll_back(self, pick: int) -> None:
        """Make a stored version live."""
        version, _ = _pick(self.system.warehouse.moves, pick)
        with suppress(WarehouseUnavailable):
            self.system.warehouse.make_live(version.target, version.number, self.system.now)

    @rule(table=st.sampled_from(TARGETS), steps=WORK_STEPS)
    def run_by_hand(self, table: Target, steps: int) -> None:
        """Materialize a partition: the run accepts a load of its own."""
        load = load_actions.accept_reload(self.ledger, table, "members.csv", self.system.now)
        run = self.system.create_run(load, load.launch, is_by_hand=True)
        self.system.advance(run, steps)

    @precondition(lambda self: self.system.runs)
    @rule(pick=PICK, steps=WORK_STEPS)
    def run_again(self, pick: int, steps: int) -> None:
        """Execute a run again: it makes a load of its own only if the other has ended."""
        run = _pick(self.system.runs, pick)
        load, launch = self.system.load(run.job_id), run.launch
        if load.is_final:
            load = load_actions.accept_rerun(self.ledger, load, None, self.system.now)
            launch = load.launch
        again = self.system.create_run(load, launch, is_by_hand=True)
        self.system.advance(again, steps)

    @rule(is_lost=st.sampled_from([False, False, False, True]), steps=WORK_STEPS)
    def request(self, steps: int, *, is_lost: bool) -> None:
        """Request the runs that are next; the daemon may die before Dagster has created them."""
        count = len(self.system.runs)
        self._request(is_lost=is_lost)
        for run in self.system.runs[count:]:
            self.system.advance(run, steps)

    @precondition(lambda self: self.lost_requests)
    @rule()
    def create_late_run(self) -> None:
        """Create a run that was requested a while ago."""
        self.system.create_run(*self.lost_requests.pop(0))

    @precondition(lambda self: self._workable_runs())
    @rule(pick=PICK, steps=WORK_STEPS)
    def work(self, pick: int, steps: int) -> None:
        """Let a worker make some steps, though its run or its load may be over."""
        self.system.advance(_pick(self._workable_runs(), pick), steps)

    @precondition(lambda self: self._workable_runs())
    @rule(steps=WORK_STEPS)
    def work_on_the_newest(self, steps: int) -> None:
        """Let the worker of the newest run make some steps."""
        self.system.advance(self._workable_runs()[-1], steps)

    @precondition(lambda self: self._workable_runs())
    @rule(pick=PICK)
    def kill(self, pick: int) -> None:
        """Kill a worker."""
        _pick(self._workable_runs(), pick).kill()

    @precondition(lambda self: self._runs_underway())
    @rule(pick=PICK, state=st.sampled_from([RunState.FAILED, RunState.CANCELED]))
    def end_run(self, pick: int, state: RunState) -> None:
        """Let Dagster or a person end a run; its worker may go on for a while."""
        _pick(self._runs_underway(), pick).state = state

    @rule()
    def reconcile(self) -> None:
        """Make a whole pass of the reconcile sensor."""
        _finish(self.reconciler.reconcile())

    @rule(steps=STEPS)
    def reconcile_slowly(self, steps: int) -> None:
        """Make some steps of a pass, which goes on later with what it has seen by then."""
        if self.slow_pass is None:
            self.slow_pass = self.reconciler.reconcile()
        if any(next(self.slow_pass, _OVER) is _OVER for _ in range(steps)):
            self.slow_pass = None

    @rule(wait=st.sampled_from([timedelta(seconds=31), timedelta(minutes=11), timedelta(days=4)]))
    def wait(self, wait: timedelta) -> None:
        """Let time pass, and the sensor for holds do its work."""
        self.system.now += wait
        load_actions.end_due_holds(self.ledger, self.system.now, public_urls=PUBLIC_URLS)

    @rule(is_away=st.sampled_from([False, False, True]))
    def warehouse_outage(self, *, is_away: bool) -> None:
        """Take the warehouse away, or bring it back."""
        self.system.warehouse.is_away = is_away

    @invariant()
    def all_that_must_hold_holds(self) -> None:
        """Check it."""
        self.checks.check()

    def teardown(self) -> None:
        """Bring everything back, wake everybody up, and see how all loads end."""
        try:
            self._settle()
        finally:
            self.ledger.close()
            shutil.rmtree(self.folder)

    def _settle(self) -> None:
        self.system.warehouse.is_away = False
        for target in TARGETS:
            self._put(target, Kind.GOOD)
        for _ in range(40 + 10 * len(self.system.loads())):
            if not self.system.loads(*UNDERWAY_STATES):
                break
            self.system.now += MAX_WAIT + timedelta(minutes=1)
            self._request(is_lost=False)
            for run in self._workable_runs():
                self.system.advance(run, ALL_STEPS)
            if self.slow_pass is not None:
                _finish(self.slow_pass)
                self.slow_pass = None
            _finish(self.reconciler.reconcile())
        assert self.system.loads(*UNDERWAY_STATES) == []
        _finish(self.reconciler.reconcile())
        _finish(self.reconciler.reconcile())
        assert self.ledger.queue.stopping() == []
        self.checks.check()

    def _put(self, target: Target, kind: Kind) -> None:
        self.uploads += 1
        rejected = self.uploads % 3
        counts = Counts(self.uploads + rejected, self.uploads, rejected)
        file = File(kind, f"{self.uploads:064x}", counts)
        self.system.files[target] = self.checks.delivered[file.sha256] = file

    def _request(self, *, is_lost: bool) -> None:
        """Do what the load-request sensor does."""
        queue, now = self.ledger.queue, self.system.now
        for load in queue.next_loads(FEEDS, MAX_OUTSTANDING, now):
            launch = queue.request(load, now)
            if launch is None:
                continue
            earlier = [
                other
                for other in self.system.loads(*UNDERWAY_STATES)
                if other.target == load.target and other.number < load.number
            ]
            assert earlier == []
            if is_lost:
                self.lost_requests.append((load, launch))
            else:
                self.system.create_run(load, launch)

    def _loads(self, *states: LoadState) -> list[Load]:
        """Return the loads in these states, or all, as they were after the last step."""
        return [load for load in self.checks.loads if not states or load.state in states]

    def _runs_underway(self) -> list[SimulatedRun]:
        return [run for run in self.system.runs if run.state is RunState.UNDERWAY]

    def _workable_runs(self) -> list[SimulatedRun]:
        """Return the runs whose workers live, or have yet to start."""
        return [
            run
            for run in self.system.runs
            if run.worker is not None or (run.state is RunState.UNDERWAY and not run.worker_died)
        ]


def _pick(items: "list[Item] | tuple[Item, ...]", pick: int) -> Item:
    """Return an item, the newest first."""
    return items[-1 - pick % len(items)]


def _finish(steps: Steps) -> None:
    for _ in steps:
        pass


def test_no_order_of_events_leads_a_load_astray(sqlite_template: Path) -> None:
    LifeOfLoads.template = sqlite_template
    run_state_machine_as_test(
        LifeOfLoads,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
