"""The tags of runs: for the queue's limits, for filters, and to name a run's load."""

from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.target import Environment, Target

JOB_ID = "alumniq/job_id"
CUSTOMER = "alumniq/customer"
ENVIRONMENT = "alumniq/environment"
FEED = "alumniq/feed"
TARGET = "alumniq/target"
LAUNCH = "alumniq/launch"
"""On a run that was requested for a load: the launch, which says whether it may still begin."""

NOTHING_DONE = "alumniq/nothing_done"
"""On a run that had nothing to do: the code of the reason."""

PARENT_RUN = "dagster/parent_run_id"
PARTITION = "dagster/partition"
PRIORITY = "dagster/priority"
RETRY_NUMBER = "dagster/retry_number"
RETRY_STRATEGY = "dagster/retry_strategy"


def tags_of(load: Load, launch: int) -> dict[str, str]:
    """Return the tags of a load's run for one of its launches."""
    return {JOB_ID: load.job_id, LAUNCH: str(launch), **target_tags(load.target)}


def target_tags(target: Target) -> dict[str, str]:
    """Return the tags of all runs for a table; dagster.yaml limits concurrent runs by some."""
    return {
        CUSTOMER: target.customer,
        ENVIRONMENT: str(target.environment),
        FEED: target.feed,
        TARGET: str(target),
        PRIORITY: "10" if target.environment is Environment.PRODUCTION else "0",
        # A worker may die after its only step and before the end of the run: a retry "from
        # failure" would then have no step left to run. All steps are harmless to repeat.
        RETRY_STRATEGY: "ALL_STEPS",
    }
