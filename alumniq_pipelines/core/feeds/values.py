"""One cell by its column: which texts are values, and which rules a value breaks.

This is the plain meaning of types, constraints and reference sets, for one value at a time: it
checks the values in field maps themselves, and tests compare the faster checks with it.
"""

import math
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from operator import gt, lt
from typing import assert_never

from alumniq_pipelines.core.feeds.column_types import ColumnType, TemporalType
from alumniq_pipelines.core.feeds.field_map import Column, Scalar
from alumniq_pipelines.core.feeds.reference_data import is_member

Value = bool | int | float | str | date | time

INTEGER = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?")
YEAR = re.compile(r"[0-9]{4}")
INVISIBLE = (
    "\u00a0\u00ad\u034f\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff"
)
"""Spaces that are not the usual one, and characters without a width, as a class of characters."""
VISIBLE = re.compile(f"[^ \t\n\r\x0b\x0c\x85{INVISIBLE}]")
"""What a text has that does not look blank; Python and DuckDB read this pattern alike."""
LARGEST_INTEGER = 2**63 - 1
"""Integers are published as 64 bits."""


def format_value(value: Scalar, column: Column) -> str:
    """Write an example, default or bound as it would be written in the file."""
    if isinstance(value, bool):
        return (column.true_values if value else column.false_values)[0]
    return str(value)


def date_pattern(form: str) -> str:
    """Write the pattern of a date format: every part with all its digits, all else as it is."""
    digits = {"%Y": "[0-9]{4}", "%%": "%"}
    parts = re.split("(%.)", form)
    return "".join(
        digits.get(part, "[0-9]{2}") if part.startswith("%") else re.escape(part) for part in parts
    )


def parse_value(text: str, column: Column) -> Value | None:
    """Read a text that is not blank; None where it is no value of the column's type."""
    try:
        return _parse(text, column)
    except (ValueError, OverflowError):
        return None


def broken_rules(text: str, column: Column) -> Iterator[str]:
    """Name the rules that a text which is not blank breaks, by the codes of rejections."""
    value = parse_value(text, column)
    if value is None:
        yield "type"
        return
    constraints = column.constraints
    shortest, longest = constraints.min_length or 0, constraints.max_length
    if len(text) < shortest or (longest is not None and len(text) > longest):
        yield "length"
    if constraints.pattern is not None and not re.fullmatch(constraints.pattern, text):
        yield "pattern"
    if constraints.enum is not None and value not in {
        parse_value(format_value(allowed, column), column) for allowed in constraints.enum
    }:
        yield "enum"
    if _is_out_of_bounds(value, constraints.minimum, constraints.maximum, column):
        yield "range"
    reference = column.alumniq.reference
    if reference is not None and not is_member(text, reference):
        yield "reference"


def _parse(text: str, column: Column) -> Value | None:
    """Read a text by the column's type; what is no value is None, a ValueError or OverflowError."""
    match column.type:
        case ColumnType.STRING:
            return text
        case ColumnType.INTEGER | ColumnType.YEAR:
            pattern = INTEGER if column.type is ColumnType.INTEGER else YEAR
            whole = int(text) if pattern.fullmatch(text) else None
            return whole if whole is not None and abs(whole) <= LARGEST_INTEGER else None
        case ColumnType.NUMBER:
            number = float(text) if NUMBER.fullmatch(text) else math.inf
            return number if math.isfinite(number) else None
        case ColumnType.BOOLEAN:
            return _parse_boolean(text, column)
        case ColumnType.DATE | ColumnType.DATETIME | ColumnType.TIME if column.format != "default":
            return _parse_formatted(text, column.type, column.format)
        case ColumnType.DATE | ColumnType.DATETIME | ColumnType.TIME:
            return _parse_iso(text, column.type)
        case _:
            assert_never(column.type)


def _parse_boolean(text: str, column: Column) -> bool | None:
    if text in column.true_values:
        return True
    return False if text in column.false_values else None


def _parse_iso(text: str, kind: TemporalType) -> Value | None:
    """Read what has no format of its own; without an offset, a point in time is in UTC."""
    match kind:
        case ColumnType.DATE:
            return date.fromisoformat(text) if DATE.fullmatch(text) else None
        case ColumnType.DATETIME:
            if not DATETIME.fullmatch(text):
                return None
            moment = datetime.fromisoformat(text)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        case ColumnType.TIME:
            return time.fromisoformat(text) if TIME.fullmatch(text) else None
        case _:
            assert_never(kind)


def _parse_formatted(text: str, kind: TemporalType, form: str) -> Value:
    """Read by a format, with all digits: `strptime` by itself accepts one where two belong."""
    if not re.fullmatch(date_pattern(form), text):
        message = "The text does not have the format."
        raise ValueError(message)
    moment = datetime.strptime(text, form).replace(tzinfo=UTC)
    match kind:
        case ColumnType.DATE:
            return moment.date()
        case ColumnType.DATETIME:
            return moment
        case ColumnType.TIME:
            return moment.time()
        case _:
            assert_never(kind)


def _is_out_of_bounds(
    value: Value, minimum: Scalar | None, maximum: Scalar | None, column: Column
) -> bool:
    """Whether a value lies outside bounds; bounds that cannot be read bound nothing here."""
    low = None if minimum is None else parse_value(format_value(minimum, column), column)
    high = None if maximum is None else parse_value(format_value(maximum, column), column)
    return (low is not None and lt(value, low)) or (high is not None and gt(value, high))
