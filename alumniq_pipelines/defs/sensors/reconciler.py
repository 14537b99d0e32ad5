"""Reconciliation of a load with its runs: find the latest one, decide, apply the decision."""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import assert_never

import dagster as dg
from dagster import RunRecord

from alumniq_pipelines.adapters import worker_locks
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.load import MAX_ATTEMPTS, Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult, Outcome, tries
from alumniq_pipelines.core.loads.reconciliation import (
    Finish,
    MarkRunFailed,
    Requeue,
    RunState,
    Wait,
    decide,
)
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable
from alumniq_pipelines.core.problems.outcome import Misconfigured
from alumniq_pipelines.core.problems.setup import FeedDisabled, FeedGone
from alumniq_pipelines.defs.run_records import latest_run, to_run
from alumniq_pipelines.services.load_actions import end_load
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.warehouse_wiring import open_warehouse
from alumniq_pipelines.wiring import staff_of

log = logging.getLogger(__name__)

LEASE_GRACE = timedelta(minutes=2)
"""A worker takes its lease seconds after it was started; on a busy machine, it may take longer."""
NO_RUN = "none"
"""Recorded instead of a run's id if there was no run."""


@dataclass(frozen=True, slots=True)
class LoadReconciler:
    """Brings loads into line with Dagster's runs of them."""

    ledger: Ledger
    instance: dg.DagsterInstance
    settings: Settings

    def reconcile(self, load: Load) -> str:
        """Bring the load into line with its latest run, and return what was done.

        Harmless to repeat, also concurrently: every change is a conditional UPDATE.
        """
        record = self._active_run(load) or latest_run(self.instance, load.job_id)
        run = to_run(record, worker_died=self._worker_died(record)) if record else None
        if run and run.state is not RunState.UNDERWAY:
            try:
                self._record_lost_attempt(load, run.id)
            except WarehouseUnavailable as problem:
                log.warning("Load %s cannot be ended yet: %s", load.job_id, problem)
                return "left"
        attempts = self.ledger.loads.attempts(load.job_id)
        now = datetime.now(UTC)
        decision = decide(load, attempts, run, now)
        match decision:
            case Wait():
                return "left"
            case Finish(outcome):
                self._finish(load, outcome, attempts, now)
                return "ended"
            case Requeue():
                self.ledger.loads.requeue(load.job_id, now)
                return "queued again"
            case MarkRunFailed():
                if record:
                    message = "The run's worker has died."
                    self.instance.report_run_failed(record.dagster_run, message)
                    worker_locks.clear(self.settings.workers_dir, record.dagster_run.run_id)
                return "declared dead"
        assert_never(decision)

    def fail_orphaned(self, load: Load, *, is_broken: bool = False) -> str:
        """End a load whose feed has no field map: a fault of ours that no retry solves.

        The field map is gone, or it is broken and no good one was saved.
        """
        loads, now = self.ledger.loads, datetime.now(UTC)
        attempt_record = loads.begin_attempt(load.job_id, NO_RUN, now)
        if attempt_record is None:
            return "left"
        feed = load.target.feed
        message = str(FeedDisabled(feed) if is_broken else FeedGone(feed))
        loads.end_attempt(
            load.job_id, attempt_record.number, AttemptResult.MISCONFIGURED, now, errors=[message]
        )
        outcome = Outcome(LoadState.FAILED, (str(Misconfigured()),))
        self._finish(load, outcome, loads.attempts(load.job_id), now)
        return "ended without a field map"

    def _worker_died(self, record: RunRecord) -> bool:
        folder, run_id = self.settings.workers_dir, record.dagster_run.run_id
        if worker_locks.is_dead(folder, run_id):
            return True
        # A worker that died before it took its lease, or after it gave it up, leaves none behind.
        # That counts only where the lease would be on this machine.
        idle_time = datetime.now(UTC) - record.update_timestamp.astimezone(UTC)
        is_ours = isinstance(self.instance.run_launcher, dg.DefaultRunLauncher)
        return is_ours and idle_time > LEASE_GRACE and worker_locks.is_missing(folder, run_id)

    def _active_run(self, load: Load) -> RunRecord | None:
        """Return the run whose attempt is open and which has not ended, as far as Dagster knows.

        It takes precedence over newer runs of the load: a person may have executed one again, or
        canceled it, while this one works.
        """
        for attempt in self.ledger.loads.attempts(load.job_id):
            if attempt.result is None:
                record = self.instance.get_run_record_by_id(attempt.run_id)
                if record and not record.dagster_run.is_finished:
                    return record
        return None

    def _record_lost_attempt(self, load: Load, run_id: str) -> None:
        """Record an attempt for a run that ended before it began one; end attempts left open."""
        loads, now = self.ledger.loads, datetime.now(UTC)
        # Read after the run was seen to have ended, so that an attempt of its own is included.
        attempts = loads.attempts(load.job_id)
        if self._recover_published(load, attempts, now):
            return
        if len(tries(attempts)) < MAX_ATTEMPTS and all(
            earlier.run_id != run_id for earlier in attempts
        ):
            loads.begin_attempt(load.job_id, run_id, now)
        for attempt in loads.attempts(load.job_id):
            if attempt.result is None:
                loads.end_attempt(load.job_id, attempt.number, AttemptResult.LOST, now)

    def _recover_published(
        self, load: Load, attempts: Sequence[AttemptRecord], now: datetime
    ) -> bool:
        """Record what an attempt published before it was cut off; False if none did.

        Its check result was recorded before the pointer moved, so nothing needs to be retried.
        """
        from alumniq_pipelines.services.load import find_published_result

        interrupted = {None, AttemptResult.LOST, AttemptResult.OUTAGE}
        checked = [
            attempt
            for attempt in tries(attempts)
            if attempt.check and attempt.result in interrupted
        ]
        if not checked or checked[-1].check is None or load.request.dry_run:
            return False
        warehouse = open_warehouse(self.settings)
        published = find_published_result(load, checked[-1].check, warehouse)
        if published is None:
            return False
        self.ledger.versions.record(published.version, now)
        self.ledger.loads.mark_published(load.job_id, checked[-1].number, now)
        return True

    def _finish(
        self, load: Load, outcome: Outcome, attempts: Sequence[AttemptRecord], now: datetime
    ) -> None:
        # No run uses the folder any more, and a killed one has left the customer's rows in it.
        shutil.rmtree(self.settings.scratch_dir / load.job_id, ignore_errors=True)
        end_load(
            self.ledger,
            load,
            outcome,
            now,
            gateway_url=self.settings.gateway_url,
            attempts=attempts,
            staff=staff_of(self.settings),
        )
