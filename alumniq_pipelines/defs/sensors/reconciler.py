"""Reconciliation of loads with their runs: look at all that are outstanding, decide, apply."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import assert_never

import dagster as dg
from dagster import DagsterRunStatus, RunRecord
from dagster._core.errors import DagsterUserCodeUnreachableError  # has no public name

from alumniq_pipelines.adapters import worker_locks
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult, Outcome
from alumniq_pipelines.core.loads.reconciliation import (
    Decision,
    Finish,
    Requeue,
    Run,
    RunState,
    Wait,
    current_run,
    decide,
    may_proceed,
    outcome_of,
)
from alumniq_pipelines.core.problems.outage import LedgerUnavailable, WarehouseUnavailable
from alumniq_pipelines.core.problems.setup import FeedDisabled, FeedGone
from alumniq_pipelines.core.trace import trace_of
from alumniq_pipelines.defs.run_records import runs_of, to_run
from alumniq_pipelines.defs.tags import PARENT_RUN, RETRY_NUMBER
from alumniq_pipelines.services.load_actions import end_load
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.warehouse_wiring import open_warehouse
from alumniq_pipelines.wiring import staff_of

log = logging.getLogger(__name__)

LEASE_GRACE = timedelta(minutes=2)
"""A worker takes its lease seconds after it was started; on a busy machine, it may take longer."""
STOP_SECONDS = 1.0
"""How long a pass stops runs. Dagster takes about 0.1 s to cancel a queued one, and up
to a minute to find that the code server, which must stop a worker, does not answer."""
MAX_RUNS = 1_000
"""Running ones that are looked at: far more than Dagster's limit allows."""
NO_RUN = "none"
"""Recorded instead of a run's id if there was no run."""


@dataclass(frozen=True, slots=True)
class LoadReconciler:
    """Brings loads into line with Dagster's runs of them."""

    ledger: Ledger
    instance: dg.DagsterInstance
    settings: Settings

    def reconcile(self) -> Counter[str]:
        """Bring every outstanding load into line with its runs, oldest first; count what was done.

        Runs whose workers have died are failed first, also those of loads that have ended. Costs
        four queries, however many loads are waiting: the queue bounds those that are outstanding.
        Harmless to repeat, also concurrently: every change is a conditional UPDATE.
        """
        done = Counter(["declared dead"] * self._fail_dead_runs())
        loads = self.ledger.queue.outstanding()
        if not loads:
            return done
        job_ids = [load.job_id for load in loads]
        records = runs_of(self.instance, job_ids)
        # Read after the runs: of a run that was seen to have ended, every attempt is included.
        attempts = self.ledger.attempts.of_each(job_ids)
        for load in loads:
            try:
                done[self._reconcile(load, attempts[load.job_id], records[load.job_id])] += 1
            except LedgerUnavailable:
                raise
            except Exception as fault:  # noqa: BLE001 - one load must not block those behind it
                done[_log_fault(load, fault)] += 1
        return done

    def stop_runs(self) -> Counter[str]:
        """Stop the runs of loads that were canceled, in Dagster's queue or at work.

        At least one, then as many as STOP_SECONDS allow; the next pass stops the others.
        """
        loads = self.ledger.queue.stopping()
        records = runs_of(self.instance, [load.job_id for load in loads]) if loads else {}
        done: Counter[str] = Counter()
        is_late, deadline = False, time.monotonic() + STOP_SECONDS
        for load in loads:
            underway = [
                record.dagster_run
                for record in records[load.job_id]
                if not record.dagster_run.is_finished and not _is_rerun_by_hand(record.dagster_run)
            ]
            for run in underway:
                if is_late or run.status is DagsterRunStatus.CANCELING:
                    continue
                done["run stopped"] += self._cancel_run(run.run_id)
                is_late = time.monotonic() > deadline
            if not underway:
                self.ledger.queue.mark_stopped(load.job_id)
        return done

    def fail_orphaned(self, load: Load, *, is_broken: bool = False) -> str:
        """End a load whose feed has no field map: a fault of ours that no retry solves.

        The field map is gone, or it is broken and no good one was saved.
        """
        attempts, now = self.ledger.attempts, datetime.now(UTC)
        begun = attempts.begin(load, NO_RUN, now, launch=load.launch)
        if begun is None:
            return "left"
        feed = load.target.feed
        message = str(FeedDisabled(feed) if is_broken else FeedGone(feed))
        attempts.end(load.job_id, begun.number, AttemptResult.MISCONFIGURED, now, errors=[message])
        outcome = outcome_of(attempts.of(load.job_id))
        if outcome is not None:
            self._finish(load, outcome, now)
        return "ended without a field map"

    def _fail_dead_runs(self) -> int:
        """Report runs as failed whose workers have died, and return how many.

        Until then, Dagster's limits count them as running, and the next load of the table waits.
        """
        running = dg.RunsFilter(statuses=[DagsterRunStatus.STARTED])
        dead = [
            record.dagster_run.run_id
            for record in self.instance.get_run_records(running, limit=MAX_RUNS)
            if self._worker_died(record)
        ]
        for run_id in dead:
            run = self.instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                self.instance.report_run_failed(run, "The run's worker has died.")
            worker_locks.clear(self.settings.workers_dir, run_id)
        return len(dead)

    def _reconcile(
        self, load: Load, attempts: Sequence[AttemptRecord], records: Sequence[RunRecord]
    ) -> str:
        run = current_run(load, attempts, [to_run(record) for record in records])
        now = datetime.now(UTC)
        if may_proceed(load, attempts, run, now):
            return "left"
        # What the load was when it was listed may be older than the end of its run.
        load = self.ledger.loads.get(load.job_id) or load
        if not self._close_attempts(load, run, now):
            return "left"
        attempts = self.ledger.attempts.of(load.job_id)
        retry_wait = timedelta(seconds=self.settings.retry_seconds)
        return self._apply(load, decide(load, attempts, run, now, retry_wait=retry_wait), now)

    def _apply(self, load: Load, decision: Decision, now: datetime) -> str:
        """Carry out a decision and return what was done."""
        match decision:
            case Wait():
                return "left"
            case Finish(outcome):
                self._finish(load, outcome, now)
                return "ended"
            case Requeue(next_attempt_at=due, is_failed_launch=is_failed_launch):
                self.ledger.queue.requeue(load, due, is_failed_launch=is_failed_launch)
                return "queued again"
        assert_never(decision)

    def _close_attempts(self, load: Load, run: Run | None, now: datetime) -> bool:
        """Close what an ended run left open, or record what it published; False if it moved on.

        The result of its check was recorded before the pointer moved, so what was published needs
        no retry.
        """
        from alumniq_pipelines.services.cut_off import close_cut_off

        ledger, warehouse = self.ledger, open_warehouse(self.settings)
        is_stopped = run is not None and run.state is RunState.CANCELED
        result = AttemptResult.STOPPED if is_stopped else AttemptResult.LOST
        try:
            for attempt in ledger.attempts.of(load.job_id):
                if attempt.result is None and not close_cut_off(
                    ledger, warehouse, load, attempt, now, result
                ):
                    return False
        except WarehouseUnavailable as problem:
            log.warning("Load %s cannot be ended yet: %s", load.job_id, problem)
            return False
        return True

    def _worker_died(self, record: RunRecord) -> bool:
        """Whether a run that has started has no worker any more, as far as this machine knows."""
        folder, run_id = self.settings.workers_dir, record.dagster_run.run_id
        if worker_locks.is_dead(folder, run_id):
            return True
        # A worker that died before it took its lease, or after it gave it up, leaves none behind.
        # That counts only where the lease would be on this machine.
        idle_time = datetime.now(UTC) - record.update_timestamp.astimezone(UTC)
        is_ours = isinstance(self.instance.run_launcher, dg.DefaultRunLauncher)
        return is_ours and idle_time > LEASE_GRACE and worker_locks.is_missing(folder, run_id)

    def _cancel_run(self, run_id: str) -> bool:
        """Cancel a run as the Dagster UI does; False if that must be tried again."""
        try:
            return self.instance.run_coordinator.cancel_run(run_id)
        except DagsterUserCodeUnreachableError as error:
            log.warning("Run %s cannot be stopped yet: %s", run_id, type(error).__name__)
            return False

    def _finish(self, load: Load, outcome: Outcome, now: datetime) -> None:
        attempts = self.ledger.attempts.of(load.job_id)
        end_load(
            self.ledger,
            load,
            outcome,
            now,
            gateway_url=self.settings.gateway_url,
            attempts=attempts,
            staff=staff_of(self.settings),
        )


def _log_fault(load: Load, fault: Exception) -> str:
    """Log where a fault came from, without its text: that may hold cell values."""
    name, trace = type(fault).__name__, trace_of(fault)
    log.error("Load %s cannot be reconciled: %s\n%s", load.job_id, name, trace)
    return "failed to reconcile"


def _is_rerun_by_hand(run: dg.DagsterRun) -> bool:
    """Whether a person re-executed a run: it makes a load of its own, which was not canceled."""
    return PARENT_RUN in run.tags and RETRY_NUMBER not in run.tags
