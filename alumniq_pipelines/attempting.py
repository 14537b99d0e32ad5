"""The use case: one counted attempt at a load: begin → load → record, free of Dagster."""

import logging
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from alumniq_pipelines.adapters.decoding import DEFAULT_LIMITS, Limits
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.private_files import make_new_folder
from alumniq_pipelines.core.archive import Archive, Receipt
from alumniq_pipelines.core.bucket import Buckets
from alumniq_pipelines.core.changes import overridden
from alumniq_pipelines.core.customer import Subscription
from alumniq_pipelines.core.field_map import FieldMap
from alumniq_pipelines.core.heartbeat import Signal, signal_notices
from alumniq_pipelines.core.holding import HeldRows, Hold, held_notices
from alumniq_pipelines.core.load import (
    MAX_ATTEMPTS,
    Load,
    LoadRequest,
    LoadState,
    Origin,
    new_job_id,
)
from alumniq_pipelines.core.outcome import AttemptResult, tries
from alumniq_pipelines.core.problems.command import LoadEnded, NothingToReload
from alumniq_pipelines.core.problems.file import FileProblem, RowsRejected, told_faults
from alumniq_pipelines.core.problems.holding import HoldSuperseded
from alumniq_pipelines.core.problems.outage import (
    AttemptsExhausted,
    ScratchUnavailable,
    UnexpectedFault,
)
from alumniq_pipelines.core.problems.problem import Problem, SetupProblem
from alumniq_pipelines.core.problems.request import RequestProblem
from alumniq_pipelines.core.progress import Progress
from alumniq_pipelines.core.staff import NOBODY, Staff
from alumniq_pipelines.core.target import Target
from alumniq_pipelines.core.trace import trace_of
from alumniq_pipelines.core.verdict import Cause, Counts, of_the_file, told_errors
from alumniq_pipelines.core.warehouse import Version, Warehouse
from alumniq_pipelines.keeping import Delivery
from alumniq_pipelines.loading import LoadReport, overtaken, publish_held, report_of_held, run_load

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
    def counts(self) -> Counts | None:
        """Rows read, accepted and rejected, where the file was judged."""
        return self.report.verdict.counts if self.report else None

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
    says that no attempt is left: LoadEnded, AttemptsExhausted.
    """
    hold = means.ledger.holds.get(load.job_id) if load.state is LoadState.HELD else None
    if hold is not None:
        report = report_of_held(hold)
        return Attempted(load.attempts, AttemptResult.HELD, report)
    before = tries(means.ledger.loads.attempts(load.job_id))
    if len(before) >= MAX_ATTEMPTS:
        raise AttemptsExhausted(MAX_ATTEMPTS)
    begun = means.ledger.loads.begin_attempt(load.job_id, run_id, means.clock())
    if begun is None:
        raise LoadEnded(load.job_id)
    if begun.number == 1 and not load.request.dry_run:
        _announce(load, means)
    attempted = _attempted(load, begun.number, field_map, means, progress)
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
        counts=attempted.counts,
        changes=attempted.report.changes if attempted.report else None,
        remarks=attempted.remarks,
        receipt=attempted.receipt,
    )
    return attempted


def accept_again(ledger: Ledger, target: Target, filename: str | None, now: datetime) -> Load:
    """Accept a load that staff ask for: of the target's last accepted file, or of a named one.

    Raises NothingToReload where neither is known.
    """
    if filename is None:
        last = ledger.loads.last_accepted(target)
        if last is None:
            raise NothingToReload(str(target))
        filename = last.request.filename
    request = LoadRequest(
        new_job_id(), target, filename, etag=None, size_bytes=None, origin=Origin.DAGSTER
    )
    return ledger.loads.accept(request, now)


def _announce(load: Load, means: Means) -> None:
    """Let a dead man's switch elsewhere know that the load has started."""
    watch = means.ledger.watches.get(load.target)
    if watch:
        notices = signal_notices(watch.heartbeat_url, Signal.START)
        means.ledger.notifications.announce(load.job_id, notices, means.clock())


def _attempted(
    load: Load, number: int, field_map: FieldMap, means: Means, progress: Progress | None
) -> Attempted:
    delivery = None
    try:
        previous = means.warehouse.live(load.target)
        later = means.ledger.loads.unchanged_after(load)
        hold = means.ledger.holds.get(load.job_id)
        if hold is not None:
            report = overtaken(later) if later else _released(load, hold, means)
            return _let_go(number, report, hold, previous)
        delivery = _delivery(load, means)
        report = overtaken(later) if later else _run(load, field_map, delivery, means, progress)
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
    return replace(attempted, problem=RowsRejected(counts.rows_rejected, counts.rows_read))


def _delivery(load: Load, means: Means) -> Delivery:
    """Find the load's file: in the customer's bucket, or in the archive for a repeated load."""
    customer = means.ledger.customers.get(load.target.customer)
    repeats = load.request.repeats
    repeated = means.ledger.loads.receipt(repeats) if repeats else None
    bucket = means.buckets.open(customer.bucket)
    return Delivery(load, bucket, means.archive, repeated, log=means.log)


def _run(
    load: Load, field_map: FieldMap, delivery: Delivery, means: Means, progress: Progress | None
) -> LoadReport:
    terms = means.ledger.customers.subscription(load.target) or Subscription(load.target)
    max_rejected, rules = terms.max_rejected, field_map.alumniq
    with _room(means.scratch / load.job_id) as scratch:
        return run_load(
            load,
            field_map,
            delivery,
            means.warehouse,
            scratch,
            max_rejected=rules.max_rejected if max_rejected is None else max_rejected,
            thresholds=overridden(rules.thresholds, terms.thresholds),
            now=means.clock(),
            progress=progress,
            report_rows=means.report_rows,
            limits=means.limits,
        )


def _released(load: Load, hold: Hold, means: Means) -> LoadReport:
    """Publish what a person let go on."""
    with _room(means.scratch / load.job_id) as scratch:
        return publish_held(load, hold, means.archive, means.warehouse, scratch, means.clock())


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


@contextmanager
def _room(folder: Path) -> Iterator[Path]:
    """Lend a folder of the load's own, without what an attempt that died left in it."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        make_new_folder(folder)
    except OSError as error:
        raise ScratchUnavailable(error.strerror or type(error).__name__) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _incident(fault: Exception, log: logging.Logger) -> UnexpectedFault:
    """Log where a fault came from, without its text: that may hold cell values."""
    incident = secrets.token_hex(4)
    log.error("Incident %s: %s\n%s", incident, type(fault).__name__, trace_of(fault))
    return UnexpectedFault(incident)
