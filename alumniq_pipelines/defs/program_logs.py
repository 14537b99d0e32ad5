"""The logs of Dagster's processes in our format, with the load that a run is for."""

import logging

import dagster as dg
from dagster import _loggers as dagster_loggers

from alumniq_pipelines.defs.tags import CUSTOMER, ENVIRONMENT, FEED, JOB_ID
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.telemetry.log_fields import LogFields, fields_of
from alumniq_pipelines.telemetry.logs import configure_logs, json_formatter

FIELDS_OF_TAGS = {
    JOB_ID: "job_id",
    CUSTOMER: "customer",
    ENVIRONMENT: "environment",
    FEED: "feed",
}
METADATA = "dagster_meta"
"""The attribute by which Dagster says which run and step a record is of."""


def configure_program_logs(settings: Settings) -> None:
    """Set up the logs of this process, and the console of runs in it; text logs are Dagster's own.

    No library logs below a warning: some would name addresses that they call.
    """
    if settings.log_format == "json":
        configure_logs(settings.log_format, logging.WARNING, fields_of_run)
        # Dagster has no setting for it: what a run prints is always formatted by this logger.
        dagster_loggers.colored_console_logger = json_console_logger


def fields_of_run(record: logging.LogRecord) -> LogFields:
    """Return the run, the step and the load that a record of Dagster is about."""
    metadata = getattr(record, METADATA, None)
    if metadata is None:
        return fields_of(record)
    tags = metadata["job_tags"]
    known = {name: tags[tag] for tag, name in FIELDS_OF_TAGS.items() if tag in tags}
    parts = {"run_id": metadata["run_id"], "step": metadata["step_key"]}
    return known | {name: value for name, value in parts.items() if value}


@dg.logger(
    config_schema={"log_level": dg.Field(str), "name": dg.Field(str)},
    description="What a run prints, as JSON.",
)
def json_console_logger(context: dg.InitLoggerContext) -> logging.Logger:
    """Return the logger of a run's console."""
    config = context.logger_config
    # A logger of the run's own, as Dagster makes it: one by name would hand records on.
    made = logging.getLoggerClass()(config["name"], config["log_level"])
    handler = logging.StreamHandler()
    handler.setFormatter(json_formatter(fields_of_run))
    made.addHandler(handler)
    return made
