"""The use case: one counted attempt at a load: begin → load → record, free of Dagster."""

import logging
import secrets
import shutil
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.bucket import Buckets
from alumniq_pipelines.core.field_map import FieldMap
from alumniq_pipelines.core.heartbeat import Signal, signal_notices
from alumniq_pipelines.core.load import MAX_ATTEMPTS, Load, LoadRequest, Origin, new_job_id
from alumniq_pipelines.core.outcome import AttemptResult
from alumniq_pipelines.core.problems.command import LoadEnded, NothingToReload
from alumniq_pipelines.core.problems.file import FileProblem, RowsRejected
from alumniq_pipelines.core.problems.outage import (
    AttemptsExhausted,
    ScratchUnavailable,
    UnexpectedFault,
)
from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.core.problems.request import RequestProblem
from alumniq_pipelines.core.progress import Progress
from alumniq_pipelines.core.target import Target
from alumniq_pipelines.core.verdict import Counts, told_errors
from alumniq_pipelines.core.warehouse import Version, Warehouse
from alumniq_pipelines.loading import LoadReport, run_load

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Means:
    """What an attempt works with."""

    ledger: Ledger
    buckets: Buckets
    warehouse: Warehouse
    scratch: Path
    clock: Clock
    log: logging.Logger


@dataclass(frozen=True, slots=True)
class Attempted:
    """How an attempt went.

    `report` is None where the file was not judged to the end, `problem` where something was
    published or superseded; `previous` is the version that was live before.
    """

    number: int
    result: AttemptResult
    report: LoadReport | None = None
    problem: Problem | None = None
    previous: Version | None = None

    @property
    def counts(self) -> Counts | None:
        """Rows read, accepted and rejected, where the file was judged."""
        return self.report.verdict.counts if self.report else None

    @property
    def errors(self) -> tuple[str, ...]:
        """What the customer reads, most important first."""
        if self.problem is None:
            return ()
        causes = self.report.verdict.causes if self.report else ()
        return (str(self.problem), *told_errors(causes))

    @property
    def may_be_retried(self) -> bool:
        """Whether another attempt could end otherwise and is still left."""
        return self.result is AttemptResult.OUTAGE and self.number < MAX_ATTEMPTS


def attempt(
    load: Load, run_id: str, field_map: FieldMap, means: Means, progress: Progress | None = None
) -> Attempted:
    """Make the next attempt at a load and record it in the ledger.

    Faults of the file and of ours are answered, not raised; only the ledger's own are, and what
    says that no attempt is left: LoadEnded, AttemptsExhausted.
    """
    if load.attempts >= MAX_ATTEMPTS:
        raise AttemptsExhausted(MAX_ATTEMPTS)
    begun = means.ledger.loads.begin_attempt(load.job_id, run_id, means.clock())
    if begun is None:
        raise LoadEnded(load.job_id)
    if begun.number == 1:
        _announce(load, means)
    attempted = _attempted(load, begun.number, field_map, means, progress)
    if attempted.report and attempted.report.version:
        means.ledger.versions.record(attempted.report.version, means.clock())
    means.ledger.loads.end_attempt(
        load.job_id,
        begun.number,
        attempted.result,
        means.clock(),
        errors=attempted.errors,
        counts=attempted.counts,
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
    try:
        previous = means.warehouse.live(load.target)
        report = _run(load, field_map, means, progress)
    except (FileProblem, RequestProblem) as problem:
        return Attempted(number, AttemptResult.REFUSED, problem=problem)
    except Problem as problem:
        return Attempted(number, AttemptResult.OUTAGE, problem=problem)
    except Exception as fault:  # noqa: BLE001 - whatever it is, the load must have its outcome
        return Attempted(number, AttemptResult.OUTAGE, problem=_incident(fault, means.log))
    if report.superseded_by is not None:
        return Attempted(number, AttemptResult.SUPERSEDED, report, previous=previous)
    if report.version is not None:
        return Attempted(number, AttemptResult.PUBLISHED, report, previous=previous)
    counts = report.verdict.counts
    refusal = RowsRejected(counts.rows_rejected, counts.rows_read)
    return Attempted(number, AttemptResult.REFUSED, report, refusal, previous)


def _run(load: Load, field_map: FieldMap, means: Means, progress: Progress | None) -> LoadReport:
    customer = means.ledger.customers.get(load.target.customer)
    subscription = means.ledger.customers.subscription(load.target)
    max_rejected = subscription.max_rejected if subscription else None
    with _room(means.scratch / load.job_id) as scratch:
        return run_load(
            load,
            field_map,
            means.buckets.open(customer.bucket),
            means.warehouse,
            scratch,
            max_rejected=field_map.alumniq.max_rejected if max_rejected is None else max_rejected,
            now=means.clock(),
            progress=progress,
        )


@contextmanager
def _room(folder: Path) -> Iterator[Path]:
    """Lend a folder of the load's own, without what an attempt that died left in it."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ScratchUnavailable(error.strerror or type(error).__name__) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _incident(fault: Exception, log: logging.Logger) -> UnexpectedFault:
    """Log where a fault came from, without its text: that may hold cell values."""
    incident = secrets.token_hex(4)
    frames = "".join(traceback.format_tb(fault.__traceback__))
    log.error("Incident %s: %s\n%s", incident, type(fault).__name__, frames)
    return UnexpectedFault(incident)
