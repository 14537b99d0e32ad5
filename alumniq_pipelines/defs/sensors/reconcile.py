"""The reconcile sensor: does what the workers of outstanding loads could not do themselves."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from alumniq_pipelines.adapters.ledger.change_detector import detect_changes
from alumniq_pipelines.adapters.ledger.heartbeats import RECONCILE
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.reconciliation import is_orphaned, queued_at
from alumniq_pipelines.defs.run_records import pages_of_runs
from alumniq_pipelines.defs.sensors.polling import TICK_SECONDS, poll
from alumniq_pipelines.defs.sensors.reconciler import RunReconciler
from alumniq_pipelines.files.scratch import sweep
from alumniq_pipelines.settings import Settings

BUSY_SECONDS = 1.0
"""How often the runs of outstanding loads are compared."""
ORPHANS_SECONDS = 30
"""How often loads without a field map, and runs without a load, are looked for."""


def reconcile_sensor(catalog: Catalog, settings: Settings) -> dg.SensorDefinition:
    """Define the sensor; its cursor is the time at which it last looked for orphaned loads."""

    @dg.sensor(
        name="reconcile",
        minimum_interval_seconds=1,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Compares all outstanding loads with Dagster's runs and repairs differences: a run "
            "that was never created, was deleted, failed, was stopped or lost its worker. Stops "
            "the runs of canceled loads. Fails loads whose field map is gone. Records runs "
            "whose load the ledger does not know, as after a restore. Deletes what "
            "killed workers left on the scratch disk."
        ),
    )
    def reconcile(
        context: dg.SensorEvaluationContext, ledger: dg.ResourceParam[Ledger]
    ) -> dg.SkipReason:
        reconciler = RunReconciler(ledger, context.instance, settings)
        done: Counter[str] = Counter()
        now = datetime.now(UTC).timestamp()
        if now - float(context.cursor or 0) >= ORPHANS_SECONDS:
            context.update_cursor(str(now))
            ledger.heartbeats.record(RECONCILE)
            done.update(
                reconciler.loads.fail_orphaned(load, is_broken=load.target.feed in catalog.broken)
                for load in _orphaned_loads(ledger, catalog)
            )
            done["unknown run recorded"] = _record_unknown_runs(ledger, context.instance)
        with detect_changes(ledger.database, recheck_seconds=TICK_SECONDS) as changes:
            is_busy = True
            for _ in poll(BUSY_SECONDS):
                # Without outstanding loads, only a change of the ledger can make any difference; a
                # worker that has died after it had ended its load can wait for the next tick.
                if changes.has_changed() or is_busy:
                    outstanding = reconciler.reconcile()
                    is_busy = bool(outstanding)
                    done.update(outstanding)
                    done.update(reconciler.stop_runs())
        done["scratch folder deleted"] = sweep(settings.scratch_dir)
        summary = ", ".join(
            f"{count} {action}" for action, count in done.items() if count and action != "left"
        )
        return dg.SkipReason(f"Outstanding loads: {summary or 'nothing to do'}.")

    return reconcile


def _record_unknown_runs(ledger: Ledger, instance: dg.DagsterInstance) -> int:
    """Record the newest runs of loads that the ledger does not know; return how many are new.

    Usually there are none, and one page of runs is read.
    """
    found = 0
    for runs in pages_of_runs(instance):
        new = ledger.unknown_runs.add(runs)
        if not new:
            break
        found += new
    return found


def _orphaned_loads(ledger: Ledger, catalog: Catalog) -> Iterator[Load]:
    """Yield the queued loads whose field map is gone."""
    now = datetime.now(UTC)
    for load in ledger.queue.queued_of_other_feeds(catalog.feeds):
        hold = ledger.holds.get(load.job_id)
        attempts = ledger.attempts.of(load.job_id)
        queued = queued_at(load, attempts, hold.decided_at if hold else None)
        if is_orphaned(load, catalog.feeds, queued, now):
            yield load
