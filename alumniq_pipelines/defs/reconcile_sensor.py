"""The reconcile sensor: nothing is ever forgotten."""

from collections import Counter

import dagster as dg

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.defs.settling import Settling
from alumniq_pipelines.settings import Settings


def reconcile_sensor(settings: Settings) -> dg.SensorDefinition:
    """Define the sensor."""

    @dg.sensor(
        name="reconcile",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Compares unfinished loads with Dagster's runs and mends what does not fit: a run that "
            "was never made, is gone, ended unseen, or whose worker died."
        ),
    )
    def reconcile(
        context: dg.SensorEvaluationContext, ledger: dg.ResourceParam[Ledger]
    ) -> dg.SkipReason:
        settling = Settling(ledger, context.instance, settings)
        done = Counter(settling.settle(load) for load in ledger.loads.unfinished())
        told = ", ".join(f"{count} {what}" for what, count in done.items())
        return dg.SkipReason(f"Unfinished loads: {told or 'none'}.")

    return reconcile
