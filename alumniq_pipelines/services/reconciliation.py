"""The use case: bring loads into line with how their runs went; free of Dagster.

It looks at all outstanding loads, decides, and applies. That may be repeated at any time, also
concurrently: every change is a conditional UPDATE.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.load import JobId, Load
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult, Outcome
from alumniq_pipelines.core.loads.reconciliation import (
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
from alumniq_pipelines.core.loads.warehouse import Warehouse
from alumniq_pipelines.core.notifications.staff import NO_STAFF, Staff
from alumniq_pipelines.core.problems.database import DatabaseProblem
from alumniq_pipelines.core.problems.outage import LedgerUnavailable, WarehouseUnavailable
from alumniq_pipelines.core.problems.setup import FeedDisabled, FeedGone
from alumniq_pipelines.core.trace import trace_of
from alumniq_pipelines.services.load_actions import end_load
from alumniq_pipelines.telemetry.log_fields import bind_fields, load_fields

log = logging.getLogger(__name__)

NO_RUN = "none"
"""Recorded instead of a run's id if there was no run."""

FAILED = "failed to reconcile"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReconciler:
    """Brings loads into line with their runs; `runs_of` returns those of each, newest first."""

    ledger: Ledger
    runs_of: Callable[[Sequence[JobId]], Mapping[JobId, Sequence[Run]]]
    open_warehouse: Callable[[], Warehouse]
    clock: Callable[[], datetime]
    retry_wait: timedelta
    gateway_url: str
    staff: Staff = NO_STAFF

    def reconcile(self) -> Counter[str]:
        """Bring every outstanding load into line with its runs, oldest first; count what was done.

        Costs three queries, however many loads are waiting: the queue bounds those that are
        outstanding.
        """
        loads = self.ledger.queue.outstanding()
        if not loads:
            return Counter()
        job_ids = [load.job_id for load in loads]
        runs = self.runs_of(job_ids)
        # Read after the runs: of a run that was seen to have ended, every attempt is included.
        attempts = self.ledger.attempts.of_each(job_ids)
        done: Counter[str] = Counter()
        for load in loads:
            with bind_fields(load_fields(load)):
                try:
                    done[self._reconcile(load, attempts[load.job_id], runs[load.job_id])] += 1
                except LedgerUnavailable:
                    raise
                except Exception as fault:  # noqa: BLE001 - one load must not block those behind it
                    done[_log_fault(load, fault)] += 1
        return done

    def fail_orphaned(self, load: Load, *, is_broken: bool = False) -> str:
        """End a load whose feed has no field map: a fault of ours that no retry solves.

        The field map is gone, or it is broken and no good one was saved.
        """
        attempts, now = self.ledger.attempts, self.clock()
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

    def _reconcile(self, load: Load, attempts: Sequence[AttemptRecord], runs: Sequence[Run]) -> str:
        """Decide about one load, and return what was done."""
        run, now = current_run(load, attempts, runs), self.clock()
        if may_proceed(load, attempts, run, now):
            return "left"
        # What the load was when it was listed may be older than the end of its run.
        load = self.ledger.loads.get(load.job_id) or load
        if not self._close_attempts(load, run, now):
            return "left"
        attempts = self.ledger.attempts.of(load.job_id)
        decision = decide(load, attempts, run, now, retry_wait=self.retry_wait)
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

        ledger, warehouse = self.ledger, self.open_warehouse()
        is_stopped = run is not None and run.state is RunState.CANCELED
        result = AttemptResult.STOPPED if is_stopped else AttemptResult.LOST
        try:
            for attempt in ledger.attempts.of(load.job_id):
                if attempt.result is None and not close_cut_off(
                    ledger, warehouse, load, attempt, now, result
                ):
                    return False
        except (WarehouseUnavailable, DatabaseProblem) as problem:
            log.warning("Load %s cannot be ended yet: %s", load.job_id, problem)
            return False
        return True

    def _finish(self, load: Load, outcome: Outcome, now: datetime) -> None:
        end_load(
            self.ledger,
            load,
            outcome,
            now,
            gateway_url=self.gateway_url,
            attempts=self.ledger.attempts.of(load.job_id),
            staff=self.staff,
        )


def _log_fault(load: Load, fault: Exception) -> str:
    """Log where a fault came from, without its text: that may hold cell values."""
    name, trace = type(fault).__name__, trace_of(fault)
    log.error("Load %s cannot be reconciled: %s\n%s", load.job_id, name, trace)
    return FAILED
