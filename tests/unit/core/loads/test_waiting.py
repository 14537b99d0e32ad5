"""What a load waits for, and what people read of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.loads.load import Load, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.waiting import (
    ForApproval,
    ForNextAttempt,
    ForOtherLoads,
    ForStart,
    Waiting,
    format_waiting,
    waiting_for,
)

NOW = datetime(2026, 3, 1, 14, tzinfo=UTC)
SOON = NOW + timedelta(minutes=5)
REQUEST = LoadRequest(new_job_id(), Target("iqu", Environment.QA, "warehouse"), "w.csv", None, None)
QUEUED = Load(1, REQUEST, LoadState.QUEUED, 0, NOW - timedelta(hours=1))


def what(
    load: Load, *results: AttemptResult | None, ahead: int = 0, approval_due: datetime | None = None
) -> Waiting | None:
    attempts = [AttemptRecord(number, "run", result) for number, result in enumerate(results, 1)]
    counted = replace(load, attempts=len(attempts))
    return waiting_for(counted, attempts, NOW, ahead=ahead, approval_due=approval_due)


def test_a_load_behind_others_of_its_table_waits_for_them() -> None:
    assert what(QUEUED, ahead=2) == ForOtherLoads(ahead=2)


@pytest.mark.parametrize("state", [LoadState.QUEUED, LoadState.REQUESTED])
def test_the_first_load_in_its_line_waits_to_start(state: LoadState) -> None:
    first = replace(QUEUED, state=state)
    assert what(first) == ForStart(failed_launches=0, next_launch_at=None)


def test_a_load_whose_launches_failed_waits_for_the_next_one() -> None:
    load = replace(QUEUED, failed_launches=3, next_attempt_at=SOON)
    assert what(load) == ForStart(failed_launches=3, next_launch_at=SOON)


@pytest.mark.parametrize("state", [LoadState.QUEUED, LoadState.REQUESTED, LoadState.RUNNING])
@pytest.mark.parametrize("result", [AttemptResult.OUTAGE, AttemptResult.LOST])
def test_a_load_between_two_attempts_waits_for_the_next_one(
    state: LoadState, result: AttemptResult
) -> None:
    load = replace(QUEUED, state=state, next_attempt_at=SOON)
    assert what(load, result) == ForNextAttempt(due=SOON)


def test_a_time_that_is_over_is_not_named() -> None:
    load = replace(QUEUED, next_attempt_at=NOW)
    assert what(load, AttemptResult.LOST) == ForNextAttempt(due=None)
    assert what(load) == ForStart(failed_launches=0, next_launch_at=None)


def test_an_approved_load_waits_to_start_and_not_for_another_try() -> None:
    assert what(QUEUED, AttemptResult.HELD) == ForStart(failed_launches=0, next_launch_at=None)


def test_a_held_load_waits_for_approval() -> None:
    held = replace(QUEUED, state=LoadState.HELD)
    assert what(held, AttemptResult.HELD, approval_due=SOON) == ForApproval(until=SOON)


@pytest.mark.parametrize("result", [None, AttemptResult.PUBLISHED])
def test_a_load_that_is_worked_on_waits_for_nothing(result: AttemptResult | None) -> None:
    assert what(replace(QUEUED, state=LoadState.RUNNING), result) is None


@pytest.mark.parametrize("state", [LoadState.SUCCEEDED, LoadState.FAILED])
def test_an_ended_load_waits_for_nothing(state: LoadState) -> None:
    assert what(replace(QUEUED, state=state), AttemptResult.OUTAGE, ahead=1) is None


@pytest.mark.parametrize(
    ("waiting", "text"),
    [
        (ForOtherLoads(ahead=1), "Queued behind 1 other load of this feed."),
        (ForOtherLoads(ahead=1_200), "Queued behind 1,200 other loads of this feed."),
        (ForStart(failed_launches=0, next_launch_at=None), "Waiting to start."),
        (ForNextAttempt(due=SOON), "Waiting for another try at 14:05 UTC."),
        (ForNextAttempt(due=None), "Waiting for another try."),
        (ForApproval(until=SOON), "Awaiting approval until 2026-03-01 14:05 UTC."),
    ],
)
def test_everybody_reads_what_a_load_waits_for(waiting: Waiting, text: str) -> None:
    assert format_waiting(waiting) == text
    assert format_waiting(waiting, for_staff=True) == text


@given(st.integers(1, 12), st.sampled_from([None, SOON]))
def test_only_staff_read_of_launches(failed: int, due: datetime | None) -> None:
    waiting = ForStart(failed_launches=failed, next_launch_at=due)
    assert format_waiting(waiting) == "Waiting to start."
    text = format_waiting(waiting, for_staff=True)
    assert f"Failed launches so far: {failed}; the next one is due" in text
    assert ("14:05 UTC" in text) is (due is not None)
