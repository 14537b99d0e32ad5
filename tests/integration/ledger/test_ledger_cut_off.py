"""An attempt that is cut off after its version went live: whatever follows, its load succeeded."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.load import MAX_ATTEMPTS, Load, LoadState
from alumniq_pipelines.core.loads.reconciliation import MAX_WAIT, RunState
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.problems.api import BeingPublished, NotQueued
from alumniq_pipelines.core.problems.run import RunOutdated
from alumniq_pipelines.services.attempt import attempt
from alumniq_pipelines.services.load_actions import cancel
from tests.integration.ledger.conftest import NOW, Accept
from tests.integration.ledger.simulated_files import FIELD_MAP, File, Kind
from tests.integration.ledger.simulated_reconciler import SimulatedReconciler
from tests.integration.ledger.simulation import PUBLIC_URLS, SimulatedRun, Simulation

COUNTS = Counts(10, 9, 1)


@pytest.fixture
def system(ledger: Ledger, target: Target, tmp_path: Path) -> Simulation:
    """Simulate what is around the ledger, with a file in the bucket."""
    simulation = Simulation(ledger, tmp_path, NOW)
    put_file(simulation, target, Kind.CUT_OFF)
    return simulation


def put_file(system: Simulation, target: Target, kind: Kind) -> None:
    system.files[target] = File(kind, "cafe", COUNTS)


def start(system: Simulation, load: Load) -> SimulatedRun:
    launch = system.ledger.queue.request(load, system.now)
    assert launch
    return system.create_run(load, launch)


def step_until_live(system: Simulation, run: SimulatedRun) -> None:
    for _ in range(99):
        if system.warehouse.moves:
            return
        system.advance(run, 1)


def try_to_cancel(system: Simulation, load: Load) -> None:
    with suppress(BeingPublished, NotQueued):
        cancel(system.ledger, load.job_id, "ada", system.now, public_urls=PUBLIC_URLS)


def settle(system: Simulation) -> None:
    """Do what is left to do, with the warehouse there again."""
    for _ in range(MAX_ATTEMPTS):
        for run in list(system.runs):
            if run.worker is not None:
                system.advance(run, 99)
        for _ in SimulatedReconciler(system).reconcile():
            pass
        system.now += MAX_WAIT
        for load in system.ledger.queue.next_loads(["warehouse"], 1, system.now):
            system.advance(start(system, load), 99)


def assert_succeeded(system: Simulation, load: Load) -> None:
    found = system.load(load.job_id)
    assert (found.state, found.counts) == (LoadState.SUCCEEDED, COUNTS), found.errors
    assert [version.number for version in system.ledger.versions.of(load.target)] == [load.number]


def test_it_is_recorded_by_the_next_attempt(system: Simulation, accept: Accept) -> None:
    load = accept()
    system.advance(start(system, load), 99)
    settle(system)
    assert_succeeded(system, load)


def test_it_is_recorded_though_no_attempt_is_left(
    system: Simulation, accept: Accept, target: Target
) -> None:
    put_file(system, target, Kind.AWAY)
    load = accept()
    run = start(system, load)
    while len(system.ledger.attempts.of(load.job_id)) < MAX_ATTEMPTS:
        system.advance(run, 1)
    put_file(system, target, Kind.CUT_OFF)
    settle(system)
    assert_succeeded(system, load)


def test_the_load_is_not_canceled_before_the_next_attempt(
    system: Simulation, accept: Accept
) -> None:
    load = accept()
    run = start(system, load)
    step_until_live(system, run)
    while system.ledger.attempts.of(load.job_id)[0].result is None:
        system.advance(run, 1)
    try_to_cancel(system, load)
    settle(system)
    assert_succeeded(system, load)


@pytest.fixture(params=range(1, 13))
def steps_of_the_pass(request: pytest.FixtureRequest) -> int:
    """List how far a pass of the reconcile sensor gets before something comes between."""
    steps: int = request.param
    return steps


def test_the_load_is_not_canceled_while_its_dead_worker_is_dealt_with(
    system: Simulation, accept: Accept, steps_of_the_pass: int
) -> None:
    load = accept()
    run = start(system, load)
    step_until_live(system, run)
    run.kill()
    run.state = RunState.FAILED
    interrupted = SimulatedReconciler(system).reconcile()
    go_on(interrupted, steps_of_the_pass)
    try_to_cancel(system, load)
    go_on(interrupted, 99)
    settle(system)
    assert_succeeded(system, load)


def test_the_load_succeeds_though_its_reconciler_dies_as_well(
    system: Simulation, accept: Accept, steps_of_the_pass: int
) -> None:
    load = accept()
    run = start(system, load)
    step_until_live(system, run)
    run.kill()
    run.state = RunState.CANCELED
    go_on(SimulatedReconciler(system).reconcile(), steps_of_the_pass)
    settle(system)
    assert_succeeded(system, load)


def test_a_run_that_is_executed_again_meanwhile_publishes_nothing_twice(
    system: Simulation, accept: Accept
) -> None:
    load = accept()
    run = start(system, load)
    step_until_live(system, run)
    again = system.create_run(load, run.launch)
    system.advance(again, 99)
    system.advance(run, 99)
    settle(system)
    assert_succeeded(system, load)
    assert len(system.warehouse.moves) == 1


def test_an_outdated_run_leaves_the_attempt_alone_that_is_publishing(
    system: Simulation, accept: Accept
) -> None:
    load = accept()
    outdated = start(system, load)
    outdated.state = RunState.FAILED
    for _ in SimulatedReconciler(system).reconcile():
        pass
    system.now += MAX_WAIT
    current = start(system, load)
    step_until_live(system, current)
    with pytest.raises(RunOutdated):
        attempt(system.load(load.job_id), outdated.launch, outdated.id, FIELD_MAP, system.context)
    [publishing] = system.ledger.attempts.of(load.job_id)
    assert publishing.is_publishing


def go_on(steps: Iterator[None], count: int) -> None:
    for _ in range(count):
        next(steps, None)
