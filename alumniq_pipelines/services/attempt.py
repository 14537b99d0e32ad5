"""The use case: one counted attempt at a load: begin → load → record, free of Dagster."""

import logging
import secrets
from collections.abc import Sequence

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.load import MAX_ATTEMPTS, Load, LoadState, Origin
from alumniq_pipelines.core.loads.load_result import (
    AlreadyPublished,
    LoadResult,
    SupersededHold,
    held_result,
)
from alumniq_pipelines.core.loads.outcome import (
    AttemptRecord,
    CheckRecord,
    count_tries,
    interruption_result,
    tries,
)
from alumniq_pipelines.core.loads.progress import Progress
from alumniq_pipelines.core.loads.publication import terms_of
from alumniq_pipelines.core.notifications.heartbeat import Signal, signal_notices
from alumniq_pipelines.core.problems.outage import UnexpectedFault
from alumniq_pipelines.core.problems.outcome import AttemptsExhausted
from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.core.problems.run import (
    AttemptInterrupted,
    AttemptOver,
    LoadEnded,
    QueuedBehind,
    RunOutdated,
)
from alumniq_pipelines.core.trace import trace_of
from alumniq_pipelines.fault_points import FaultPoint, reach
from alumniq_pipelines.files.scratch import scratch_folder
from alumniq_pipelines.services.attempt_outcome import (
    AttemptCompleted,
    AttemptFailed,
    AttemptOutcome,
    record_outcome,
)
from alumniq_pipelines.services.cut_off import close_cut_off, revoke_publication
from alumniq_pipelines.services.load import publish_held, run_load
from alumniq_pipelines.services.load_context import LoadContext
from alumniq_pipelines.services.load_files import LoadFile
from alumniq_pipelines.services.publication import find_published_result
from alumniq_pipelines.services.restored_ledger import ComparedLoad, compare_load
from alumniq_pipelines.services.traced_attempt import set_outcome, traced_attempt


def attempt(
    load: Load,
    launch: int,
    run_id: str,
    field_map: FieldMap,
    context: LoadContext,
    progress: Progress | None = None,
) -> AttemptOutcome:
    """Make the next attempt at a load for a run of this launch, and record it in the ledger.

    An attempt after which no other is needed ends the load. A publication is the exception: it
    cannot be lost any more, so the caller reports it to Dagster first, and then calls
    `record_publication`. A held load stays held. Faults of the file and of ours are returned, not
    raised. Raises LoadEnded, RunOutdated, QueuedBehind or AttemptsExhausted if the run may not
    begin an attempt, AttemptOver if its attempt is over, AttemptInterrupted if what failed did so
    because this process is to stop, and the ledger's own faults.
    """
    ledger = context.ledger
    hold = ledger.holds.get(load.job_id) if load.state is LoadState.HELD else None
    if hold is not None:
        return AttemptCompleted(number=load.attempts, result=held_result(hold), previous=None)
    past = tries(ledger.attempts.of(load.job_id))
    if count_tries(past) >= MAX_ATTEMPTS:
        raise AttemptsExhausted(MAX_ATTEMPTS)
    begun = _begin(load, launch, run_id, past, context)
    with traced_attempt(load, begun, past) as current:
        outcome = _make_attempt(load, begun, past, field_map, context, progress)
        set_outcome(current, outcome)
        if not outcome.is_publication:
            # It may have another number than when the attempt began.
            load = ledger.loads.get(load.job_id) or load
            record_outcome(load, begun, past, outcome, context)
    return outcome


def _begin(
    load: Load, launch: int, run_id: str, past: Sequence[AttemptRecord], context: LoadContext
) -> AttemptRecord:
    """Open the attempt; the first one at a load sends the start signal of its watch."""
    ledger = context.ledger
    for earlier in past:
        # Of this run only: whether it may do anything about others is known once it begins.
        if earlier.is_publishing and earlier.run_id == run_id:
            close_cut_off(ledger, context.warehouse, load, earlier, context.clock())
    begun = ledger.attempts.begin(load, run_id, context.clock(), launch=launch)
    if begun is None:
        raise _why_not_begun(ledger, load)
    reach(FaultPoint.ATTEMPT_BEGUN)
    if begun.number == 1 and not load.request.dry_run:
        watch = ledger.watches.get(load.target)
        if watch is not None:
            notices = signal_notices(watch.heartbeat_url, Signal.START)
            ledger.notifications.enqueue_start(load.job_id, notices, context.clock())
    return begun


def record_publication(load: Load, outcome: AttemptOutcome, context: LoadContext) -> None:
    """Record an attempt that has published, and end its load.

    If the worker dies before this, the reconcile sensor does it. Raises AttemptOver if it has.
    """
    *past, begun = tries(context.ledger.attempts.of(load.job_id))
    if begun.number != outcome.number:
        raise AttemptOver(load.job_id)
    record_outcome(load, begun, past, outcome, context)


def give_back(load: Load, run_id: str, context: LoadContext) -> None:
    """Close the attempt of a run whose worker is to stop: it is no try, and another one follows.

    What it may have published by now is recorded. Without ledger or warehouse it stays open, and is
    closed as lost by and by.
    """
    try:
        attempts = context.ledger.attempts.of(load.job_id)
        for begun in attempts:
            if begun.run_id == run_id and begun.result is None:
                result = interruption_result(attempts)
                close_cut_off(
                    context.ledger, context.warehouse, load, begun, context.clock(), result
                )
    except Problem as problem:
        context.log.warning("The load %s cannot be given back: %s", load.job_id, problem)


def _why_not_begun(ledger: Ledger, load: Load) -> LoadEnded | RunOutdated | QueuedBehind:
    """Return why a run may not begin an attempt; its own load, if it waits, may be requested."""
    found = ledger.loads.get(load.job_id) or load
    if found.is_final:
        return LoadEnded(found.job_id, found.state)
    if found.state is LoadState.QUEUED and found.request.origin is Origin.DAGSTER:
        ledger.queue.release(found.job_id)
        return QueuedBehind(found.job_id, str(found.target))
    return RunOutdated(found.job_id)


def _make_attempt(
    load: Load,
    begun: AttemptRecord,
    past: Sequence[AttemptRecord],
    field_map: FieldMap,
    context: LoadContext,
    progress: Progress | None,
) -> AttemptOutcome:
    """Load, and return a fault as the outcome: every load must get one.

    A fault of an attempt that has published all the same is none. If that cannot be found out, it
    raises WarehouseUnavailable or DatabaseProblem, and the attempt stays open until it can.
    """
    previous = None
    try:
        previous = context.warehouse.live(load.target)
        compared = compare_load(
            context.ledger, context.warehouse, load, previous, context.clock(), context.log
        )
        load = compared.load
        result = _load(compared, begun.number, past, field_map, context, progress)
    except AttemptOver:
        raise
    except Problem as fault:
        problem: Problem = fault
    except Exception as fault:  # noqa: BLE001 - whatever it is, the load must have its outcome
        problem = _log_incident(fault, context.log)
    else:
        return AttemptCompleted(number=begun.number, result=result, previous=previous)
    if context.is_interrupted():
        raise AttemptInterrupted
    [own] = [
        found for found in context.ledger.attempts.of(load.job_id) if found.number == begun.number
    ]
    published = revoke_publication(context.warehouse, load, own) if own.is_publishing else None
    if published is not None:
        return AttemptCompleted(number=begun.number, result=published, previous=previous)
    return AttemptFailed(
        number=begun.number,
        problem=problem,
        tries=count_tries(past) + 1,
        tries_in_run=1 + sum(earlier.run_id == begun.run_id for earlier in past),
    )


def _log_incident(fault: Exception, log: logging.Logger) -> UnexpectedFault:
    """Log where a fault came from, without its text: that may hold cell values."""
    incident = secrets.token_hex(4)
    log.error("Incident %s: %s\n%s", incident, type(fault).__name__, trace_of(fault))
    return UnexpectedFault(incident)


def _load(
    compared: ComparedLoad,
    number: int,
    past: Sequence[AttemptRecord],
    field_map: FieldMap,
    context: LoadContext,
    progress: Progress | None,
) -> LoadResult:
    """Finish a load whose file needs no further checking, or fetch and load its file."""
    load, ledger, warehouse = compared.load, context.ledger, context.warehouse
    job_id = load.job_id
    checks = [record.check for record in past if record.check]
    published = find_published_result(load, checks[-1], warehouse) if checks else None
    if published is not None:
        return published  # by an earlier attempt that was cut off before it was recorded
    if compared.own is not None:
        return AlreadyPublished(version=compared.own)
    hold, later = ledger.holds.get(job_id), ledger.loads.unchanged_after(load)
    if later is not None and hold is not None:
        return SupersededHold(by=later, hold_reasons=hold.reasons)

    def record_check(check: CheckRecord, receipt: Receipt | None) -> None:
        # An attempt that is no longer the current one (declared dead, or its load has ended)
        # must not publish.
        now = context.clock()
        if not ledger.attempts.claim_publication(job_id, number, check, receipt, now):
            raise AttemptOver(job_id)
        reach(FaultPoint.RESULT_RECORDED)

    with scratch_folder(context.scratch / f"{job_id}.{number}") as scratch:
        if hold is not None:  # a person approved it
            archive, now = context.archive, context.clock()
            return publish_held(
                load, hold, archive, warehouse, scratch, now, record_check, attempt=number
            )
        repeats = load.request.repeats
        load_file = LoadFile(
            load=load,
            bucket=context.buckets.open(ledger.customers.get(load.target.customer).bucket),
            archive=context.archive,
            repeated=ledger.attempts.receipt(repeats) if repeats else None,
            log=context.log,
        )
        terms = terms_of(field_map, ledger.customers.subscription(load.target))
        return run_load(
            load_file,
            field_map,
            warehouse,
            scratch,
            max_rejected=terms.max_rejected,
            thresholds=terms.thresholds,
            baseline=ledger.versions.baseline(load.target, context.clock()),
            now=context.clock(),
            attempt=number,
            before_publish=record_check,
            progress=progress,
            report_rows=context.report_rows,
            limits=context.limits,
            unchanged_after=later,
        )
