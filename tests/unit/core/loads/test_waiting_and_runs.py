"""What a load waits for, and which of its runs counts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alumniq_pipelines.core.loads.load import (
    MAX_ATTEMPTS,
    Load,
    LoadRequest,
    LoadState,
    new_job_id,
)
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult
from alumniq_pipelines.core.loads.reconciliation import (
    FIELD_MAP_TIMEOUT,
    MAX_WAIT,
    Run,
    RunState,
    current_run,
    is_orphaned,
    queued_at,
    run_key,
    step_retry_wait,
    wait_before_next,
)
from alumniq_pipelines.core.loads.target import Environment, Target

NOW = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
TARGET = Target("iqu", Environment.PRODUCTION, "warehouse")
RETRY_WAIT = timedelta(seconds=30)
FAILED = Run(id="run", state=RunState.FAILED, launch=1)
OPEN = AttemptRecord(1, "run")


def a_load(state: LoadState = LoadState.RUNNING) -> Load:
    request = LoadRequest(new_job_id(), TARGET, "warehouse.csv", "etag", 10)
    return Load(number=1, request=request, state=state, attempts=0, accepted_at=NOW, launch=1)


def test_waits_double_up_to_ten_minutes() -> None:
    waits = [wait_before_next(count, RETRY_WAIT) for count in range(8)]
    assert waits == [min(RETRY_WAIT * factor, MAX_WAIT) for factor in (1, 1, 2, 4, 8, 16, 32, 64)]


def test_the_retries_of_a_step_wait_as_dagsters_exponential_backoff_does() -> None:
    waits = [step_retry_wait(tries, RETRY_WAIT) / RETRY_WAIT for tries in range(1, MAX_ATTEMPTS)]
    assert waits == [1, 3, 7, 15]


def test_each_launch_has_a_run_key_of_its_own() -> None:
    load = a_load(LoadState.QUEUED)
    assert len({run_key(load, launch) for launch in range(MAX_ATTEMPTS)}) == MAX_ATTEMPTS
    assert run_key(load, 3) == run_key(replace(load, attempts=2), 3)


def test_a_load_waits_for_its_field_map_from_when_it_was_queued_last() -> None:
    load = replace(a_load(LoadState.QUEUED), accepted_at=NOW - timedelta(days=2))
    lost = AttemptRecord(1, "run", AttemptResult.LOST, ended_at=NOW - timedelta(hours=3))
    held = AttemptRecord(2, "run", AttemptResult.HELD, ended_at=NOW - timedelta(hours=2))
    still_open = AttemptRecord(3, "run")
    assert queued_at(load, [], None) == load.accepted_at
    assert queued_at(load, [lost, still_open], None) == lost.ended_at
    assert queued_at(load, [lost, held], NOW) == NOW
    assert not is_orphaned(load, (), NOW, NOW + FIELD_MAP_TIMEOUT)
    assert is_orphaned(load, (), NOW, NOW + FIELD_MAP_TIMEOUT + timedelta(seconds=1))
    assert not is_orphaned(load, (TARGET.feed,), NOW, NOW + timedelta(days=1))


def test_the_run_that_works_comes_before_newer_ones() -> None:
    working = Run(id="run", state=RunState.UNDERWAY, launch=1)
    newer = Run(id="again", state=RunState.CANCELED, launch=1)
    assert current_run(a_load(), [OPEN], [newer, working]) == working
    assert current_run(a_load(), [], [newer, working]) == working, "It may not have begun yet."
    over = replace(working, state=RunState.FAILED)
    assert current_run(a_load(), [], [newer, over]) == newer


def test_runs_of_earlier_launches_do_not_count() -> None:
    load = replace(a_load(LoadState.REQUESTED), launch=2)
    assert current_run(load, [], [FAILED]) is None
    newest = replace(FAILED, launch=2)
    assert current_run(load, [], [FAILED, newest]) == newest
