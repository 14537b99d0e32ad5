"""The run coordinator: Dagster's own queue, which also knows the tables of runs made by hand.

A run that a person or a backfill makes has its partition only. The limits in dagster.yaml go by
tags, so it gets the tags of its table as it enters the queue. The daemon and the web server use
this class by its name in dagster.yaml.
"""

from typing import Any

import dagster as dg
from dagster._core.run_coordinator import (
    QueuedRunCoordinator,  # Dagster's documented base class, which has no public name
    SubmitRunContext,
)

from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.defs.tags import PARTITION, TARGET, target_tags

JOB_PREFIX = "load_"


class LoadRunCoordinator(QueuedRunCoordinator[Any]):
    """Queues runs with the tags of their table."""

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        """Tag a run that was made by hand, and enqueue it."""
        run = context.dagster_run
        target = target_of(run)
        if target is not None and TARGET not in run.tags:
            self._instance.add_run_tags(run.run_id, target_tags(target))
        return super().submit_run(context)


def target_of(run: dg.DagsterRun) -> Target | None:
    """Return the table that a run loads; None if it is not a run of exactly one."""
    assets = [key.path[-1] for key in run.asset_selection or () if key.path[0] == "feeds"]
    if not assets and run.job_name.startswith(JOB_PREFIX):
        assets = [run.job_name.removeprefix(JOB_PREFIX)]
    partition = run.tags.get(PARTITION)
    if len(assets) != 1 or partition is None:
        return None
    try:
        return Target.from_partition_key(partition, assets[0].replace("_", "-"))
    except ValueError:
        return None
