"""The life of a load against a model of a few lines, in any order that hypothesis can think of."""

import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import (
    ALLOWED_TRANSITIONS,
    FINAL_STATES,
    JobId,
    LoadRequest,
    LoadState,
    new_job_id,
)
from alumniq_pipelines.core.loads.outcome import AttemptResult, Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.notifications.notification import Audience, Channel, Notice
from tests.integration.ledger.conftest import NOW

TARGET = Target("iqu", Environment.QA, "warehouse")
CALLBACK = Notice(Channel.CALLBACK, "https://iqu.example/done", "{}", audience=Audience.CUSTOMER)
COMES_BACK = st.sampled_from(AttemptResult)


@dataclass
class Modelled:
    """What the ledger should know of one load."""

    state: LoadState = LoadState.QUEUED
    results: list[AttemptResult | None] = field(default_factory=list)
    errors: tuple[str, ...] = ()
    notification_count: int = 0

    def may(self, state: LoadState) -> bool:
        """Whether the move is legal."""
        return state in ALLOWED_TRANSITIONS[self.state]

    def lose_open_attempts(self) -> None:
        """Close what was left open."""
        self.results = [AttemptResult.LOST if result is None else result for result in self.results]


class LifeCycle(RuleBasedStateMachine):
    """Loads of one target; the ledger and the model must agree after every step."""

    template: Path
    job_ids: Bundle[JobId] = Bundle("job_ids")

    def __init__(self) -> None:
        """Start from an empty ledger."""
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="ledger-"))
        copy = shutil.copy(self.template, self.folder / "ledger.db")
        self.ledger = Ledger.open(f"sqlite:///{copy}")
        self.ledger.customers.add(Customer("iqu", "Inter-Quad University", "alumniq-iqu"), NOW)
        self.model: dict[JobId, Modelled] = {}
        self.now = NOW

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.ledger.close()
        shutil.rmtree(self.folder)

    @rule(target=job_ids)
    def accept(self) -> JobId:
        """Accept one more load."""
        request = LoadRequest(new_job_id(), TARGET, "warehouse.csv", None, None)
        self.ledger.loads.accept(request, self.now)
        self.model[request.job_id] = Modelled()
        return request.job_id

    @rule(job_id=job_ids)
    def mark_requested(self, job_id: JobId) -> None:
        """Request a run."""
        load = self.model[job_id]
        may = load.may(LoadState.REQUESTED)
        assert self.ledger.queue.request(job_id, self.now) is may
        if may:
            load.state = LoadState.REQUESTED

    @rule(job_id=job_ids)
    def requeue(self, job_id: JobId) -> None:
        """Find the run gone."""
        load = self.model[job_id]
        may = load.may(LoadState.QUEUED)
        assert self.ledger.queue.requeue(job_id, self.now) is may
        if may:
            load.state = LoadState.QUEUED
            load.lose_open_attempts()

    @rule(job_id=job_ids)
    def begin_attempt(self, job_id: JobId) -> None:
        """Begin to work, in a run of the load's own."""
        load = self.model[job_id]
        attempt = self.ledger.attempts.begin(job_id, f"run of {job_id}", self.now)
        assert (attempt is not None) is load.may(LoadState.RUNNING)
        if attempt is not None:
            load.state = LoadState.RUNNING
            load.lose_open_attempts()
            load.results.append(None)
            assert attempt.number == len(load.results)

    @rule(job_id=job_ids, number=st.integers(1, 4), result=COMES_BACK)
    def end_attempt(self, job_id: JobId, number: int, result: AttemptResult) -> None:
        """End an attempt, perhaps one that was never begun."""
        self.ledger.attempts.end(job_id, number, result, self.now)
        results = self.model[job_id].results
        if number <= len(results) and results[number - 1] is None:
            results[number - 1] = result

    @rule(
        job_id=job_ids,
        state=st.sampled_from(sorted(FINAL_STATES)),
        errors=st.lists(st.text(max_size=5), max_size=2).map(tuple),
        notification_count=st.integers(0, 3),
    )
    def end(
        self, job_id: JobId, state: LoadState, errors: tuple[str, ...], notification_count: int
    ) -> None:
        """End the load with an outcome."""
        load = self.model[job_id]
        may = load.may(state)
        outcome = Outcome(state, errors)
        assert (
            self.ledger.loads.end(job_id, outcome, [CALLBACK] * notification_count, self.now) is may
        )
        if may:
            load.state, load.errors, load.notification_count = state, errors, notification_count
            load.lose_open_attempts()

    @rule()
    def wait(self) -> None:
        """Let time pass."""
        self.now += timedelta(minutes=1)

    @invariant()
    def the_ledger_agrees(self) -> None:
        """Compare all that can be asked."""
        loads = self.ledger.loads
        for job_id, expected in self.model.items():
            load = loads.get(job_id)
            assert load is not None
            assert (load.state, load.errors) == (expected.state, expected.errors)
            assert load.attempts == len(expected.results)
            assert [attempt.result for attempt in attempts.of(job_id)] == expected.results
            assert len(self.ledger.notifications.of(job_id)) == expected.notification_count
            assert load.is_final is (load.ended_at is not None)
        waiting = [load.job_id for load in queue.queued()]
        assert waiting == [
            job_id for job_id, load in self.model.items() if load.state is LoadState.QUEUED
        ]
        at_work = {LoadState.REQUESTED, LoadState.RUNNING}
        assert [load.job_id for load in queue.outstanding()] == [
            job_id for job_id, load in self.model.items() if load.state in at_work
        ]


@pytest.mark.usefixtures("sqlite_template")
def test_no_order_of_events_leads_a_load_astray(sqlite_template: Path) -> None:
    LifeCycle.template = sqlite_template
    run_state_machine_as_test(
        LifeCycle,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
