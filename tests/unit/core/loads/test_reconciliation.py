"""What follows from how a load's runs went."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.loads.check_result import Cause, Counts
from alumniq_pipelines.core.loads.load import (
    FINAL_STATES,
    MAX_ATTEMPTS,
    Load,
    LoadRequest,
    LoadState,
    Origin,
    new_job_id,
)
from alumniq_pipelines.core.loads.outcome import REFUSALS, AttemptRecord, AttemptResult
from alumniq_pipelines.core.loads.reconciliation import (
    DAGSTER_TIMEOUT,
    FIELD_MAP_TIMEOUT,
    Decision,
    Finish,
    MarkRunFailed,
    Requeue,
    Run,
    RunState,
    Wait,
    decide,
    is_orphaned,
    is_outcome_known,
    queued_at,
    run_key,
    should_request_run,
)
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.problems.holding import LaterFileLoaded, WouldBeHeld

NOW = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
TARGET = Target("iqu", Environment.PRODUCTION, "warehouse")
COUNTS = Counts(10, 9, 1)
OVER = (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELED)


def a_load(
    state: LoadState = LoadState.RUNNING, *, attempts: int = 1, origin: Origin = Origin.WEBHOOK
) -> Load:
    request = LoadRequest(new_job_id(), TARGET, "warehouse.csv", "etag", 10, origin=origin)
    return Load(1, request, state, attempts, accepted_at=NOW, requested_at=NOW)


def a_run(state: RunState, *, will_retry: bool | None = False, died: bool = False) -> Run:
    return Run(id="run", state=state, changed_at=NOW, will_retry=will_retry, worker_died=died)


def decided(*results: AttemptResult | None, run: Run, after: timedelta = timedelta()) -> Decision:
    attempts = [
        AttemptRecord(number, "run", result, ("Because.",), COUNTS)
        for number, result in enumerate(results, start=1)
    ]
    return decide(a_load(attempts=len(attempts)), attempts, run, NOW + after)


@pytest.mark.parametrize("result", [AttemptResult.PUBLISHED, AttemptResult.SUPERSEDED])
@pytest.mark.parametrize("state", OVER)
def test_what_was_published_is_a_success_however_its_run_ended(
    result: AttemptResult, state: RunState
) -> None:
    decision = decided(result, run=a_run(state))
    assert isinstance(decision, Finish)
    assert decision.outcome.state is LoadState.SUCCEEDED
    assert decision.outcome.errors == ()
    is_superseded = result is AttemptResult.SUPERSEDED
    assert decision.outcome.is_superseded is is_superseded
    assert decision.outcome.counts == (None if is_superseded else COUNTS)


def test_an_attempt_lost_after_one_that_published_takes_nothing_back() -> None:
    lost = [AttemptResult.LOST] * (MAX_ATTEMPTS - 1)
    decision = decided(AttemptResult.PUBLISHED, *lost, run=a_run(RunState.FAILED))
    assert isinstance(decision, Finish)
    assert (decision.outcome.state, decision.outcome.counts) == (LoadState.SUCCEEDED, COUNTS)


def test_a_refused_file_fails_its_load_with_what_was_found() -> None:
    decision = decided(AttemptResult.REFUSED, run=a_run(RunState.FAILED))
    assert isinstance(decision, Finish)
    assert decision.outcome.state is LoadState.FAILED
    assert decision.outcome.errors == ("Because.",)
    assert decision.outcome.counts == COUNTS


def test_a_load_that_came_too_late_fails_and_its_customer_need_not_mend_anything() -> None:
    decision = decided(AttemptResult.OVERTAKEN, run=a_run(RunState.FAILED))
    assert isinstance(decision, Finish)
    assert decision.outcome.state is LoadState.FAILED
    assert decision.outcome.remedy == LaterFileLoaded().advice


def test_a_dry_run_whose_load_would_be_held_fails_with_the_reasons() -> None:
    errors = (str(WouldBeHeld()), "50 rows removed.")
    attempt = AttemptRecord(1, "run", AttemptResult.WOULD_BE_HELD, errors, COUNTS)
    decision = decide(a_load(attempts=1), [attempt], a_run(RunState.SUCCEEDED), NOW)
    assert isinstance(decision, Finish)
    assert decision.outcome.state is LoadState.FAILED
    assert decision.outcome.errors == errors
    assert decision.outcome.hold_reasons == ("50 rows removed.",)


def test_a_run_stopped_by_a_person_fails_its_load_in_plain_words() -> None:
    decision = decided(None, run=a_run(RunState.CANCELED))
    assert isinstance(decision, Finish)
    assert decision.outcome.state is LoadState.FAILED
    assert "stopped by our staff" in decision.outcome.errors[0]


def test_a_run_that_dagster_will_retry_is_left_alone() -> None:
    run = a_run(RunState.FAILED, will_retry=True)
    assert decided(AttemptResult.LOST, run=run) == Wait()


def test_a_run_without_a_final_dagster_status_is_left_alone() -> None:
    run = a_run(RunState.FAILED, will_retry=None)
    assert decided(AttemptResult.LOST, run=run) == Wait()


@pytest.mark.parametrize("announced", [True, None])
def test_a_retry_that_never_came_is_asked_for(*, announced: bool | None) -> None:
    run = a_run(RunState.FAILED, will_retry=announced)
    assert decided(AttemptResult.LOST, run=run, after=DAGSTER_TIMEOUT) == Requeue()


def test_a_run_that_dagster_gave_up_is_asked_for_again_while_attempts_are_left() -> None:
    assert decided(AttemptResult.OUTAGE, run=a_run(RunState.FAILED)) == Requeue()


@pytest.mark.parametrize("last", [AttemptResult.OUTAGE, AttemptResult.LOST])
@pytest.mark.parametrize("will_retry", [True, False, None])
def test_the_fifth_failed_attempt_ends_the_load_whatever_dagster_would_do(
    *, last: AttemptResult, will_retry: bool | None
) -> None:
    results = [AttemptResult.OUTAGE] * (MAX_ATTEMPTS - 1) + [last]
    decision = decided(*results, run=a_run(RunState.FAILED, will_retry=will_retry))
    assert isinstance(decision, Finish)
    assert decision.outcome.state is LoadState.FAILED
    assert "5 times" in decision.outcome.errors[0]
    assert decision.outcome.errors[1:] == ("Because.",)


def test_a_run_that_is_under_way_is_left_alone() -> None:
    assert decided(None, run=a_run(RunState.UNDERWAY), after=timedelta(hours=9)) == Wait()


def test_a_run_whose_worker_died_is_marked_failed_so_that_its_queue_slot_is_free() -> None:
    assert decided(None, run=a_run(RunState.UNDERWAY, died=True)) == MarkRunFailed()


def test_a_load_without_a_run_is_asked_for_again_once_patience_is_over() -> None:
    load = a_load(LoadState.REQUESTED, attempts=0)
    assert decide(load, [], None, NOW + DAGSTER_TIMEOUT / 2) == Wait()
    assert decide(load, [], None, NOW + DAGSTER_TIMEOUT) == Requeue()


RUNS = st.none() | st.builds(
    Run,
    id=st.just("run"),
    state=st.sampled_from(RunState),
    changed_at=st.just(NOW),
    will_retry=st.sampled_from([True, False, None]),
    worker_died=st.booleans(),
)
RESULTS = st.lists(st.none() | st.sampled_from(AttemptResult), max_size=MAX_ATTEMPTS)
LATER = st.timedeltas(timedelta(), timedelta(days=9))


@given(state=st.sampled_from(sorted(FINAL_STATES)), run=RUNS, results=RESULTS, later=LATER)
def test_nothing_ever_follows_for_a_load_that_has_its_outcome(
    state: LoadState, run: Run | None, results: list[AttemptResult | None], later: timedelta
) -> None:
    attempts = [
        AttemptRecord(number, "run", result) for number, result in enumerate(results, start=1)
    ]
    assert decide(a_load(state), attempts, run, NOW + later) == Wait()


@given(run=RUNS, results=RESULTS)
def test_no_load_is_left_for_good_unless_a_living_run_works_on_it(
    run: Run | None, results: list[AttemptResult | None]
) -> None:
    attempts = [
        AttemptRecord(number, "run", result) for number, result in enumerate(results, start=1)
    ]
    decision = decide(a_load(), attempts, run, NOW + DAGSTER_TIMEOUT)
    lives = run is not None and run.state is RunState.UNDERWAY and not run.worker_died
    assert (decision == Wait()) is lives


@given(run=RUNS, results=RESULTS, later=LATER)
def test_a_failure_is_never_reported_without_a_reason_when_attempts_gave_one(
    run: Run | None, results: list[AttemptResult | None], later: timedelta
) -> None:
    attempts = [
        AttemptRecord(number, "run", result, ("Because.",))
        for number, result in enumerate(results, 1)
    ]
    decision = decide(a_load(), attempts, run, NOW + later)
    if isinstance(decision, Finish) and decision.outcome.state is LoadState.FAILED:
        assert all(decision.outcome.errors)


@pytest.mark.parametrize(
    ("results", "awaits"),
    [
        ([], False),
        ([None], False),
        ([AttemptResult.OUTAGE], False),
        ([AttemptResult.LOST], False),
        ([AttemptResult.OUTAGE] * MAX_ATTEMPTS, True),
        *(
            ([AttemptResult.OUTAGE, result], True)
            for result in (AttemptResult.PUBLISHED, AttemptResult.SUPERSEDED, *sorted(REFUSALS))
        ),
    ],
)
def test_a_load_awaits_its_run_only_once_no_attempt_can_follow(
    results: list[AttemptResult | None], *, awaits: bool
) -> None:
    attempts = [
        AttemptRecord(number, "run", result) for number, result in enumerate(results, start=1)
    ]
    assert is_outcome_known(attempts) is awaits


def test_a_webhook_load_that_waits_is_requested_at_once() -> None:
    assert should_request_run(a_load(LoadState.QUEUED, attempts=0), NOW)


@pytest.mark.parametrize("state", sorted(set(LoadState) - {LoadState.QUEUED}))
def test_only_a_load_that_waits_is_requested(state: LoadState) -> None:
    assert not should_request_run(a_load(state), NOW)


def test_a_load_made_in_the_ui_is_left_to_its_own_run_at_first() -> None:
    load = a_load(LoadState.QUEUED, attempts=0, origin=Origin.DAGSTER)
    assert not should_request_run(load, NOW)
    assert should_request_run(load, NOW + DAGSTER_TIMEOUT)
    assert should_request_run(replace(load, attempts=1), NOW)


def test_a_load_queued_again_asks_under_another_key() -> None:
    load = a_load(LoadState.QUEUED, attempts=0)
    assert run_key(load) == load.job_id
    keys = {run_key(replace(load, attempts=attempts)) for attempts in range(MAX_ATTEMPTS)}
    assert len(keys) == MAX_ATTEMPTS


HELD = AttemptRecord(1, "run", AttemptResult.HELD, (), COUNTS)


@pytest.mark.parametrize("state", OVER)
def test_a_held_load_is_left_to_a_person(state: RunState) -> None:
    load = a_load(LoadState.HELD)
    assert decide(load, [HELD], a_run(state), NOW + timedelta(days=1)) == Wait()


@pytest.mark.parametrize("state", OVER)
def test_the_run_that_held_a_load_says_nothing_once_a_person_let_it_go_on(state: RunState) -> None:
    load = a_load(LoadState.REQUESTED)
    assert decide(load, [HELD], a_run(state), NOW) == Wait()
    assert decide(load, [HELD], a_run(state), NOW + DAGSTER_TIMEOUT) == Requeue()


def test_a_load_that_was_let_go_on_has_all_its_attempts_before_it() -> None:
    lost = [
        AttemptRecord(number, "other", AttemptResult.LOST) for number in range(2, MAX_ATTEMPTS + 2)
    ]
    assert not is_outcome_known([HELD, *lost[:-1]])
    assert is_outcome_known([HELD, *lost])


@pytest.mark.parametrize("result", [AttemptResult.PUBLISHED, AttemptResult.REFUSED])
def test_what_rejected_nothing_is_part_of_the_outcome(result: AttemptResult) -> None:
    warning = Cause("reference", "nation", "`nation` is no country", 3, 7, "warning")
    attempt = AttemptRecord(1, "run", result, (), COUNTS, warnings=(warning,))
    decision = decide(a_load(), [attempt], a_run(RunState.SUCCEEDED), NOW)
    assert isinstance(decision, Finish)
    assert decision.outcome.warnings == (warning,)


def test_a_load_that_changes_nothing_is_a_success_that_says_so() -> None:
    decision = decided(AttemptResult.UNCHANGED, run=a_run(RunState.SUCCEEDED))
    assert isinstance(decision, Finish)
    assert decision.outcome.state is LoadState.SUCCEEDED
    assert decision.outcome.is_unchanged


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
