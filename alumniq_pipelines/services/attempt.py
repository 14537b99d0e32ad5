"""The use case: one counted attempt at a load: begin → load → record, free of Dagster."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.checking.decompress import DEFAULT_LIMITS, Limits
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.archive import Archive, Receipt
from alumniq_pipelines.core.loads.bucket import Buckets
from alumniq_pipelines.core.loads.check_result import Cause, file_note, format_errors
from alumniq_pipelines.core.loads.customer import Subscription
from alumniq_pipelines.core.loads.diff import override_thresholds
from alumniq_pipelines.core.loads.hold import HeldRows, Hold
from alumniq_pipelines.core.loads.load import (
    MAX_ATTEMPTS,
    Load,
    LoadState,
)
from alumniq_pipelines.core.loads.outcome import AttemptResult, CheckRecord, tries
from alumniq_pipelines.core.loads.progress import Progress
from alumniq_pipelines.core.loads.warehouse import Version, Warehouse
from alumniq_pipelines.core.notifications.heartbeat import Signal, signal_notices
from alumniq_pipelines.core.notifications.held_load import held_notices
from alumniq_pipelines.core.notifications.staff import NO_STAFF, Staff
from alumniq_pipelines.core.problems.file import FileProblem, RowsRejected, format_faults
from alumniq_pipelines.core.problems.holding import HoldSuperseded
from alumniq_pipelines.core.problems.live_data import live_data
from alumniq_pipelines.core.problems.outage import UnexpectedFault
from alumniq_pipelines.core.problems.outcome import AttemptsExhausted
from alumniq_pipelines.core.problems.problem import Problem, SetupProblem
from alumniq_pipelines.core.problems.request import RequestProblem
from alumniq_pipelines.core.problems.run import AttemptOver, LoadEnded
from alumniq_pipelines.core.trace import trace_of
from alumniq_pipelines.files.scratch import scratch_folder
from alumniq_pipelines.services.load import (
    LoadResult,
    find_published_result,
    held_result,
    publish_held,
    run_load,
    superseded_result,
)
from alumniq_pipelines.services.load_files import LoadFile

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class LoadContext:
    """What an attempt works with."""

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


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """How an attempt went.

    `load_result` is None where the file was not judged to the end, `problem` where something was
    published, held or superseded; `previous` is the version that was live before. `receipt` is of
    the file that was read. `tries` counts this attempt and those before it since the load was held.
    """

    number: int
    result: AttemptResult
    load_result: LoadResult | None = None
    problem: Problem | None = None
    previous: Version | None = None
    receipt: Receipt | None = None
    tries: int = 1

    @property
    def remarks(self) -> tuple[Cause, ...]:
        """What rejected nothing, where the file was judged: of its rows, then of the whole file.

        Hints of a refused file are told among its errors.
        """
        if self.load_result is None:
            return ()
        check_result = self.load_result.check_result
        hints = check_result.hints if self.problem is None else ()
        return (*check_result.remarks, *(file_note(note) for note in (*hints, *check_result.notes)))

    @property
    def check(self) -> CheckRecord | None:
        """What checking found, for the ledger; None where the file was not checked to the end."""
        if self.load_result is None or self.load_result.superseded_by is not None:
            return None
        return CheckRecord(
            counts=self.load_result.check_result.counts,
            causes=self.load_result.check_result.causes,
            remarks=self.remarks,
            changes=self.load_result.changes,
        )

    @property
    def errors(self) -> tuple[str, ...]:
        """What the customer reads, most important first."""
        if self.problem is None:
            return ()
        messages = format_faults(self.problem)
        if self.load_result is None:
            return messages
        check_result = self.load_result.check_result
        return (*messages, *check_result.hints, *format_errors(check_result.causes))

    @property
    def is_retryable(self) -> bool:
        """Whether another attempt could end otherwise and is still left."""
        return self.result is AttemptResult.OUTAGE and self.tries < MAX_ATTEMPTS


def attempt(
    load: Load,
    run_id: str,
    field_map: FieldMap,
    context: LoadContext,
    progress: Progress | None = None,
) -> AttemptOutcome:
    """Make the next attempt at a load and record it in the ledger; one that is held stays so.

    Faults of the file and of ours are answered, not raised; only the ledger's own are, and what
    says that no attempt is left (LoadEnded, AttemptsExhausted) or this one is over (AttemptOver).
    """
    hold = context.ledger.holds.get(load.job_id) if load.state is LoadState.HELD else None
    if hold is not None:
        load_result = held_result(hold)
        return AttemptOutcome(load.attempts, AttemptResult.HELD, load_result)
    before = tries(context.ledger.loads.attempts(load.job_id))
    if len(before) >= MAX_ATTEMPTS:
        raise AttemptsExhausted(MAX_ATTEMPTS)
    checks = [past.check for past in before if past.check]
    attempt_record = context.ledger.loads.begin_attempt(load.job_id, run_id, context.clock())
    if attempt_record is None:
        ended = context.ledger.loads.get(load.job_id) or load
        raise LoadEnded(load.job_id, ended.state)
    if attempt_record.number == 1 and not load.request.dry_run:
        _enqueue_start_notices(load, context)
    open_attempt = _OpenAttempt(
        load=load, number=attempt_record.number, field_map=field_map, context=context
    )
    outcome = _make_attempt(open_attempt, checks[-1] if checks else None, progress)
    outcome = replace(outcome, tries=len(before) + 1)
    if outcome.load_result and outcome.load_result.held:
        _hold_load(load, outcome, outcome.load_result, outcome.load_result.held, context)
        return outcome
    if outcome.load_result and outcome.load_result.version:
        context.ledger.versions.record(outcome.load_result.version, context.clock())
    context.ledger.loads.end_attempt(
        load.job_id,
        attempt_record.number,
        outcome.result,
        context.clock(),
        errors=outcome.errors,
        check=outcome.check,
        receipt=outcome.receipt,
    )
    return outcome


def _enqueue_start_notices(load: Load, context: LoadContext) -> None:
    """Let a dead man's switch elsewhere know that the load has started."""
    watch = context.ledger.watches.get(load.target)
    if watch:
        notices = signal_notices(watch.heartbeat_url, Signal.START)
        context.ledger.notifications.enqueue_start(load.job_id, notices, context.clock())


@dataclass(frozen=True, slots=True, kw_only=True)
class _OpenAttempt:
    """One attempt at one load."""

    load: Load
    number: int
    field_map: FieldMap
    context: LoadContext

    def record(self, load_result: LoadResult, receipt: Receipt | None) -> None:
        """Record what checking found, before it is published; raises AttemptOver.

        A crash right after publishing leaves all that anybody is to be notified of. And who is not
        the current attempt any more (declared dead, or its load ended meanwhile) publishes nothing.
        """
        found = AttemptOutcome(self.number, AttemptResult.PUBLISHED, load_result).check
        loads, job_id = self.context.ledger.loads, self.load.job_id
        if found is None or not loads.record_check(job_id, self.number, found, receipt):
            raise AttemptOver(job_id)


def _make_attempt(
    open_attempt: _OpenAttempt, check: CheckRecord | None, progress: Progress | None
) -> AttemptOutcome:
    """Make the attempt; `check` is what an earlier attempt recorded before it published."""
    load, number, context = open_attempt.load, open_attempt.number, open_attempt.context
    load_file = None
    try:
        previous = context.warehouse.live(load.target)
        later = context.ledger.loads.unchanged_after(load)
        finished = _finish_without_check(open_attempt, check, previous, later)
        if finished is not None:
            return finished
        load_file = _open_load_file(load, context)
        load_result = (
            superseded_result(later) if later else _load_file(open_attempt, load_file, progress)
        )
    except AttemptOver:
        raise
    except (FileProblem, RequestProblem) as problem:
        outcome = AttemptOutcome(number, AttemptResult.REFUSED, problem=problem)
        return replace(outcome, receipt=load_file.receipt if load_file else None)
    except SetupProblem as problem:
        return AttemptOutcome(number, AttemptResult.MISCONFIGURED, problem=problem)
    except Problem as problem:
        return AttemptOutcome(number, AttemptResult.OUTAGE, problem=problem)
    except Exception as fault:  # noqa: BLE001 - whatever it is, the load must have its outcome
        return AttemptOutcome(
            number, AttemptResult.OUTAGE, problem=_log_incident(fault, context.log)
        )
    return _outcome_of_checked_file(load, number, load_result, previous, load_file.receipt)


def _finish_without_check(
    open_attempt: _OpenAttempt,
    check: CheckRecord | None,
    previous: Version | None,
    later: int | None,
) -> AttemptOutcome | None:
    """Finish a load whose file needs no checking any more; None where it does.

    Either an attempt published it and was cut off before it could say so, or a person let held rows
    go on.
    """
    load, context = open_attempt.load, open_attempt.context
    done = find_published_result(load, check, context.warehouse) if check else None
    if done is not None:
        return AttemptOutcome(open_attempt.number, AttemptResult.PUBLISHED, done, previous=previous)
    hold = context.ledger.holds.get(load.job_id)
    if hold is None:
        return None
    load_result = superseded_result(later) if later else _publish_released_hold(open_attempt, hold)
    return _outcome_of_released_hold(open_attempt.number, load_result, hold, previous)


def _outcome_of_checked_file(
    load: Load,
    number: int,
    load_result: LoadResult,
    previous: Version | None,
    receipt: Receipt | None,
) -> AttemptOutcome:
    """Say how an attempt went whose file was judged to the end."""
    outcome = AttemptOutcome(
        number, AttemptResult.REFUSED, load_result, previous=previous, receipt=receipt
    )
    if load_result.superseded_by is not None:
        return replace(outcome, result=AttemptResult.SUPERSEDED)
    if load_result.held is not None:
        return replace(outcome, result=AttemptResult.HELD)
    if load_result.version is not None:
        done = AttemptResult.UNCHANGED if load_result.is_unchanged else AttemptResult.PUBLISHED
        return replace(outcome, result=done)
    if load.request.dry_run and load_result.is_publishable:
        return replace(outcome, result=AttemptResult.CHECKED)
    counts = load_result.check_result.counts
    live = live_data(load.number, previous.number if previous else None)
    return replace(outcome, problem=RowsRejected(counts.rows_rejected, counts.rows_read, live))


def _open_load_file(load: Load, context: LoadContext) -> LoadFile:
    """Find the load's file: in the customer's bucket, or in the archive for a repeated load."""
    customer = context.ledger.customers.get(load.target.customer)
    repeats = load.request.repeats
    repeated = context.ledger.loads.receipt(repeats) if repeats else None
    bucket = context.buckets.open(customer.bucket)
    return LoadFile(load, bucket, context.archive, repeated, log=context.log)


def _load_file(
    open_attempt: _OpenAttempt, load_file: LoadFile, progress: Progress | None
) -> LoadResult:
    load, field_map, context = open_attempt.load, open_attempt.field_map, open_attempt.context
    terms = context.ledger.customers.subscription(load.target) or Subscription(load.target)
    max_rejected, rules = terms.max_rejected, field_map.alumniq
    with scratch_folder(context.scratch / load.job_id) as scratch:
        return run_load(
            load,
            field_map,
            load_file,
            context.warehouse,
            scratch,
            max_rejected=rules.max_rejected if max_rejected is None else max_rejected,
            thresholds=override_thresholds(rules.thresholds, terms.thresholds),
            now=context.clock(),
            before_publish=lambda load_result: open_attempt.record(load_result, load_file.receipt),
            progress=progress,
            report_rows=context.report_rows,
            limits=context.limits,
        )


def _publish_released_hold(open_attempt: _OpenAttempt, hold: Hold) -> LoadResult:
    """Publish what a person let go on."""
    load, context = open_attempt.load, open_attempt.context
    with scratch_folder(context.scratch / load.job_id) as scratch:
        return publish_held(
            load,
            hold,
            context.archive,
            context.warehouse,
            scratch,
            context.clock(),
            before_publish=lambda load_result: open_attempt.record(load_result, None),
        )


def _outcome_of_released_hold(
    number: int, load_result: LoadResult, hold: Hold, previous: Version | None
) -> AttemptOutcome:
    """Say how publishing held rows went; a load accepted later may have been live already."""
    outcome = AttemptOutcome(number, AttemptResult.PUBLISHED, load_result, previous=previous)
    if load_result.superseded_by is None:
        return outcome
    return replace(outcome, result=AttemptResult.REFUSED, problem=HoldSuperseded(hold.reasons))


def _hold_load(
    load: Load,
    outcome: AttemptOutcome,
    load_result: LoadResult,
    held: HeldRows,
    context: LoadContext,
) -> None:
    """Let a load wait for a person, and tell staff."""
    if load_result.changes is None:
        message = "Nothing can be held that changes nothing."
        raise ValueError(message)
    now = context.clock()
    hold = Hold(
        load.job_id,
        held,
        load_result.check_result.counts,
        load_result.changes,
        load_result.reasons_held,
        held_at=now,
        expires_at=now + context.hold_duration,
        remarks=outcome.remarks,
    )
    notices = held_notices(load, hold, context.staff, context.gateway_url)
    context.ledger.holds.hold(hold, outcome.number, outcome.receipt, notices)


def _log_incident(fault: Exception, log: logging.Logger) -> UnexpectedFault:
    """Log where a fault came from, without its text: that may hold cell values."""
    incident = secrets.token_hex(4)
    log.error("Incident %s: %s\n%s", incident, type(fault).__name__, trace_of(fault))
    return UnexpectedFault(incident)
