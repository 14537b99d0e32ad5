"""The use case: one counted attempt at a load: begin → load → record, free of Dagster."""

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import assert_never

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.checking.decompress import DEFAULT_LIMITS, Limits
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.archive import Archive, Receipt
from alumniq_pipelines.core.loads.bucket import Buckets
from alumniq_pipelines.core.loads.customer import Subscription
from alumniq_pipelines.core.loads.diff import override_thresholds
from alumniq_pipelines.core.loads.hold import Hold
from alumniq_pipelines.core.loads.load import MAX_ATTEMPTS, Load, LoadState
from alumniq_pipelines.core.loads.load_result import (
    DryRun,
    Held,
    LoadResult,
    Published,
    Refused,
    Rejected,
    Superseded,
    SupersededHold,
    Unchanged,
    attempt_result_of,
    check_of,
    check_record,
    errors_of,
    held_result,
    receipt_of,
)
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult, CheckRecord, tries
from alumniq_pipelines.core.loads.progress import Progress
from alumniq_pipelines.core.loads.warehouse import Version, Warehouse
from alumniq_pipelines.core.notifications.heartbeat import Signal, signal_notices
from alumniq_pipelines.core.notifications.held_load import held_notices
from alumniq_pipelines.core.notifications.staff import NO_STAFF, Staff
from alumniq_pipelines.core.problems.file import format_faults
from alumniq_pipelines.core.problems.outage import UnexpectedFault
from alumniq_pipelines.core.problems.outcome import AttemptsExhausted
from alumniq_pipelines.core.problems.problem import Problem, SetupProblem
from alumniq_pipelines.core.problems.run import AttemptOver, LoadEnded
from alumniq_pipelines.core.trace import trace_of
from alumniq_pipelines.fault_points import FaultPoint, reach
from alumniq_pipelines.files.scratch import scratch_folder
from alumniq_pipelines.services.load import find_published_result, publish_held, run_load
from alumniq_pipelines.services.load_files import LoadFile

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadContext:
    """What a load attempt depends on."""

    ledger: Ledger
    buckets: Buckets
    warehouse: Warehouse
    scratch: Path
    archive: Archive
    clock: Clock
    log: logging.Logger
    gateway_url: str
    hold_duration: timedelta = timedelta(days=7)
    staff: Staff = NO_STAFF
    report_rows: int = 0
    limits: Limits = DEFAULT_LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptCompleted:
    """The attempt came to a result; `previous` is the version that was live before."""

    number: int
    result: LoadResult
    previous: Version | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed:
    """A fault of ours ended the attempt.

    `tries` counts this attempt and those before it since the load was accepted or released.
    """

    number: int
    problem: Problem
    tries: int

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


def attempt(
    load: Load,
    run_id: str,
    field_map: FieldMap,
    context: LoadContext,
    progress: Progress | None = None,
) -> AttemptOutcome:
    """Make the next attempt at a load and record it in the ledger; a held load stays held.

    Faults of the file and of ours are returned, not raised. Raises LoadEnded or AttemptsExhausted
    if no attempt is left, AttemptOver if this one is over, and the ledger's own faults.
    """
    ledger = context.ledger
    hold = ledger.holds.get(load.job_id) if load.state is LoadState.HELD else None
    if hold is not None:
        return AttemptCompleted(number=load.attempts, result=held_result(hold), previous=None)
    past = tries(ledger.loads.attempts(load.job_id))
    if len(past) >= MAX_ATTEMPTS:
        raise AttemptsExhausted(MAX_ATTEMPTS)
    attempt_record = ledger.loads.begin_attempt(load.job_id, run_id, context.clock())
    if attempt_record is None:
        ended = ledger.loads.get(load.job_id) or load
        raise LoadEnded(load.job_id, ended.state)
    reach(FaultPoint.ATTEMPT_BEGUN)
    if attempt_record.number == 1 and not load.request.dry_run:
        watch = ledger.watches.get(load.target)
        if watch is not None:
            notices = signal_notices(watch.heartbeat_url, Signal.START)
            ledger.notifications.enqueue_start(load.job_id, notices, context.clock())
    outcome = _make_attempt(load, attempt_record.number, past, field_map, context, progress)
    reach(FaultPoint.ATTEMPT_ENDING)
    _record(load, outcome, context)
    reach(FaultPoint.ATTEMPT_ENDED)
    return outcome


def _make_attempt(
    load: Load,
    number: int,
    past: Sequence[AttemptRecord],
    field_map: FieldMap,
    context: LoadContext,
    progress: Progress | None,
) -> AttemptOutcome:
    """Load, and return a fault as the outcome: every load must get one."""
    try:
        previous = context.warehouse.live(load.target)
        result = _load(load, number, past, field_map, context, progress)
    except AttemptOver:
        raise
    except Problem as problem:
        return AttemptFailed(number=number, problem=problem, tries=len(past) + 1)
    except Exception as fault:  # noqa: BLE001 - whatever it is, the load must have its outcome
        return AttemptFailed(
            number=number, problem=_log_incident(fault, context.log), tries=len(past) + 1
        )
    return AttemptCompleted(number=number, result=result, previous=previous)


def _log_incident(fault: Exception, log: logging.Logger) -> UnexpectedFault:
    """Log where a fault came from, without its text: that may hold cell values."""
    incident = secrets.token_hex(4)
    log.error("Incident %s: %s\n%s", incident, type(fault).__name__, trace_of(fault))
    return UnexpectedFault(incident)


def _load(
    load: Load,
    number: int,
    past: Sequence[AttemptRecord],
    field_map: FieldMap,
    context: LoadContext,
    progress: Progress | None,
) -> LoadResult:
    """Finish a load whose file needs no further checking, or fetch and load its file."""
    ledger, warehouse, job_id = context.ledger, context.warehouse, load.job_id
    checks = [record.check for record in past if record.check]
    published = find_published_result(load, checks[-1], warehouse) if checks else None
    if published is not None:
        return published  # by an earlier attempt that was cut off before it was recorded
    hold, later = ledger.holds.get(job_id), ledger.loads.unchanged_after(load)
    if later is not None:
        if hold is None:
            return Superseded(by=later)
        return SupersededHold(by=later, hold_reasons=hold.reasons)

    def record_check(check: CheckRecord, receipt: Receipt | None) -> None:
        # An attempt that is no longer the current one (declared dead, or its load has ended)
        # must not publish.
        if not ledger.loads.record_check(job_id, number, check, receipt):
            raise AttemptOver(job_id)
        reach(FaultPoint.RESULT_RECORDED)

    with scratch_folder(context.scratch / job_id) as scratch:
        if hold is not None:  # a person approved it
            archive, now = context.archive, context.clock()
            return publish_held(load, hold, archive, warehouse, scratch, now, record_check)
        repeats = load.request.repeats
        load_file = LoadFile(
            load=load,
            bucket=context.buckets.open(ledger.customers.get(load.target.customer).bucket),
            archive=context.archive,
            repeated=ledger.loads.receipt(repeats) if repeats else None,
            log=context.log,
        )
        terms = ledger.customers.subscription(load.target) or Subscription(load.target)
        rules = field_map.alumniq
        return run_load(
            load_file,
            field_map,
            warehouse,
            scratch,
            max_rejected=rules.max_rejected if terms.max_rejected is None else terms.max_rejected,
            thresholds=override_thresholds(rules.thresholds, terms.thresholds),
            now=context.clock(),
            before_publish=record_check,
            progress=progress,
            report_rows=context.report_rows,
            limits=context.limits,
        )


def _record(load: Load, outcome: AttemptOutcome, context: LoadContext) -> None:
    """Record how an attempt ended; staff are notified of a load that is held."""
    ledger, number, now = context.ledger, outcome.number, context.clock()
    if isinstance(outcome, AttemptFailed):
        ledger.loads.end_attempt(load.job_id, number, outcome.result, now, errors=outcome.errors)
        return
    result = outcome.result
    match result:
        case Held():
            check = check_record(result.check_result, result.changes)
            hold = Hold(
                job_id=load.job_id,
                held=result.rows,
                counts=check.counts,
                changes=result.changes,
                reasons=result.reasons,
                held_at=now,
                expires_at=now + context.hold_duration,
                warnings=check.warnings,
            )
            notices = held_notices(load, hold, context.staff, context.gateway_url)
            ledger.holds.hold(hold, number, receipt_of(result), notices)
            return
        case Published(version=version) | Unchanged(live=version):
            ledger.versions.record(version, now)
            reach(FaultPoint.VERSION_RECORDED)
        case Superseded() | SupersededHold() | Refused() | Rejected() | DryRun():
            pass
        case _ as unreachable:
            assert_never(unreachable)
    ledger.loads.end_attempt(
        load.job_id,
        number,
        attempt_result_of(result),
        now,
        errors=errors_of(result),
        check=check_of(result),
        receipt=receipt_of(result),
    )
