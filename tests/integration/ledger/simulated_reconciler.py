"""The passes of the reconcile sensor over simulated runs, which can be paused before any call.

What a pass does to runs is simulated, as Dagster is; what it does to loads is the real service's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.reconciliation import Run, RunState
from alumniq_pipelines.services.reconciliation import FAILED, LoadReconciler
from tests.integration.ledger.pausing import Pause, Steps, in_steps, paused
from tests.integration.ledger.simulation import PUBLIC_URLS, Simulation


@dataclass(frozen=True)
class SimulatedReconciler:
    """Brings loads into line with their simulated runs."""

    system: Simulation

    def reconcile(self) -> Steps:
        """Fail dead runs, bring outstanding loads into line, and stop runs of canceled loads."""
        for run in self.system.runs:
            if run.worker_died and run.state is RunState.UNDERWAY:
                run.state = RunState.FAILED
        yield
        yield from in_steps(self._reconcile_loads)
        self._stop_runs()

    def _reconcile_loads(self, pause: Pause) -> None:
        system, ledger = self.system, self.system.ledger
        reconciler = LoadReconciler(
            ledger=replace(
                ledger,
                loads=paused(ledger.loads, pause),
                attempts=paused(ledger.attempts, pause),
                queue=paused(ledger.queue, pause),
            ),
            runs_of=self._runs_of,
            open_warehouse=lambda: paused(system.warehouse, pause),
            clock=lambda: system.now,
            retry_wait=timedelta(seconds=30),
            public_urls=PUBLIC_URLS,
        )
        assert FAILED not in reconciler.reconcile()

    def _runs_of(self, job_ids: Sequence[JobId]) -> Mapping[JobId, Sequence[Run]]:
        runs_of = self.system.runs_of
        return {job_id: [run.as_seen() for run in runs_of(job_id)] for job_id in job_ids}

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
