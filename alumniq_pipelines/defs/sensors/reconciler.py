"""Reconciling a load with its runs: look at the latest one, decide, carry it out."""

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
"""A worker shows itself within seconds of its start; on a busy machine, within many."""
NO_RUN = "none"
"""In the place of a run's id where there was no run."""


@dataclass(frozen=True, slots=True)
class LoadReconciler:
    """Brings loads into line with Dagster's runs of them."""

    ledger: Ledger
    instance: dg.DagsterInstance
    settings: Settings

    def reconcile(self, load: Load) -> str:
        """Do what follows from how the load's latest run went, and say so in one word.

        Harmless to repeat, and to do twice at once: every change is a conditional UPDATE.
        """
        record = self._active_run(load) or latest_run(self.instance, load.job_id)
        run = to_run(record, worker_died=self._worker_died(record)) if record else None
        if run and run.state is not RunState.UNDERWAY:
            try:
                self._record_lost_attempt(load, run.id)
            except WarehouseUnavailable as away:
                log.warning("Load %s cannot be ended yet: %s", load.job_id, away)
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
                self._fail_dead_run(record)
                return "declared dead"
        assert_never(decision)

    def fail_orphaned(self, load: Load, *, is_broken: bool = False) -> str:
        """End a load whose feed has no field map: our fault, and nothing to try again.

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
        # Who died before it could show itself, or after it was done, is missed where it must be.
        idle_time = datetime.now(UTC) - record.update_timestamp.astimezone(UTC)
        is_ours = isinstance(self.instance.run_launcher, dg.DefaultRunLauncher)
        return is_ours and idle_time > LEASE_GRACE and worker_locks.is_missing(folder, run_id)

    def _active_run(self, load: Load) -> RunRecord | None:
        """Return the run whose attempt is open and which has not ended, as far as Dagster knows.

        It is what counts, also where another run of the load is newer: a person may have executed
        one again, or cancelled it, while this one works.
        """
        for attempt in self.ledger.loads.attempts(load.job_id):
            if attempt.result is None:
                record = self.instance.get_run_record_by_id(attempt.run_id)
                if record and not record.dagster_run.is_finished:
                    return record
        return None

    def _record_lost_attempt(self, load: Load, run_id: str) -> None:
        """Count a run that ended before it began, and close an attempt that was left open."""
        loads, now = self.ledger.loads, datetime.now(UTC)
        # Read after the run was seen to be over: an attempt of its own is among them by now.
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
        """Record that an attempt published, which was cut off before it could; False if none did.

        What it had found was recorded before the pointer moved: nothing needs to be tried again.
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
        # No run works in it any more, and one that was killed has left the customer's rows there.
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

    def _fail_dead_run(self, record: RunRecord | None) -> None:
        if record:
            run = record.dagster_run
            self.instance.report_run_failed(run, "The run's worker has died.")
            worker_locks.clear(self.settings.workers_dir, run.run_id)
