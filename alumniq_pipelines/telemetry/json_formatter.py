"""Log records as JSON, one line each; imported only where the logs are JSON."""

import logging
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from alumniq_pipelines.telemetry.log_fields import RecordFields, current_fields, fields_of
from alumniq_pipelines.telemetry.tracing import current_span_fields


class RecordFormatter(JsonFormatter):
    """Formats a record as a JSON object: time, level, logger, message, and whom it is about.

    Other attributes of a record stay out: whatever a library adds to it might be a value.
    """

    def __init__(self, record_fields: RecordFields = fields_of) -> None:
        """Take what reads the fields of a record."""
        super().__init__()
        self.record_fields = record_fields

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        """Fill the object; `message_dict` has the exception and the stack as texts."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        log_data["time"] = time.replace("+00:00", "Z")
        log_data["level"] = record.levelname
        log_data["logger"] = record.name
        log_data["message"] = record.message
        log_data.update(current_fields())
        log_data.update(self.record_fields(record))
        log_data.update(current_span_fields())
        log_data.update(message_dict)
