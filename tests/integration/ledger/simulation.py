"""A small system in one process: a real ledger, and runs whose workers can be paused at any step.

The bucket, the check of a file, the warehouse and Dagster are simulated; the ledger and the
services that write to it are the real ones. A worker is a generator: it is paused wherever it
yields, for as long as the test likes, also beyond the end of its run and of its load.
"""

import logging
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from alumniq_pipelines.adapters.archive import FolderArchive
from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.check_result import CheckResult
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.hold import Hold
from alumniq_pipelines.core.loads.load import MAX_ATTEMPTS, JobId, Load, LoadState
from alumniq_pipelines.core.loads.load_result import (
    Held,
    LoadResult,
    Published,
    ReceivedFile,
    Refused,
    SupersededHold,
    Unchanged,
    check_record,
    dry_run_result,
    held_result,
)
from alumniq_pipelines.core.loads.outcome import AttemptRecord, tries
from alumniq_pipelines.core.loads.publication import (
    HoldRows,
    KeepLive,
    PublishRows,
    decide,
)
from alumniq_pipelines.core.loads.reconciliation import Run, RunState
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.core.problems.command import UnknownCustomer
from alumniq_pipelines.core.problems.file import FileGone
from alumniq_pipelines.core.problems.outage import BucketUnavailable, WarehouseUnavailable
from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.core.problems.run import AttemptOver
from alumniq_pipelines.services.attempt import _why_not_begun
from alumniq_pipelines.services.attempt_outcome import (
    AttemptCompleted,
    AttemptFailed,
    AttemptOutcome,
    record_outcome,
)
from alumniq_pipelines.services.cut_off import close_cut_off, revoke_publication
from alumniq_pipelines.services.late_load import too_late_result
from alumniq_pipelines.services.load_context import LoadContext
from alumniq_pipelines.services.publication import find_published_result
from tests.integration.ledger.pausing import Steps
from tests.integration.ledger.simulated_files import THRESHOLDS, File, Kind, held_rows
from tests.memory_warehouse import MemoryWarehouse, Publication

PUBLIC_URLS = PublicUrls.shared("https://feeds.example.edu")

UNTIL_CLAIMED = 0
"""Instead of a number of steps: until the worker may move the pointer, the most delicate moment."""
ALL_STEPS = 99


@dataclass(eq=False)
class SimulatedRun:
    """A run in Dagster, with its worker once it has started."""

    id: str
    job_id: JobId
    launch: int
    state: RunState = RunState.UNDERWAY
    worker: Steps | None = None
    worker_died: bool = False
    is_by_hand: bool = False

    def as_seen(self) -> Run:
        """Return what the reconcile sensor sees of it."""
        return Run(id=self.id, state=self.state, launch=self.launch)

    def kill(self) -> None:
        """Let the worker die between two steps."""
        if self.worker is not None:
            self.worker.close()
            self.worker, self.worker_died = None, True


@dataclass
class Simulation:
    """The system, at a time."""

    ledger: Ledger
    folder: Path
    now: datetime
    warehouse: MemoryWarehouse = field(default_factory=MemoryWarehouse)
    files: dict[Target, File] = field(default_factory=dict)
    runs: list[SimulatedRun] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make what attempts depend on."""
        self.context = LoadContext(
            ledger=self.ledger,
            buckets=FolderBuckets(self.folder / "buckets"),
            warehouse=self.warehouse,
            scratch=self.folder / "scratch",
            archive=FolderArchive(self.folder / "archive"),
            clock=lambda: self.now,
            log=logging.getLogger(__name__),
            public_urls=PUBLIC_URLS,
        )

    def load(self, job_id: JobId) -> Load:
        """Return a load as it is now."""
        found = self.ledger.loads.get(job_id)
        assert found
        return found

    def loads(self, *states: LoadState) -> list[Load]:
        """Return the loads in these states, or all, in order of acceptance."""
        return list(reversed(self.ledger.loads.find(states=states, limit=1_000)))

    def create_run(self, load: Load, launch: int, *, is_by_hand: bool = False) -> SimulatedRun:
        """Create a run of a load in Dagster."""
        run = SimulatedRun(f"run-{len(self.runs)}", load.job_id, launch, is_by_hand=is_by_hand)
        self.runs.append(run)
        return run

    def runs_of(self, job_id: JobId) -> list[SimulatedRun]:
        """Return the runs of a load, newest first."""
        return [run for run in reversed(self.runs) if run.job_id == job_id]

    def advance(self, run: SimulatedRun, steps: int) -> None:
        """Let a worker make some steps, or UNTIL_CLAIMED; at its last one, its run ends."""
        if run.worker is None:
            run.worker = self._work(run)
        for _ in range(steps or ALL_STEPS):
            if steps == UNTIL_CLAIMED and self._is_publishing(run):
                return
            try:
                next(run.worker)
            except StopIteration:
                run.worker = None
                if run.state is RunState.UNDERWAY:
                    run.state = RunState.SUCCEEDED
                return

    def _is_publishing(self, run: SimulatedRun) -> bool:
        attempts = self.ledger.attempts.of(run.job_id)
        return any(attempt.is_publishing for attempt in attempts if attempt.run_id == run.id)

    def _work(self, run: SimulatedRun) -> Steps:
        """Make attempts in a run as `defs/step.py` does, until one needs no other."""
        is_retried = True
        with suppress(AttemptOver):
            while is_retried:
                try:
                    is_retried = yield from self._attempt(run)
                except WarehouseUnavailable:
                    is_retried = True
                yield

    def _attempt(self, run: SimulatedRun) -> Generator[None, None, bool]:
        """Make an attempt as `services/attempt.attempt` does; return whether another follows."""
        ledger, load = self.ledger, self.load(run.job_id)
        yield
        past = tries(ledger.attempts.of(load.job_id))
        if load.state is LoadState.HELD or len(past) >= MAX_ATTEMPTS:
            return False
        yield
        for earlier in past:
            if earlier.is_publishing and earlier.run_id == run.id:
                close_cut_off(ledger, self.warehouse, load, earlier, self.now)
                yield
        begun = ledger.attempts.begin(load, run.id, self.now, launch=run.launch)
        if begun is None:
            _why_not_begun(ledger, load)
            return False
        yield
        outcome = yield from self._make_attempt(load, begun, past)
        yield
        record_outcome(load, begun, past, outcome, self.context)
        return isinstance(outcome, AttemptFailed) and outcome.is_retryable

    def _make_attempt(
        self, load: Load, begun: AttemptRecord, past: Sequence[AttemptRecord]
    ) -> Generator[None, None, AttemptOutcome]:
        try:
            result = yield from self._load(load, begun.number, past)
        except AttemptOver:
            raise
        except Problem as fault:
            problem = fault
        else:
            return AttemptCompleted(number=begun.number, result=result, previous=None)
        yield
        own = self.ledger.attempts.of(load.job_id)[begun.number - 1]
        published = revoke_publication(self.warehouse, load, own) if own.is_publishing else None
        if published is not None:
            return AttemptCompleted(number=begun.number, result=published, previous=None)
        return AttemptFailed(
            number=begun.number,
            problem=problem,
            tries=len(past) + 1,
            tries_in_run=1 + sum(earlier.run_id == begun.run_id for earlier in past),
        )

    def _load(
        self, load: Load, number: int, past: Sequence[AttemptRecord]
    ) -> Generator[None, None, LoadResult]:
        checks = [record.check for record in past if record.check]
        published = find_published_result(load, checks[-1], self.warehouse) if checks else None
        if published is not None:
            return published
        hold, later = self.ledger.holds.get(load.job_id), self.ledger.loads.unchanged_after(load)
        if hold is None:
            return (yield from self._load_file(load, number, later))
        if later is not None:
            return SupersededHold(by=later, hold_reasons=hold.reasons)
        return (yield from self._publish_held(load, number, hold))

    def _load_file(
        self, load: Load, number: int, unchanged_after: int | None
    ) -> Generator[None, None, LoadResult]:
        live = self.warehouse.live(load.target)
        yield
        file = self.files[load.target]
        match file.kind:
            case Kind.AWAY:
                reason = "Away"
                raise BucketUnavailable(reason)
            case Kind.MISCONFIGURED:
                raise UnknownCustomer(load.target.customer)
            case Kind.UNREADABLE:
                return Refused(problem=FileGone(load.request.filename), receipt=None)
        if live is not None and not load.request.dry_run:
            newest = max(live.number, unchanged_after or 0)
            if newest > load.number:
                return too_late_result(Receipt(file.sha256, "e1"), live.sha256, newest)
        return (yield from self._apply(load, number, file))

    def _apply(self, load: Load, number: int, file: File) -> Generator[None, None, LoadResult]:
        live = self.warehouse.live(load.target)
        check, changes = CheckResult(file.counts), file.changes_from(live)
        received = ReceivedFile(receipt=Receipt(file.sha256, "e1"), size_bytes=10)
        yield
        decision = decide(sha256=file.sha256, live=live, changes=changes, thresholds=THRESHOLDS)
        if load.request.dry_run:
            return dry_run_result(decision, check, changes, received, {})
        match decision:
            case KeepLive(live=kept, changes=none):
                return Unchanged(
                    check_result=check, live=kept, changes=none, file=received, seconds={}
                )
            case HoldRows(changes=unusual, reasons=reasons):
                return Held(
                    check_result=check,
                    changes=unusual,
                    rows=held_rows(file),
                    reasons=reasons,
                    file=received,
                )
            case PublishRows():
                version = yield from self._publish(load, number, check, changes, received.receipt)
        if file.kind is Kind.CUT_OFF:
            reason = "Cut off"
            raise WarehouseUnavailable(reason)
        if version.number > load.number:
            return too_late_result(received.receipt, version.sha256, version.number)
        return Published(check_result=check, version=version, changes=changes, file=received)

    def _publish_held(
        self, load: Load, number: int, hold: Hold
    ) -> Generator[None, None, LoadResult]:
        held = held_result(hold)
        receipt = Receipt(hold.held.sha256, hold.held.etag)
        version = yield from self._publish(load, number, held.check_result, held.changes, receipt)
        if version.number > load.number:
            return SupersededHold(by=version.number, hold_reasons=hold.reasons)
        return Published(check_result=held.check_result, version=version, changes=held.changes)

    def _publish(
        self,
        load: Load,
        number: int,
        check: CheckResult,
        changes: Changes | None,
        receipt: Receipt,
    ) -> Generator[None, None, Version]:
        """Complete a version, claim its publication and move the pointer, as a warehouse does."""
        version = Version(
            target=load.target,
            number=load.number,
            job_id=load.job_id,
            rows=check.counts.rows_accepted,
            sha256=receipt.sha256,
            etag=receipt.etag,
            relation=f"{load.target.feed}_{load.number}",
            published_at=self.now,
        )
        if self.warehouse.will_move(version):
            yield
            record = check_record(check, changes)
            if not self.ledger.attempts.claim_publication(
                load.job_id, number, record, receipt, self.now
            ):
                raise AttemptOver(load.job_id)
        yield
        published = self.warehouse.move_pointer(Publication(version=version, attempt=number))
        yield
        return published
