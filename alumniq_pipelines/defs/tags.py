"""The tags of runs: what the queue counts, what people filter by, and how a run names its load."""

from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.target import Environment

JOB_ID = "alumniq/job_id"
CUSTOMER = "alumniq/customer"
ENVIRONMENT = "alumniq/environment"
FEED = "alumniq/feed"
TARGET = "alumniq/target"

NOTHING_DONE = "alumniq/nothing_done"
"""On a run that found its load ended: why it did nothing."""

PARENT_RUN = "dagster/parent_run_id"
PRIORITY = "dagster/priority"
RETRY_NUMBER = "dagster/retry_number"
RETRY_STRATEGY = "dagster/retry_strategy"
WILL_RETRY = "dagster/will_retry"


def tags_of(load: Load) -> dict[str, str]:
    """Tag the runs of a load; dagster.yaml limits how many of a customer and target run at once."""
    target = load.target
    return {
        JOB_ID: load.job_id,
        CUSTOMER: target.customer,
        ENVIRONMENT: str(target.environment),
        FEED: target.feed,
        TARGET: str(target),
        PRIORITY: "10" if target.environment is Environment.PRODUCTION else "0",
        # A worker may die after its only step and before the run's end: nothing would be left to
        # retry "from failure". All steps are harmless to repeat.
        RETRY_STRATEGY: "ALL_STEPS",
    }
