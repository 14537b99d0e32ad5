"""Dagster's records of a load's runs, converted for the decisions in core."""

from datetime import UTC

import dagster as dg
from dagster import DagsterRunStatus, RunRecord, RunsFilter

from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.reconciliation import Run, RunState
from alumniq_pipelines.defs.tags import JOB_ID, WILL_RETRY

RUN_STATES = {
    DagsterRunStatus.SUCCESS: RunState.SUCCEEDED,
    DagsterRunStatus.FAILURE: RunState.FAILED,
    DagsterRunStatus.CANCELED: RunState.CANCELED,
}

WILL_RETRY_VALUES = {"true": True, "false": False}


def latest_run(instance: dg.DagsterInstance, job_id: JobId) -> RunRecord | None:
    """Return the newest run of a load."""
    records = instance.get_run_records(RunsFilter(tags={JOB_ID: job_id}), limit=1)
    return records[0] if records else None


def to_run(record: RunRecord, *, worker_died: bool) -> Run:
    """Convert a record; `worker_died` counts only for a run that has started and not ended."""
    run = record.dagster_run
    return Run(
        id=run.run_id,
        state=RUN_STATES.get(run.status, RunState.UNDERWAY),
        changed_at=record.update_timestamp.astimezone(UTC),
        will_retry=WILL_RETRY_VALUES.get(run.tags.get(WILL_RETRY, "")),
        worker_died=worker_died and run.status is DagsterRunStatus.STARTED,
    )
