"""What follows from how a load's runs went: an outcome, another try, or nothing yet.

Pure decisions, carried out by a thin sensor. A worker ends its load itself. What is decided here is
about runs that ended before they could: they never started, died, or were stopped by a person.
Everything may be decided again at any time: deciding twice changes nothing.

A **launch** is one request for a run. One whose run ends before it begins an attempt has failed; it
is repeated later and does not count towards the attempts, which are tries at the file.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from alumniq_pipelines.core.loads.load import (
    MAX_ATTEMPTS,
    OUTSTANDING_STATES,
    Load,
    LoadState,
)
from alumniq_pipelines.core.loads.outcome import (
    REFUSALS,
    SUCCESSES,
    AttemptRecord,
    AttemptResult,
    Outcome,
    count_tries,
    refusal_outcome,
    tries,
)
from alumniq_pipelines.core.problems.outcome import (
    AttemptsExhausted,
    LoadStopped,
    Misconfigured,
    NotStarted,
)

DAGSTER_TIMEOUT = timedelta(seconds=60)
"""How long Dagster may take to create a requested run. It takes a second; a daemon that restarts in
between takes longer. A run that is created later than that does nothing."""

FIELD_MAP_TIMEOUT = timedelta(hours=1)
"""How long a load waits for a field map that is gone."""

MAX_FAILED_LAUNCHES = 12
"""With the waits below and the default of 30 seconds, the last one is about 90 minutes after the
first: longer than a restart of the machine or an overload by nightly jobs should last."""

MAX_WAIT = timedelta(minutes=10)
"""The longest wait before the next try."""


class RunState(StrEnum):
    """The state of a Dagster run, as far as it matters to a load."""

    UNDERWAY = "underway"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A Dagster run of a load, for one of its launches."""

    id: str
    state: RunState
    launch: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for now."""


@dataclass(frozen=True, slots=True)
class Finish:
    """End the load with this outcome."""

    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Requeue:
    """Queue the load again: it needs another run, from this time on."""

    next_attempt_at: datetime
    is_failed_launch: bool


Decision = Wait | Finish | Requeue


def current_run(load: Load, attempts: Sequence[AttemptRecord], runs: Sequence[Run]) -> Run | None:
    """Return the run that matters, of all runs of a load, newest first; None if there is none.

    One whose attempt is open takes precedence: a person may have executed a run again, or canceled
    that one, while this one works. Then one that is underway. Runs of earlier launches may do
    nothing.
    """
    working = {attempt.run_id for attempt in attempts if attempt.result is None}
    underway = [run for run in runs if run.state is RunState.UNDERWAY]
    of_launch = [run for run in runs if run.launch == load.launch]
    candidates = (
        *(run for run in underway if run.id in working),
        *(run for run in of_launch if run in underway),
        *of_launch,
    )
    return next(iter(candidates), None)


def may_proceed(
    load: Load, attempts: Sequence[AttemptRecord], run: Run | None, now: datetime
) -> bool:
    """Whether nothing is to be done about a load: its run is underway, or may still be created."""
    if load.state not in OUTSTANDING_STATES:
        return True
    if run is None:
        return now - _last_activity(load, attempts) < DAGSTER_TIMEOUT
    return run.state is RunState.UNDERWAY


def decide(
    load: Load,
    attempts: Sequence[AttemptRecord],
    run: Run | None,
    now: datetime,
    *,
    retry_wait: timedelta,
) -> Decision:
    """Return what to do about an outstanding load, by its attempts and its current run.

    If the run is over, no attempt is open any more: close them first. `retry_wait` is the time
    between the first try and the second.
    """
    if may_proceed(load, attempts, run, now):
        return Wait()
    outcome = outcome_of(attempts)
    if outcome is None and run is not None and run.state is RunState.CANCELED:
        stopped = LoadStopped()
        outcome = Outcome(LoadState.FAILED, (str(stopped),), remedy=stopped.advice)
    if outcome is not None:
        return Finish(outcome)
    if load.state is LoadState.RUNNING:
        is_interrupted = attempts[-1:] and attempts[-1].result is AttemptResult.STOPPED
        tried = count_tries(attempts)
        wait = timedelta() if is_interrupted else wait_before_next(tried, retry_wait)
        return Requeue(next_attempt_at=now + wait, is_failed_launch=False)
    return _after_failed_launch(load.failed_launches + 1, now, retry_wait)


def _after_failed_launch(
    failed_launches: int, now: datetime, retry_wait: timedelta
) -> Finish | Requeue:
    """Return what follows from this many failed launches in a row."""
    if failed_launches < MAX_FAILED_LAUNCHES:
        wait = wait_before_next(failed_launches, retry_wait)
        return Requeue(next_attempt_at=now + wait, is_failed_launch=True)
    problem = NotStarted()
    return Finish(
        Outcome(LoadState.FAILED, (str(problem),), remedy=problem.advice, is_our_fault=True)
    )


def wait_before_next(count: int, first: timedelta) -> timedelta:
    """Return how long to wait after this many tries: twice as long each time, up to MAX_WAIT."""
    return min(first * (1 << max(count - 1, 0)), MAX_WAIT)


def step_retry_wait(tries_in_run: int, first: timedelta) -> timedelta:
    """Return how long the step of a run waits after this many tries, by Dagster's RetryPolicy."""
    return first * ((1 << tries_in_run) - 1)


def is_orphaned(load: Load, feeds: Container[str], queued: datetime, now: datetime) -> bool:
    """Whether no run will ever be requested, because the load's feed no longer has a field map.

    Only after a while: field maps may be missing while a new release is deployed.
    """
    waits_long = now - queued > FIELD_MAP_TIMEOUT
    return load.state is LoadState.QUEUED and load.target.feed not in feeds and waits_long


def queued_at(
    load: Load, attempts: Sequence[AttemptRecord], approved_at: datetime | None
) -> datetime:
    """Return when a load was last queued: accepted, released by a run, or its hold approved."""
    ended = (attempt.ended_at for attempt in attempts)
    return max(moment for moment in (load.accepted_at, approved_at, *ended) if moment)


def run_key(load: Load, launch: int) -> str:
    """Return the key of the run to request: Dagster drops keys it has seen, so repeat freely."""
    return f"{load.job_id}.{launch}"


def outcome_of(attempts: Sequence[AttemptRecord]) -> Outcome | None:
    """Return the outcome that follows from closed attempts; None where another one may succeed."""
    last = attempts[-1] if attempts else None
    # An attempt that was killed after it published may be followed by others that were lost.
    done = [attempt for attempt in tries(attempts) if attempt.result in SUCCESSES]
    if done:
        return _success(done[-1])
    if last is None:
        return None
    if last.result in REFUSALS:
        return refusal_outcome(last)
    if last.result is AttemptResult.MISCONFIGURED:
        return Outcome(LoadState.FAILED, (str(Misconfigured()),), is_our_fault=True)
    if count_tries(attempts) >= MAX_ATTEMPTS:
        errors = (str(AttemptsExhausted(MAX_ATTEMPTS)), *last.errors)
        return Outcome(LoadState.FAILED, errors, is_our_fault=True)
    return None


def _success(attempt: AttemptRecord) -> Outcome:
    """Return the outcome of a success; a superseded load published none of what it had found."""
    if attempt.result is AttemptResult.SUPERSEDED:
        return Outcome(LoadState.SUCCEEDED, is_superseded=True)
    return Outcome(
        LoadState.SUCCEEDED,
        counts=attempt.counts,
        changes=attempt.changes,
        is_unchanged=attempt.result is AttemptResult.UNCHANGED,
        warnings=attempt.warnings,
    )


def _last_activity(load: Load, attempts: Sequence[AttemptRecord]) -> datetime:
    """Return when an outstanding load's run was requested, or last seen to do something."""
    moments = [load.requested_at, load.started_at, load.accepted_at]
    if attempts:
        moments += [attempts[-1].started_at, attempts[-1].ended_at]
    return max(moment for moment in moments if moment)
