"""How an attempt at a load ended, and recording it: with the load's outcome, if it has one now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, Literal

from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.hold import Hold
from alumniq_pipelines.core.loads.load import MAX_ATTEMPTS, Load
from alumniq_pipelines.core.loads.load_result import (
    AlreadyPublished,
    Held,
    LoadResult,
    Published,
    attempt_result_of,
    check_of,
    check_record,
    errors_of,
    receipt_of,
    version_of,
)
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult, CheckRecord
from alumniq_pipelines.core.loads.reconciliation import outcome_of, step_retry_wait
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.core.notifications.held_load import held_notices
from alumniq_pipelines.core.problems.file import format_faults
from alumniq_pipelines.core.problems.live_data import live_data
from alumniq_pipelines.core.problems.problem import Problem, SetupProblem
from alumniq_pipelines.core.problems.run import AttemptOver
from alumniq_pipelines.fault_points import FaultPoint, reach
from alumniq_pipelines.services.load_actions import outcome_notices
from alumniq_pipelines.services.load_context import LoadContext


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptCompleted:
    """The attempt came to a result; `previous` is the version that was live before."""

    number: int
    result: LoadResult
    previous: Version | None

    @property
    def is_publication(self) -> bool:
        """Whether the load's own version was published."""
        return isinstance(self.result, Published | AlreadyPublished)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed:
    """A fault of ours ended the attempt.

    `tries` are used up with this one since the load was accepted or released; `tries_in_run` are
    those of them that the same run made.
    """

    number: int
    problem: Problem
    tries: int
    tries_in_run: int
    is_publication: ClassVar[Literal[False]] = False

    @property
    def result(self) -> AttemptResult:
        """The result that the ledger records; a fault of our configuration is not retried."""
        is_permanent = isinstance(self.problem, SetupProblem)
        return AttemptResult.MISCONFIGURED if is_permanent else AttemptResult.OUTAGE

    @property
    def errors(self) -> tuple[str, ...]:
        """The descriptions of the fault."""
        return format_faults(self.problem)

    @property
    def is_retryable(self) -> bool:
        """Whether another attempt could succeed and is still left."""
        return self.result is AttemptResult.OUTAGE and self.tries < MAX_ATTEMPTS


AttemptOutcome = AttemptCompleted | AttemptFailed


def record_outcome(
    load: Load,
    begun: AttemptRecord,
    past: Sequence[AttemptRecord],
    outcome: AttemptOutcome,
    context: LoadContext,
) -> None:
    """Record how an attempt ended, and with it the load, unless another attempt follows.

    Raises AttemptOver if it is not the current attempt any more; then nothing was recorded.
    """
    reach(FaultPoint.ATTEMPT_ENDING)
    now = context.clock()
    if isinstance(outcome, AttemptFailed):
        recorded = _record_failure(load, begun, past, outcome, context, now)
    elif isinstance(outcome.result, Held):
        recorded = _record_hold(load, begun.number, outcome.result, context, now)
    else:
        recorded = _record_result(load, begun, past, outcome.result, context, now)
    if not recorded:
        raise AttemptOver(load.job_id)
    reach(FaultPoint.ATTEMPT_ENDED)


def _record_failure(
    load: Load,
    begun: AttemptRecord,
    past: Sequence[AttemptRecord],
    failed: AttemptFailed,
    context: LoadContext,
    now: datetime,
) -> bool:
    attempts = context.ledger.attempts
    if failed.is_retryable:
        wait = step_retry_wait(failed.tries_in_run, context.retry_wait)
        return attempts.end(
            load.job_id,
            begun.number,
            failed.result,
            now,
            errors=failed.errors,
            next_attempt_at=now + wait,
        )
    closed = replace(begun, result=failed.result, errors=failed.errors, ended_at=now)
    return _complete(load, [*past, closed], context, now)


def _record_hold(load: Load, number: int, held: Held, context: LoadContext, now: datetime) -> bool:
    check = check_record(held.check_result, held.changes)
    hold = Hold(
        job_id=load.job_id,
        held=held.rows,
        counts=check.counts,
        changes=held.changes,
        reasons=held.reasons,
        held_at=now,
        expires_at=now + context.hold_duration,
        warnings=check.warnings,
    )
    live = live_data(load.number, context.ledger.versions.newest(load.target))
    notices = held_notices(load, hold, context.staff, context.public_urls, live)
    return context.ledger.holds.hold(
        hold, number, receipt_of(held), notices, profile=held.profile, seconds=held.seconds
    )


def _record_result(
    load: Load,
    begun: AttemptRecord,
    past: Sequence[AttemptRecord],
    result: LoadResult,
    context: LoadContext,
    now: datetime,
) -> bool:
    check, receipt = check_of(result), receipt_of(result)
    closed = replace(
        begun,
        result=attempt_result_of(result),
        errors=errors_of(result),
        ended_at=now,
        sha256=receipt.sha256 if receipt else None,
        etag=receipt.etag if receipt else None,
    )
    if check is not None:
        closed = replace(
            closed,
            counts=check.counts,
            causes=check.causes,
            warnings=check.warnings,
            changes=check.changes,
        )
    return _complete(
        load,
        [*past, closed],
        context,
        now,
        check=check,
        receipt=receipt,
        version=version_of(result),
    )


def _complete(
    load: Load,
    attempts: Sequence[AttemptRecord],
    context: LoadContext,
    now: datetime,
    *,
    check: CheckRecord | None = None,
    receipt: Receipt | None = None,
    version: Version | None = None,
) -> bool:
    """End the load with the last of these attempts; False if that is over."""
    last, ledger, outcome = attempts[-1], context.ledger, outcome_of(attempts)
    if outcome is None or last.result is None:
        message = "Another attempt follows, so the load cannot end."
        raise ValueError(message)
    notices = outcome_notices(ledger, load, outcome, context.public_urls, attempts, context.staff)
    return ledger.attempts.complete(
        load.job_id,
        last.number,
        last.result,
        outcome,
        notices,
        now,
        errors=last.errors,
        check=check,
        receipt=receipt,
        version=version,
    )
