"""Dagster's records of loads' runs, converted for the decisions in core."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import dagster as dg
from dagster import DagsterRunStatus, RunRecord, RunsFilter

from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.reconciliation import Run, RunState
from alumniq_pipelines.defs.tags import JOB_ID, LAUNCH

RUN_STATES = {
    DagsterRunStatus.SUCCESS: RunState.SUCCEEDED,
    DagsterRunStatus.FAILURE: RunState.FAILED,
    DagsterRunStatus.CANCELED: RunState.CANCELED,
}


def runs_of(
    instance: dg.DagsterInstance, job_ids: Sequence[JobId]
) -> Mapping[JobId, Sequence[RunRecord]]:
    """Return the runs of each of these loads, newest first, with one query."""
    found: dict[JobId, list[RunRecord]] = defaultdict(list)
    for record in instance.get_run_records(RunsFilter(tags={JOB_ID: list(job_ids)})):
        found[JobId(record.dagster_run.tags[JOB_ID])].append(record)
    return {job_id: found[job_id] for job_id in job_ids}


def to_run(record: RunRecord) -> Run:
    """Convert a record."""
    run = record.dagster_run
    return Run(
        id=run.run_id,
        state=RUN_STATES.get(run.status, RunState.UNDERWAY),
        launch=launch_of(run),
    )


def launch_of(run: dg.DagsterRun) -> int:
    """Return the launch of a load that a run was made for; a run made by hand has none."""
    launch = run.tags.get(LAUNCH, "")
    return int(launch) if launch.isdecimal() else 0
