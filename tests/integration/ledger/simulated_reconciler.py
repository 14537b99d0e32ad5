"""The passes of the reconcile sensor over simulated runs, which can be paused at any step.

As `defs/sensors/reconciler.py` does it; what is decided is decided by the real functions.
"""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.outcome import AttemptResult
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
)
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable
from alumniq_pipelines.services.cut_off import close_cut_off
from alumniq_pipelines.services.load_actions import end_load
from tests.integration.ledger.simulation import GATEWAY, Simulation

RETRY_WAIT = timedelta(seconds=30)

Steps = Generator[None, None, None]


@dataclass(frozen=True)
class SimulatedReconciler:
    """Brings loads into line with their simulated runs."""

    system: Simulation

    def reconcile(self) -> Steps:
        """Fail dead runs, look at all outstanding loads, then deal with one after the other."""
        for run in self.system.runs:
            if run.worker_died and run.state is RunState.UNDERWAY:
                run.state = RunState.FAILED
        yield
        ledger = self.system.ledger
        loads = ledger.queue.outstanding()
        runs = {
            load.job_id: [run.as_seen() for run in self.system.runs_of(load.job_id)]
            for load in loads
        }
        yield
        for load in loads:
            current = current_run(load, ledger.attempts.of(load.job_id), runs[load.job_id])
            yield from self._reconcile(load, current)
        self._stop_runs()

    def _reconcile(self, load: Load, run: Run | None) -> Steps:
        ledger, now = self.system.ledger, self.system.now
        attempts = ledger.attempts.of(load.job_id)
        if may_proceed(load, attempts, run, now):
            return
        load = self.system.load(load.job_id)
        if not (yield from self._close_attempts(load, run)):
            return
        attempts = ledger.attempts.of(load.job_id)
        yield
        self._apply(load, decide(load, attempts, run, now, retry_wait=RETRY_WAIT))

    def _apply(self, load: Load, decision: Decision) -> None:
        ledger, now = self.system.ledger, self.system.now
        match decision:
            case Wait():
                return
            case Finish(outcome):
                attempts = ledger.attempts.of(load.job_id)
                end_load(ledger, load, outcome, now, gateway_url=GATEWAY, attempts=attempts)
            case Requeue(next_attempt_at=due, is_failed_launch=is_failed_launch):
                ledger.queue.requeue(load, due, is_failed_launch=is_failed_launch)
            case _:
                assert_never(decision)

    def _close_attempts(self, load: Load, run: Run | None) -> Generator[None, None, bool]:
        ledger, warehouse = self.system.ledger, self.system.warehouse
        is_stopped = run is not None and run.state is RunState.CANCELED
        result = AttemptResult.STOPPED if is_stopped else AttemptResult.LOST
        try:
            for attempt in ledger.attempts.of(load.job_id):
                yield
                if attempt.result is None and not close_cut_off(
                    ledger, warehouse, load, attempt, self.system.now, result
                ):
                    return False
        except WarehouseUnavailable:
            return False
        return True

    def _stop_runs(self) -> None:
        """Cancel the runs of canceled loads; their workers may go on for a while."""
        ledger = self.system.ledger
        for load in ledger.queue.stopping():
            underway = [
                run
                for run in self.system.runs_of(load.job_id)
                if run.state is RunState.UNDERWAY and not run.is_by_hand
            ]
            for run in underway:
                run.state = RunState.CANCELED
            if not underway:
                ledger.queue.mark_stopped(load.job_id)
