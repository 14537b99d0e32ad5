"""Dagster's records of loads' runs, converted for the decisions in core."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC

import dagster as dg
from dagster import DagsterRunStatus, RunRecord, RunsFilter

from alumniq_pipelines.core.loads.ledger_difference import RecordedRun
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.reconciliation import Run, RunState
from alumniq_pipelines.defs.tags import JOB_ID, LAUNCH, TARGET

RUNS_PER_PAGE, MAX_PAGES = 100, 50
"""How far back runs are read: to before a backup of the ledger, unless it is very old."""

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


def pages_of_runs(instance: dg.DagsterInstance) -> Iterator[Sequence[RecordedRun]]:
    """Yield the newest runs, those that were requested for loads, newest first."""
    last: str | None = None
    for _ in range(MAX_PAGES):
        records = instance.get_run_records(limit=RUNS_PER_PAGE, cursor=last)
        if not records:
            return
        last = records[-1].dagster_run.run_id
        yield [
            RecordedRun(
                job_id=JobId(record.dagster_run.tags[JOB_ID]),
                target=record.dagster_run.tags.get(TARGET, ""),
                requested_at=record.create_timestamp.astimezone(UTC),
            )
            for record in records
            if JOB_ID in record.dagster_run.tags
        ]


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
