"""Dagster's runs, as far as loads need more of them than Dagster does by itself."""

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus, RunRecord
from dagster._core.errors import DagsterUserCodeUnreachableError  # has no public name

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.reconciliation import Run, RunState
from alumniq_pipelines.defs.interruptions import has_exceeded_runtime
from alumniq_pipelines.defs.run_records import runs_of, to_run
from alumniq_pipelines.defs.tags import PARENT_RUN, RETRY_NUMBER
from alumniq_pipelines.defs.worker_leases import worker_leases
from alumniq_pipelines.services.reconciliation import LoadReconciler
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


@dataclass(frozen=True, slots=True)
class RunReconciler:
    """Fails and stops runs in Dagster, and brings loads into line with them."""

    ledger: Ledger
    instance: dg.DagsterInstance
    settings: Settings

    @property
    def loads(self) -> LoadReconciler:
        """What brings loads into line with Dagster's runs of them."""
        return LoadReconciler(
            ledger=self.ledger,
            runs_of=self._runs_of,
            open_warehouse=lambda: open_warehouse(self.settings),
            clock=lambda: datetime.now(UTC),
            retry_wait=timedelta(seconds=self.settings.retry_seconds),
            public_urls=self.settings.public_urls,
            staff=staff_of(self.settings),
        )

    def reconcile(self) -> Counter[str]:
        """Fail dead runs, then bring all outstanding loads into line; count what was done."""
        done = Counter(["declared dead"] * self._fail_dead_runs())
        done.update(self.loads.reconcile())
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

    def _runs_of(self, job_ids: Sequence[JobId]) -> Mapping[JobId, Sequence[Run]]:
        found = runs_of(self.instance, job_ids)
        return {job_id: [self._run_of(record) for record in found[job_id]] for job_id in job_ids}

    def _run_of(self, record: RunRecord) -> Run:
        """Convert a record; a run that Dagster stopped by itself has failed."""
        run = to_run(record)
        if run.state is RunState.CANCELED and has_exceeded_runtime(self.instance, run.id):
            return replace(run, state=RunState.FAILED)
        return run

    def _fail_dead_runs(self) -> int:
        """Report runs as failed whose workers have died, and return how many.

        Until then, Dagster's limits count them as running, and the next load of the table waits.
        """
        running = dg.RunsFilter(statuses=[DagsterRunStatus.STARTED])
        records = {
            record.dagster_run.run_id: record
            for record in self.instance.get_run_records(running, limit=MAX_RUNS)
        }
        leases = worker_leases(self.instance, self.ledger, self.settings)
        # A worker that died before it took its lease, or after it gave it up, leaves none behind.
        idle = [run_id for run_id, record in records.items() if _is_idle(record)]
        dead = {*leases.dead(records), *leases.missing(idle)}
        for run_id in dead:
            run = self.instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                self.instance.report_run_failed(run, "The run's worker has died.")
            leases.clear(run_id)
        return len(dead)

    def _cancel_run(self, run_id: str) -> bool:
        """Cancel a run as the Dagster UI does; False if that must be tried again."""
        try:
            return self.instance.run_coordinator.cancel_run(run_id)
        except DagsterUserCodeUnreachableError as error:
            log.warning("Run %s cannot be stopped yet: %s", run_id, type(error).__name__)
            return False


def _is_idle(record: RunRecord) -> bool:
    """Whether nothing was heard of a run for so long that its worker must have a lease by now."""
    return datetime.now(UTC) - record.update_timestamp.astimezone(UTC) > LEASE_GRACE


def _is_rerun_by_hand(run: dg.DagsterRun) -> bool:
    """Whether a person re-executed a run: it makes a load of its own, which was not canceled."""
    return PARENT_RUN in run.tags and RETRY_NUMBER not in run.tags
