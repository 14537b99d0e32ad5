"""The tags of runs: for the queue's limits, for filters, and to name a run's load."""

from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.target import Environment

JOB_ID = "alumniq/job_id"
CUSTOMER = "alumniq/customer"
ENVIRONMENT = "alumniq/environment"
FEED = "alumniq/feed"
TARGET = "alumniq/target"

NOTHING_DONE = "alumniq/nothing_done"
"""On a run that found its load already ended: the reason why it did nothing."""

PARENT_RUN = "dagster/parent_run_id"
PRIORITY = "dagster/priority"
RETRY_NUMBER = "dagster/retry_number"
RETRY_STRATEGY = "dagster/retry_strategy"
WILL_RETRY = "dagster/will_retry"


def tags_of(load: Load) -> dict[str, str]:
    """Return the tags of a load's runs; dagster.yaml limits concurrent runs by some of them."""
    target = load.target
    return {
        JOB_ID: load.job_id,
        CUSTOMER: target.customer,
        ENVIRONMENT: str(target.environment),
        FEED: target.feed,
        TARGET: str(target),
        PRIORITY: "10" if target.environment is Environment.PRODUCTION else "0",
        # A worker may die after its only step and before the end of the run: a retry "from
        # failure" would then have no step left to run. All steps are harmless to repeat.
        RETRY_STRATEGY: "ALL_STEPS",
    }
