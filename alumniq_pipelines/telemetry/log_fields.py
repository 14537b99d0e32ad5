"""Whom a log line is about: the load that the code at work is about, in every line that it logs."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from alumniq_pipelines.core.loads.load import Load

LogFields = Mapping[str, str | int | float]

_fields: ContextVar[LogFields] = ContextVar("log_fields")

RECORD_FIELDS = "fields"
"""The attribute of a log record, set by `extra`, whose fields concern this record alone."""


RecordFields = Callable[[logging.LogRecord], LogFields]
"""Returns what a record itself says it is about."""


def fields_of(record: logging.LogRecord) -> LogFields:
    """Return the fields that were given with a record."""
    fields: LogFields = getattr(record, RECORD_FIELDS, {})
    return fields


def current_fields() -> LogFields:
    """Return the fields of the code at work; none outside a load."""
    return _fields.get({})


@contextmanager
def bind_fields(fields: LogFields) -> Iterator[None]:
    """Add fields to every line that is logged within the block."""
    token = _fields.set({**current_fields(), **fields})
    try:
        yield
    finally:
        _fields.reset(token)


def load_fields(load: Load) -> LogFields:
    """Return the fields of a load: no file name and no address, which customers choose."""
    target = load.target
    return {
        "job_id": load.job_id,
        "customer": target.customer,
        "environment": target.environment,
        "feed": target.feed,
    }
