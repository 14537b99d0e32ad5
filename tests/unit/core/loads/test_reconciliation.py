"""What follows from how a load's runs went."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.loads.check_result import Cause, Counts
from alumniq_pipelines.core.loads.load import (
    FINAL_STATES,
    MAX_ATTEMPTS,
    OUTSTANDING_STATES,
    Load,
    LoadRequest,
    LoadState,
    new_job_id,
)
from alumniq_pipelines.core.loads.outcome import (
    REFUSALS,
    SUCCESSES,
    AttemptRecord,
    AttemptResult,
    Outcome,
)
from alumniq_pipelines.core.loads.reconciliation import (
    DAGSTER_TIMEOUT,
    MAX_FAILED_LAUNCHES,
    MAX_WAIT,
    Decision,
    Finish,
    Requeue,
    Run,
    RunState,
    Wait,
    current_run,
    decide,
    may_proceed,
    outcome_of,
)
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.problems.holding import LaterFileLoaded, WouldBeHeld

NOW = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
TARGET = Target("iqu", Environment.PRODUCTION, "warehouse")
COUNTS = Counts(10, 9, 1)
RETRY_WAIT = timedelta(seconds=30)
OVER = (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELED)
FAILED = Run(id="run", state=RunState.FAILED, launch=1)
HELD = AttemptRecord(1, "run", AttemptResult.HELD, (), COUNTS)


def a_load(state: LoadState = LoadState.RUNNING, *, failed_launches: int = 0) -> Load:
    request = LoadRequest(new_job_id(), TARGET, "warehouse.csv", "etag", 10)
    return Load(
        number=1,
        request=request,
        state=state,
        attempts=0,
        accepted_at=NOW,
        requested_at=NOW,
        launch=1,
        failed_launches=failed_launches,
    )


def a_run(state: RunState) -> Run:
    return Run(id="run", state=state, launch=1)


def attempts_with(results: Sequence[AttemptResult | None]) -> list[AttemptRecord]:
    return [
        AttemptRecord(number, "run", result, ("Because.",), COUNTS)
        for number, result in enumerate(results, start=1)
    ]


def decide_at(
    load: Load,
    attempts: Sequence[AttemptRecord],
    run: Run | None,
    after: timedelta = timedelta(),
) -> Decision:
    return decide(load, attempts, run, NOW + after, retry_wait=RETRY_WAIT)


def outcome_after(*results: AttemptResult, run: Run = FAILED) -> Outcome:
    decision = decide_at(a_load(), attempts_with(results), run)
    assert isinstance(decision, Finish)
    return decision.outcome


@pytest.mark.parametrize("result", [AttemptResult.PUBLISHED, AttemptResult.SUPERSEDED])
@pytest.mark.parametrize("state", OVER)
def test_what_was_published_is_a_success_however_its_run_ended(
    result: AttemptResult, state: RunState
) -> None:
    outcome = outcome_after(result, run=a_run(state))
    assert outcome.state is LoadState.SUCCEEDED
    assert outcome.errors == ()
    is_superseded = result is AttemptResult.SUPERSEDED
    assert outcome.is_superseded is is_superseded
    assert outcome.counts == (None if is_superseded else COUNTS)


def test_an_attempt_lost_after_one_that_published_takes_nothing_back() -> None:
    lost = [AttemptResult.LOST] * (MAX_ATTEMPTS - 1)
    outcome = outcome_after(AttemptResult.PUBLISHED, *lost)
    assert (outcome.state, outcome.counts) == (LoadState.SUCCEEDED, COUNTS)


def test_a_refused_file_fails_its_load_with_what_was_found() -> None:
    outcome = outcome_after(AttemptResult.REFUSED)
    assert outcome.state is LoadState.FAILED
    assert outcome.errors == ("Because.",)
    assert outcome.counts == COUNTS
    assert not outcome.is_our_fault


def test_a_load_that_came_too_late_fails_and_its_customer_need_not_mend_anything() -> None:
    outcome = outcome_after(AttemptResult.OVERTAKEN)
    assert outcome.state is LoadState.FAILED
    assert outcome.remedy == LaterFileLoaded().advice


def test_a_dry_run_whose_load_would_be_held_fails_with_the_reasons() -> None:
    errors = (str(WouldBeHeld()), "50 rows removed.")
    outcome = outcome_of([AttemptRecord(1, "run", AttemptResult.WOULD_BE_HELD, errors, COUNTS)])
    assert outcome
    assert outcome.state is LoadState.FAILED
    assert outcome.errors == errors
    assert outcome.hold_reasons == ("50 rows removed.",)


def test_a_fault_of_our_setup_fails_its_load_at_once_and_is_ours() -> None:
    outcome = outcome_after(AttemptResult.MISCONFIGURED)
    assert outcome.state is LoadState.FAILED
    assert outcome.is_our_fault


@pytest.mark.parametrize("state", sorted(OUTSTANDING_STATES))
def test_a_run_stopped_by_a_person_fails_its_load_in_plain_words(state: LoadState) -> None:
    decision = decide_at(a_load(state), [], a_run(RunState.CANCELED))
    assert isinstance(decision, Finish)
    assert decision.outcome.state is LoadState.FAILED
    assert "stopped by our staff" in decision.outcome.errors[0]


@pytest.mark.parametrize("result", [AttemptResult.OUTAGE, AttemptResult.LOST])
def test_another_attempt_follows_an_outage_or_a_lost_worker_later_each_time(
    result: AttemptResult,
) -> None:
    for count in range(1, MAX_ATTEMPTS):
        decision = decide_at(a_load(), attempts_with([result] * count), FAILED)
        wait = RETRY_WAIT * 2 ** (count - 1)
        assert decision == Requeue(next_attempt_at=NOW + wait, is_failed_launch=False)


@pytest.mark.parametrize("last", [AttemptResult.OUTAGE, AttemptResult.LOST])
def test_the_fifth_failed_attempt_ends_the_load(last: AttemptResult) -> None:
    outcome = outcome_after(*[AttemptResult.OUTAGE] * (MAX_ATTEMPTS - 1), last)
    assert outcome.state is LoadState.FAILED
    assert "5 times" in outcome.errors[0]
    assert outcome.errors[1:] == ("Because.",)
    assert outcome.is_our_fault


@pytest.mark.parametrize("state", sorted(OUTSTANDING_STATES))
def test_a_run_that_is_underway_is_left_alone(state: LoadState) -> None:
    run = a_run(RunState.UNDERWAY)
    assert decide_at(a_load(state), attempts_with([None]), run, timedelta(hours=9)) == Wait()


def test_a_run_that_dagster_never_created_is_a_failed_launch_after_a_while() -> None:
    load = a_load(LoadState.REQUESTED)
    assert decide_at(load, [], None, DAGSTER_TIMEOUT / 2) == Wait()
    decision = decide_at(load, [], None, DAGSTER_TIMEOUT)
    due = NOW + DAGSTER_TIMEOUT + RETRY_WAIT
    assert decision == Requeue(next_attempt_at=due, is_failed_launch=True)


def test_failed_launches_wait_longer_each_time_and_end_the_load_in_the_end() -> None:
    waits = []
    for failed in range(MAX_FAILED_LAUNCHES - 1):
        load = a_load(LoadState.REQUESTED, failed_launches=failed)
        decision = decide_at(load, [], FAILED)
        assert isinstance(decision, Requeue)
        assert decision.is_failed_launch
        waits.append(decision.next_attempt_at - NOW)
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (RETRY_WAIT, MAX_WAIT)
    last = a_load(LoadState.REQUESTED, failed_launches=MAX_FAILED_LAUNCHES - 1)
    decision = decide_at(last, [], FAILED)
    assert isinstance(decision, Finish)
    assert decision.outcome.state is LoadState.FAILED
    assert decision.outcome.is_our_fault
    assert "5 times" not in decision.outcome.errors[0]


def test_failed_launches_do_not_use_up_attempts() -> None:
    lost = attempts_with([AttemptResult.LOST] * (MAX_ATTEMPTS - 1))
    load = a_load(LoadState.REQUESTED, failed_launches=MAX_FAILED_LAUNCHES - 2)
    decision = decide_at(load, lost, FAILED)
    assert isinstance(decision, Requeue)
    assert decision.is_failed_launch


RUN_STATES = st.sampled_from(RunState)
RUNS = st.none() | st.builds(Run, id=st.just("run"), state=RUN_STATES, launch=st.just(1))
CLOSED = st.lists(st.sampled_from(AttemptResult), max_size=MAX_ATTEMPTS)
"""Attempts are closed before anything is decided about a run that is over."""
LATER = st.timedeltas(timedelta(), timedelta(days=9))


@given(
    state=st.sampled_from(sorted({LoadState.QUEUED, LoadState.HELD, *FINAL_STATES})),
    run=RUNS,
    results=CLOSED,
    later=LATER,
)
def test_nothing_follows_for_a_load_that_is_not_outstanding(
    state: LoadState, run: Run | None, results: list[AttemptResult], later: timedelta
) -> None:
    assert decide_at(a_load(state), attempts_with(results), run, later) == Wait()


@given(
    state=st.sampled_from(sorted(OUTSTANDING_STATES)),
    run=RUNS,
    results=CLOSED,
    failed_launches=st.integers(0, MAX_FAILED_LAUNCHES),
)
def test_no_load_is_left_for_good_unless_a_living_run_works_on_it(
    state: LoadState, run: Run | None, results: list[AttemptResult], failed_launches: int
) -> None:
    load, attempts = a_load(state, failed_launches=failed_launches), attempts_with(results)
    decision = decide_at(load, attempts, run, DAGSTER_TIMEOUT)
    is_underway = run is not None and run.state is RunState.UNDERWAY
    assert (decision == Wait()) is is_underway
    assert may_proceed(load, attempts, run, NOW + DAGSTER_TIMEOUT) is is_underway


@given(run=RUNS, results=CLOSED, later=LATER)
def test_a_failure_is_never_reported_without_a_reason_when_attempts_gave_one(
    run: Run | None, results: list[AttemptResult], later: timedelta
) -> None:
    decision = decide_at(a_load(), attempts_with(results), run, later)
    if isinstance(decision, Finish) and decision.outcome.state is LoadState.FAILED:
        assert decision.outcome.errors
        assert all(decision.outcome.errors)


@given(results=CLOSED)
def test_a_load_succeeds_if_and_only_if_an_attempt_since_its_release_did(
    results: list[AttemptResult],
) -> None:
    outcome = outcome_of(attempts_with(results))
    last_held = max((i for i, r in enumerate(results) if r is AttemptResult.HELD), default=-1)
    is_done = any(result in SUCCESSES for result in results[last_held + 1 :])
    assert (outcome is not None and outcome.state is LoadState.SUCCEEDED) is is_done


@pytest.mark.parametrize(
    ("results", "is_known"),
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
def test_a_load_has_no_outcome_while_another_attempt_can_follow(
    results: list[AttemptResult | None], *, is_known: bool
) -> None:
    assert (outcome_of(attempts_with(results)) is not None) is is_known


@pytest.mark.parametrize("state", OVER)
def test_a_held_load_is_left_to_a_person(state: RunState) -> None:
    load = a_load(LoadState.HELD)
    assert decide_at(load, [HELD], a_run(state), timedelta(days=1)) == Wait()


def test_the_run_that_held_a_load_says_nothing_once_a_person_approved_it() -> None:
    load = replace(a_load(LoadState.REQUESTED), launch=2)
    run = current_run(load, [HELD], [FAILED])
    assert decide_at(load, [HELD], run) == Wait()
    decision = decide_at(load, [HELD], run, DAGSTER_TIMEOUT)
    assert isinstance(decision, Requeue)


def test_an_approved_load_has_all_its_attempts_before_it() -> None:
    lost = [
        AttemptRecord(number, "other", AttemptResult.LOST) for number in range(2, MAX_ATTEMPTS + 2)
    ]
    assert outcome_of([HELD, *lost[:-1]]) is None
    assert outcome_of([HELD, *lost]) is not None


@pytest.mark.parametrize("result", [AttemptResult.PUBLISHED, AttemptResult.REFUSED])
def test_what_rejected_nothing_is_part_of_the_outcome(result: AttemptResult) -> None:
    warning = Cause("reference", "nation", "`nation` is no country", 3, 7, "warning")
    attempt = AttemptRecord(1, "run", result, (), COUNTS, warnings=(warning,))
    outcome = outcome_of([attempt])
    assert outcome
    assert outcome.warnings == (warning,)


def test_a_load_that_changes_nothing_is_a_success_that_says_so() -> None:
    outcome = outcome_after(AttemptResult.UNCHANGED)
    assert outcome.state is LoadState.SUCCEEDED
    assert outcome.is_unchanged
