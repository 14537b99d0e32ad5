"""What follows from how a load's runs went: an outcome, another run, or nothing yet.

Pure decisions, carried out by thin sensors. A load ends when an attempt succeeded or was refused,
when a person stopped its run, or when no attempt is left; after any other end of a run, another run
is needed. Everything here may be called again at any time: deciding twice changes nothing.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from alumniq_pipelines.core.loads.load import MAX_ATTEMPTS, Load, LoadState, Origin
from alumniq_pipelines.core.loads.outcome import (
    REFUSALS,
    SUCCESSES,
    AttemptRecord,
    AttemptResult,
    Outcome,
    refusal_outcome,
    tries,
)
from alumniq_pipelines.core.problems.outcome import AttemptsExhausted, LoadStopped, Misconfigured

DAGSTER_TIMEOUT = timedelta(seconds=60)
"""How long Dagster may take to do what was requested or announced: create a requested run, tag a
failed one, launch a retry. It takes seconds; a daemon that restarts in between takes longer."""

FIELD_MAP_TIMEOUT = timedelta(hours=1)
"""How long a load waits for a field map that is gone."""


class RunState(StrEnum):
    """The state of a Dagster run, as far as it matters to a load."""

    UNDERWAY = "underway"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A Dagster run of a load.

    `will_retry` is what Dagster announced of a failed run, None until it has. `worker_died` is
    known only of workers on this machine. `changed_at` is the run's last sign of activity.
    """

    id: str
    state: RunState
    changed_at: datetime
    will_retry: bool | None = None
    worker_died: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for now."""


@dataclass(frozen=True, slots=True)
class Finish:
    """End the load with this outcome."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Requeue:
    """Queue the load again: it needs another run."""


@dataclass(frozen=True, slots=True)
class MarkRunFailed:
    """Mark the run as failed, since its worker died; the next decision follows from that."""


Decision = Wait | Finish | Requeue | MarkRunFailed


def decide(
    load: Load, attempts: Sequence[AttemptRecord], run: Run | None, now: datetime
) -> Decision:
    """Return what to do about a load, by its attempts and its latest run (None if it has none).

    `attempts` include one by `run` unless the run ended before its attempt began: record that
    attempt as lost first.
    """
    if load.is_final or load.state is LoadState.HELD:
        return Wait()
    if run is not None and run.state is RunState.UNDERWAY:
        return MarkRunFailed() if run.worker_died else Wait()
    if run is None or _was_held_by(run, attempts):
        asked_at = load.requested_at or load.started_at or load.accepted_at
        return Wait() if now - asked_at < DAGSTER_TIMEOUT else Requeue()
    outcome = _outcome(attempts, run)
    if outcome is not None:
        return Finish(outcome)
    return (
        Wait()
        if run.will_retry is not False and now - run.changed_at < DAGSTER_TIMEOUT
        else Requeue()
    )


def is_outcome_known(attempts: Sequence[AttemptRecord]) -> bool:
    """Whether the attempts end a load as soon as the run that made them is over."""
    conclusive = {*SUCCESSES, *REFUSALS, AttemptResult.MISCONFIGURED}
    return bool(attempts) and (
        attempts[-1].result in conclusive or len(tries(attempts)) >= MAX_ATTEMPTS
    )


def should_request_run(load: Load, now: datetime) -> bool:
    """Whether a run must be requested now.

    A load that was requested in the Dagster UI has a run already, which begins it at once; it needs
    another only if that run died in between.
    """
    is_new = load.attempts == 0 and now - load.accepted_at < DAGSTER_TIMEOUT
    return load.state is LoadState.QUEUED and not (load.request.origin is Origin.DAGSTER and is_new)


def queued_at(
    load: Load, attempts: Sequence[AttemptRecord], approved_at: datetime | None
) -> datetime:
    """Return when a load was last queued: accepted, released by a run, or its hold approved."""
    ended = (attempt.ended_at for attempt in attempts)
    return max(moment for moment in (load.accepted_at, approved_at, *ended) if moment)


def is_orphaned(load: Load, feeds: Container[str], queued: datetime, now: datetime) -> bool:
    """Whether no run will ever be requested, because the load's feed no longer has a field map.

    Only after a while: field maps may be missing while a new release is deployed.
    """
    waits_long = now - queued > FIELD_MAP_TIMEOUT
    return load.state is LoadState.QUEUED and load.target.feed not in feeds and waits_long


def run_key(load: Load) -> str:
    """Return the key of the run to request: Dagster drops keys it has seen, so repeat freely.

    A load that was queued again after an attempt needs a key of its own.
    """
    return f"{load.job_id}.{load.attempts + 1}" if load.attempts else str(load.job_id)


def _was_held_by(run: Run, attempts: Sequence[AttemptRecord]) -> bool:
    """Whether a load that was approved was held by this run, and has no other run yet."""
    last = attempts[-1] if attempts else None
    return last is not None and last.result is AttemptResult.HELD and last.run_id == run.id


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


def _outcome(attempts: Sequence[AttemptRecord], run: Run) -> Outcome | None:
    """Return the outcome once a run is over; None where another attempt may still succeed."""
    last = attempts[-1] if attempts else AttemptRecord(0, run.id)
    # An attempt that was killed after it published may be followed by others that were lost.
    done = [attempt for attempt in tries(attempts) if attempt.result in SUCCESSES]
    if done:
        return _success(done[-1])
    if last.result in REFUSALS:
        return refusal_outcome(last)
    if last.result is AttemptResult.MISCONFIGURED:
        return Outcome(LoadState.FAILED, (str(Misconfigured()),))
    if run.state is RunState.CANCELED:
        stopped = LoadStopped()
        return Outcome(LoadState.FAILED, (str(stopped),), remedy=stopped.advice)
    if len(tries(attempts)) >= MAX_ATTEMPTS:
        return Outcome(LoadState.FAILED, (str(AttemptsExhausted(MAX_ATTEMPTS)), *last.errors))
    return None
