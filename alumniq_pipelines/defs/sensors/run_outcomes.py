"""The outcome sensors: a run that ended gives its load an outcome and its notifications.

Dagster forgets a run whose sensor raised, and a sensor's first tick skips all runs before it. So
each does one idempotent act only, and what they miss the reconcile sensor does.
"""

import dagster as dg
from dagster import DagsterRunStatus

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.defs.sensors.reconciler import LoadReconciler
from alumniq_pipelines.defs.tags import JOB_ID
from alumniq_pipelines.settings import Settings

SENSORS_BY_STATUS = {
    DagsterRunStatus.SUCCESS: ("load_succeeded", "Ends loads whose run succeeded."),
    DagsterRunStatus.FAILURE: (
        "load_failed",
        "Ends loads whose run failed, unless another attempt is due.",
    ),
    DagsterRunStatus.CANCELED: ("load_canceled", "Ends loads whose run a person stopped."),
}


def outcome_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """Define a sensor for each way in which a run may end."""
    return [_outcome_sensor(status, *spec, settings) for status, spec in SENSORS_BY_STATUS.items()]


def _outcome_sensor(
    status: DagsterRunStatus, name: str, description: str, settings: Settings
) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=status,
        name=name,
        description=description,
        minimum_interval_seconds=1,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def outcome(context: dg.RunStatusSensorContext, ledger: dg.ResourceParam[Ledger]) -> None:
        job_id = context.dagster_run.tags.get(JOB_ID)
        load = ledger.loads.get(JobId(job_id)) if job_id else None
        if load and not load.is_final:
            action = LoadReconciler(ledger, context.instance, settings).reconcile(load)
            context.log.info("Load %s: %s.", job_id, action)

    return outcome
