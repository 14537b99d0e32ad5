"""The logs of a process, set up once when it starts: as text, or as JSON, one line per record.

Whatever sets up loggers later by a dictionary (Dagster, uvicorn) gets the same format.
"""

import logging
import logging.config
import sys
from types import TracebackType
from typing import Any, Literal

from alumniq_pipelines.telemetry.log_fields import RecordFields, fields_of

LogFormat = Literal["text", "json"]

TEXT_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"

logger = logging.getLogger(__name__)


def configure_logs(
    log_format: LogFormat,
    level: int = logging.INFO,
    record_fields: RecordFields = fields_of,
) -> None:
    """Write all log records of this process to its standard error; harmless to repeat."""
    if log_format == "text":
        logging.basicConfig(level=level, format=TEXT_FORMAT)
        return
    handler = logging.StreamHandler()
    handler.setFormatter(json_formatter(record_fields))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    # Documented for this purpose: dictConfig makes its configurator by this name.
    logging.config.dictConfigClass = _configurator(handler.formatter)
    sys.excepthook = _log_uncaught


def json_formatter(record_fields: RecordFields = fields_of) -> logging.Formatter:
    """Return the format of JSON logs."""
    from alumniq_pipelines.telemetry.json_formatter import RecordFormatter

    return RecordFormatter(record_fields)


def _configurator(formatter: logging.Formatter | None) -> type[logging.config.DictConfigurator]:
    """Return a configurator that knows one format only, and prints no record twice."""

    class Configurator(logging.config.DictConfigurator):
        def configure_formatter(self, config: Any) -> Any:
            """Return our format, whatever was asked for."""
            del config
            return formatter

        def configure_logger(self, name: str, config: Any, *others: Any, **named: Any) -> None:
            """Set up a logger as asked for; if it has a handler of its own, that is enough."""
            super().configure_logger(name, config, *others, **named)
            if config.get("handlers"):
                logging.getLogger(name).propagate = False

    return Configurator


def _log_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Log what ends the process, which Python would print in many lines."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    logger.critical("The process ends: %s", kind.__name__, exc_info=(kind, error, traceback))
