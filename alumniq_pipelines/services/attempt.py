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
from alumniq_pipelines.core.loads.check_result import Cause, of_the_file, told_errors
from alumniq_pipelines.core.loads.customer import Subscription
from alumniq_pipelines.core.loads.diff import overridden
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
from alumniq_pipelines.core.notifications.staff import NOBODY, Staff
from alumniq_pipelines.core.problems.file import FileProblem, RowsRejected, told_faults
from alumniq_pipelines.core.problems.holding import HoldSuperseded
from alumniq_pipelines.core.problems.live_data import live_data
from alumniq_pipelines.core.problems.outage import (
    AttemptsExhausted,
    UnexpectedFault,
)
from alumniq_pipelines.core.problems.problem import Problem, SetupProblem
from alumniq_pipelines.core.problems.request import RequestProblem
from alumniq_pipelines.core.problems.run import AttemptOver, LoadEnded
from alumniq_pipelines.core.trace import trace_of
from alumniq_pipelines.files.scratch import scratch_folder
from alumniq_pipelines.services.load import (
    LoadReport,
    completed_before,
    overtaken,
    publish_held,
    report_of_held,
    run_load,
)
from alumniq_pipelines.services.load_files import Delivery

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Means:
    """What an attempt works with."""

    ledger: Ledger
    buckets: Buckets
    warehouse: Warehouse
    scratch: Path
    archive: Archive
    clock: Clock
    log: logging.Logger
    gateway_url: str
    hold_for: timedelta = timedelta(days=7)
    staff: Staff = NOBODY
    report_rows: int = 0
    limits: Limits = DEFAULT_LIMITS


@dataclass(frozen=True, slots=True)
class Attempted:
    """How an attempt went.

    `report` is None where the file was not judged to the end, `problem` where something was
    published, held or superseded; `previous` is the version that was live before. `receipt` is of
    the file that was read. `tries` counts this attempt and those before it since the load was held.
    """

    number: int
    result: AttemptResult
    report: LoadReport | None = None
    problem: Problem | None = None
    previous: Version | None = None
    receipt: Receipt | None = None
    tries: int = 1

    @property
    def remarks(self) -> tuple[Cause, ...]:
        """What rejected nothing, where the file was judged: of its rows, then of the whole file.

        Hints of a refused file are told among its errors.
        """
        if self.report is None:
            return ()
        verdict = self.report.verdict
        hints = verdict.hints if self.problem is None else ()
        return (*verdict.remarks, *(of_the_file(each) for each in (*hints, *verdict.notes)))

    @property
    def check(self) -> CheckRecord | None:
        """What checking found, for the ledger; None where the file was not checked to the end."""
        if self.report is None or self.report.superseded_by is not None:
            return None
        return CheckRecord(
            counts=self.report.verdict.counts,
            causes=self.report.verdict.causes,
            remarks=self.remarks,
            changes=self.report.changes,
        )

    @property
    def errors(self) -> tuple[str, ...]:
        """What the customer reads, most important first."""
        if self.problem is None:
            return ()
        told = told_faults(self.problem)
        if self.report is None:
            return told
        verdict = self.report.verdict
        return (*told, *verdict.hints, *told_errors(verdict.causes))

    @property
    def may_be_retried(self) -> bool:
        """Whether another attempt could end otherwise and is still left."""
        return self.result is AttemptResult.OUTAGE and self.tries < MAX_ATTEMPTS


def attempt(
    load: Load, run_id: str, field_map: FieldMap, means: Means, progress: Progress | None = None
) -> Attempted:
    """Make the next attempt at a load and record it in the ledger; one that is held stays so.

    Faults of the file and of ours are answered, not raised; only the ledger's own are, and what
    says that no attempt is left (LoadEnded, AttemptsExhausted) or this one is over (AttemptOver).
    """
    hold = means.ledger.holds.get(load.job_id) if load.state is LoadState.HELD else None
    if hold is not None:
        report = report_of_held(hold)
        return Attempted(load.attempts, AttemptResult.HELD, report)
    before = tries(means.ledger.loads.attempts(load.job_id))
    if len(before) >= MAX_ATTEMPTS:
        raise AttemptsExhausted(MAX_ATTEMPTS)
    checks = [past.check for past in before if past.check]
    begun = means.ledger.loads.begin_attempt(load.job_id, run_id, means.clock())
    if begun is None:
        ended = means.ledger.loads.get(load.job_id) or load
        raise LoadEnded(load.job_id, ended.state)
    if begun.number == 1 and not load.request.dry_run:
        _announce(load, means)
    work = _Work(load=load, number=begun.number, field_map=field_map, means=means)
    attempted = _attempted(work, checks[-1] if checks else None, progress)
    attempted = replace(attempted, tries=len(before) + 1)
    if attempted.report and attempted.report.held:
        _hold(load, attempted, attempted.report, attempted.report.held, means)
        return attempted
    if attempted.report and attempted.report.version:
        means.ledger.versions.record(attempted.report.version, means.clock())
    means.ledger.loads.end_attempt(
        load.job_id,
        begun.number,
        attempted.result,
        means.clock(),
        errors=attempted.errors,
        check=attempted.check,
        receipt=attempted.receipt,
    )
    return attempted


def _announce(load: Load, means: Means) -> None:
    """Let a dead man's switch elsewhere know that the load has started."""
    watch = means.ledger.watches.get(load.target)
    if watch:
        notices = signal_notices(watch.heartbeat_url, Signal.START)
        means.ledger.notifications.announce(load.job_id, notices, means.clock())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One attempt at one load."""

    load: Load
    number: int
    field_map: FieldMap
    means: Means

    def record(self, report: LoadReport, receipt: Receipt | None) -> None:
        """Record what checking found, before it is published; raises AttemptOver.

        A crash right after publishing leaves all that anybody is to be notified of. And who is not
        the current attempt any more (declared dead, or its load ended meanwhile) publishes nothing.
        """
        found = Attempted(self.number, AttemptResult.PUBLISHED, report).check
        loads, job_id = self.means.ledger.loads, self.load.job_id
        if found is None or not loads.record_check(job_id, self.number, found, receipt):
            raise AttemptOver(job_id)


def _attempted(work: _Work, check: CheckRecord | None, progress: Progress | None) -> Attempted:
    """Make the attempt; `check` is what an earlier attempt recorded before it published."""
    load, number, means = work.load, work.number, work.means
    delivery = None
    try:
        previous = means.warehouse.live(load.target)
        later = means.ledger.loads.unchanged_after(load)
        checked_before = _checked_before(work, check, previous, later)
        if checked_before is not None:
            return checked_before
        delivery = _delivery(load, means)
        report = overtaken(later) if later else _run(work, delivery, progress)
    except AttemptOver:
        raise
    except (FileProblem, RequestProblem) as problem:
        refused = Attempted(number, AttemptResult.REFUSED, problem=problem)
        return replace(refused, receipt=delivery.receipt if delivery else None)
    except SetupProblem as problem:
        return Attempted(number, AttemptResult.MISCONFIGURED, problem=problem)
    except Problem as problem:
        return Attempted(number, AttemptResult.OUTAGE, problem=problem)
    except Exception as fault:  # noqa: BLE001 - whatever it is, the load must have its outcome
        return Attempted(number, AttemptResult.OUTAGE, problem=_incident(fault, means.log))
    return _judged(load, number, report, previous, delivery.receipt)


def _checked_before(
    work: _Work, check: CheckRecord | None, previous: Version | None, later: int | None
) -> Attempted | None:
    """Finish a load whose file needs no checking any more; None where it does.

    Either an attempt published it and was cut off before it could say so, or a person let held rows
    go on.
    """
    load, means = work.load, work.means
    done = completed_before(load, check, means.warehouse) if check else None
    if done is not None:
        return Attempted(work.number, AttemptResult.PUBLISHED, done, previous=previous)
    hold = means.ledger.holds.get(load.job_id)
    if hold is None:
        return None
    report = overtaken(later) if later else _released(work, hold)
    return _let_go(work.number, report, hold, previous)


def _judged(
    load: Load,
    number: int,
    report: LoadReport,
    previous: Version | None,
    receipt: Receipt | None,
) -> Attempted:
    """Say how an attempt went whose file was judged to the end."""
    attempted = Attempted(number, AttemptResult.REFUSED, report, previous=previous, receipt=receipt)
    if report.superseded_by is not None:
        return replace(attempted, result=AttemptResult.SUPERSEDED)
    if report.held is not None:
        return replace(attempted, result=AttemptResult.HELD)
    if report.version is not None:
        done = AttemptResult.UNCHANGED if report.is_unchanged else AttemptResult.PUBLISHED
        return replace(attempted, result=done)
    if load.request.dry_run and report.is_good:
        return replace(attempted, result=AttemptResult.JUDGED)
    counts = report.verdict.counts
    live = live_data(load.number, previous.number if previous else None)
    return replace(attempted, problem=RowsRejected(counts.rows_rejected, counts.rows_read, live))


def _delivery(load: Load, means: Means) -> Delivery:
    """Find the load's file: in the customer's bucket, or in the archive for a repeated load."""
    customer = means.ledger.customers.get(load.target.customer)
    repeats = load.request.repeats
    repeated = means.ledger.loads.receipt(repeats) if repeats else None
    bucket = means.buckets.open(customer.bucket)
    return Delivery(load, bucket, means.archive, repeated, log=means.log)


def _run(work: _Work, delivery: Delivery, progress: Progress | None) -> LoadReport:
    load, field_map, means = work.load, work.field_map, work.means
    terms = means.ledger.customers.subscription(load.target) or Subscription(load.target)
    max_rejected, rules = terms.max_rejected, field_map.alumniq
    with scratch_folder(means.scratch / load.job_id) as scratch:
        return run_load(
            load,
            field_map,
            delivery,
            means.warehouse,
            scratch,
            max_rejected=rules.max_rejected if max_rejected is None else max_rejected,
            thresholds=overridden(rules.thresholds, terms.thresholds),
            now=means.clock(),
            before_publish=lambda report: work.record(report, delivery.receipt),
            progress=progress,
            report_rows=means.report_rows,
            limits=means.limits,
        )


def _released(work: _Work, hold: Hold) -> LoadReport:
    """Publish what a person let go on."""
    load, means = work.load, work.means
    with scratch_folder(means.scratch / load.job_id) as scratch:
        return publish_held(
            load,
            hold,
            means.archive,
            means.warehouse,
            scratch,
            means.clock(),
            before_publish=lambda report: work.record(report, None),
        )


def _let_go(number: int, report: LoadReport, hold: Hold, previous: Version | None) -> Attempted:
    """Say how publishing held rows went; a load accepted later may have been live already."""
    attempted = Attempted(number, AttemptResult.PUBLISHED, report, previous=previous)
    if report.superseded_by is None:
        return attempted
    return replace(attempted, result=AttemptResult.REFUSED, problem=HoldSuperseded(hold.reasons))


def _hold(
    load: Load, attempted: Attempted, report: LoadReport, held: HeldRows, means: Means
) -> None:
    """Let a load wait for a person, and tell staff."""
    if report.changes is None:
        message = "Nothing can be held that changes nothing."
        raise ValueError(message)
    now = means.clock()
    hold = Hold(
        load.job_id,
        held,
        report.verdict.counts,
        report.changes,
        report.reasons_held,
        held_at=now,
        expires_at=now + means.hold_for,
        remarks=attempted.remarks,
    )
    notices = held_notices(load, hold, means.staff, means.gateway_url)
    means.ledger.holds.hold(hold, attempted.number, attempted.receipt, notices)


def _incident(fault: Exception, log: logging.Logger) -> UnexpectedFault:
    """Log where a fault came from, without its text: that may hold cell values."""
    incident = secrets.token_hex(4)
    log.error("Incident %s: %s\n%s", incident, type(fault).__name__, trace_of(fault))
    return UnexpectedFault(incident)
