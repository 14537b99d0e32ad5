"""The outcome sensors: when a run ends, its load gets its outcome and notifications.

Dagster never retries a run status sensor that raised, and a sensor's first tick skips all earlier
runs. So each does one idempotent action, and the reconcile sensor does what they miss.
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
        "Ends loads whose run failed, unless another attempt follows.",
    ),
    DagsterRunStatus.CANCELED: ("load_canceled", "Ends loads whose run was canceled."),
}


def outcome_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """Define a sensor for each final status of a run."""
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
