"""One cell by its column: which texts are values, and which rules a value breaks.

This is the plain meaning of types, constraints and reference sets, for one value at a time: it
checks the values in field maps themselves, and tests compare the faster checks with it.
"""

import math
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from operator import gt, lt
from typing import assert_never

from alumniq_pipelines.core.feeds.column_types import (
    MAX_DECIMAL_DIGITS,
    ColumnType,
    TemporalType,
)
from alumniq_pipelines.core.feeds.field_map import Column, Scalar
from alumniq_pipelines.core.feeds.reference_data import is_member
from alumniq_pipelines.core.feeds.unseen_characters import BLANKS, INVISIBLE

Value = bool | int | float | Decimal | str | date | time

INTEGER = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?"
OFFSET = (
    r"\+(?:(?:0[0-9]|1[0-3])(?::?[0-5][0-9])?|14(?::?00)?)"
    r"|-(?:(?:0[0-9]|1[01])(?::?[0-5][0-9])?|12(?::?00)?)"
)
"""The offsets from UTC that exist: from 12 hours behind it to 14 hours ahead of it."""
DATETIME = re.compile(
    rf"(?P<day>{DATE.pattern})[Tt ](?P<clock>{CLOCK})(?: ?(?:[Zz]|UTC|(?P<offset>{OFFSET})))?"
)
TIME = re.compile(CLOCK)
YEAR = re.compile(r"[0-9]{4}")
INTEGER_BOUND = 2**63
"""Integers are published as 64 bits: from its negative to one less than it."""

CUT_CLOCK = len("14:05:30.123456")
"""Times are published to the microsecond; further digits are cut."""
CUT_DIGITS = re.compile(r"\.[0-9]{6}[0-9]*[1-9]")
EXACT = Context(prec=MAX_DECIMAL_DIGITS, traps=[InvalidOperation, Inexact])
"""Raises where a number would have to be rounded."""
VISIBLE = re.compile(f"[^{BLANKS}{INVISIBLE}]")
"""What a text has that does not look blank; Python and DuckDB read this pattern alike."""


def format_value(value: Scalar, column: Column) -> str:
    """Write an example, default or bound as it would be written in the file."""
    if isinstance(value, bool):
        return (column.true_values if value else column.false_values)[0]
    if isinstance(value, float) and column.alumniq.decimals is not None:
        return f"{Decimal(repr(value)):f}"  # not 1e-05
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
    except (ValueError, ArithmeticError):
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


def loses_digits(text: str, column: Column) -> bool:
    """Whether a value of the column is published with fewer digits than its text has.

    A DOUBLE keeps 15 digits of any number, and up to 17 of some: what counts is the shortest text
    of the same DOUBLE. It is another number if digits were lost.
    """
    if column.type in {ColumnType.DATETIME, ColumnType.TIME}:
        return column.format == "default" and CUT_DIGITS.search(text) is not None
    if column.type is not ColumnType.NUMBER or column.alumniq.decimals is not None:
        return False
    try:
        return Decimal(repr(float(text))) != Decimal(text)
    except InvalidOperation:  # an exponent beyond those that Python reads: published as 0
        return True


def _parse(text: str, column: Column) -> Value | None:
    """Read a text by the column's type; what is no value is None or raises."""
    match column.type:
        case ColumnType.STRING:
            return text
        case ColumnType.INTEGER | ColumnType.YEAR:
            pattern = INTEGER if column.type is ColumnType.INTEGER else YEAR
            whole = int(text) if pattern.fullmatch(text) else None
            is_stored = whole is not None and -INTEGER_BOUND <= whole < INTEGER_BOUND
            return whole if is_stored else None
        case ColumnType.NUMBER:
            return _parse_number(text, column.alumniq.decimals)
        case ColumnType.BOOLEAN:
            return _parse_boolean(text, column)
        case ColumnType.DATE | ColumnType.DATETIME | ColumnType.TIME if column.format != "default":
            return _parse_formatted(text, column.type, column.format)
        case ColumnType.DATE | ColumnType.DATETIME | ColumnType.TIME:
            return _parse_iso(text, column.type)
        case _:
            assert_never(column.type)


def _parse_number(text: str, decimals: int | None) -> Value | None:
    """Read a number: to the nearest DOUBLE, or exactly with so many decimals."""
    if not NUMBER.fullmatch(text):
        return None
    if decimals is not None:
        return EXACT.quantize(Decimal(text), Decimal((0, (1,), -decimals)))
    number = float(text)
    return number if math.isfinite(number) else None


def _parse_boolean(text: str, column: Column) -> bool | None:
    if text in column.true_values:
        return True
    return False if text in column.false_values else None


def _parse_iso(text: str, kind: TemporalType) -> Value | None:
    """Read what has no format of its own."""
    match kind:
        case ColumnType.DATE:
            return date.fromisoformat(text) if DATE.fullmatch(text) else None
        case ColumnType.DATETIME:
            return _parse_moment(text)
        case ColumnType.TIME:
            return time.fromisoformat(text[:CUT_CLOCK]) if TIME.fullmatch(text) else None
        case _:
            assert_never(kind)


def _parse_moment(text: str) -> datetime | None:
    """Read a point in time; without an offset, it is in UTC."""
    found = DATETIME.fullmatch(text)
    if found is None:
        return None
    clock, offset = found["clock"][:CUT_CLOCK], found["offset"]
    moment = datetime.fromisoformat(f"{found['day']}T{clock}+00:00")
    if offset is None:
        return moment
    ahead = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:].lstrip(":") or 0))
    return moment - ahead if offset[0] == "+" else moment + ahead


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
