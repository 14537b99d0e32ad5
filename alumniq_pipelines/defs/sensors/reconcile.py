"""The reconcile sensor: ends loads whose runs have ended, and repairs those whose runs are lost."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.reconciliation import is_orphaned, is_outcome_known, queued_at
from alumniq_pipelines.defs.sensors.polling import poll
from alumniq_pipelines.defs.sensors.reconciler import LoadReconciler
from alumniq_pipelines.settings import Settings

FULL_PASS_SECONDS = 30
"""How often every unfinished load is checked; a backlog may have hundreds."""


def reconcile_sensor(catalog: Catalog, settings: Settings) -> dg.SensorDefinition:
    """Define the sensor; its cursor is the time at which it last checked every load."""

    @dg.sensor(
        name="reconcile",
        minimum_interval_seconds=1,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Ends loads as soon as their runs have ended. Every 30 seconds, compares all unfinished"
            " loads with Dagster's runs and repairs differences: a run that was never created, was"
            " deleted, ended unnoticed or lost its worker. Fails loads whose field map is gone."
        ),
    )
    def reconcile(
        context: dg.SensorEvaluationContext, ledger: dg.ResourceParam[Ledger]
    ) -> dg.SkipReason:
        reconciler = LoadReconciler(ledger, context.instance, settings)
        done: Counter[str] = Counter()
        now = datetime.now(UTC).timestamp()
        if now - float(context.cursor or 0) >= FULL_PASS_SECONDS:
            context.update_cursor(str(now))
            done.update(reconciler.reconcile(load) for load in ledger.loads.unfinished())
            done.update(
                reconciler.fail_orphaned(load, is_broken=load.target.feed in catalog.broken)
                for load in _orphaned_loads(ledger, catalog)
            )
        for _ in poll():
            # The runs of loads whose outcome is known may have ended by now.
            done.update(
                reconciler.reconcile(load)
                for load in ledger.loads.find(states=[LoadState.RUNNING])
                if is_outcome_known(ledger.loads.attempts(load.job_id))
            )
        summary = ", ".join(
            f"{count} {action}" for action, count in done.items() if action != "left"
        )
        return dg.SkipReason(f"Unfinished loads: {summary or 'nothing to do'}.")

    return reconcile


def _orphaned_loads(ledger: Ledger, catalog: Catalog) -> Iterator[Load]:
    """Yield the queued loads whose field map is gone."""
    now = datetime.now(UTC)
    for load in ledger.loads.queued():
        if load.target.feed not in catalog.feeds:
            hold = ledger.holds.get(load.job_id)
            attempts = ledger.loads.attempts(load.job_id)
            queued = queued_at(load, attempts, hold.decided_at if hold else None)
            if is_orphaned(load, catalog.feeds, queued, now):
                yield load
