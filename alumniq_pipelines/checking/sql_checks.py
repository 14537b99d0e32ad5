"""Screening: the rules of a column as SQL over its text, and its text as a typed value.

A text that passes the screen is a value of its column that breaks no rule of its own (`core.cell`
says what that means); one that fails may still be, so pandera judges it. A screen may be stricter
than pandera, for the sake of simplicity, but never laxer.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

from alumniq_pipelines.checking.spreadsheet_damage import TRACES, Damage
from alumniq_pipelines.core.feeds.column_types import ColumnType, TemporalType
from alumniq_pipelines.core.feeds.field_map import Column, Scalar
from alumniq_pipelines.core.feeds.reference_data import certain_match
from alumniq_pipelines.core.feeds.values import (
    DATE,
    INTEGER,
    NUMBER,
    TIME,
    YEAR,
    date_pattern,
    format_value,
)
from alumniq_pipelines.core.sql_text import literal

MIN_TIMESTAMP = "TIMESTAMP '0001-01-01'"
MAX_TIMESTAMP = "TIMESTAMP '9999-12-31 23:59:59.999999'"
"""What Python's dates reach; DuckDB's reach further."""

ISO_TIME = (
    "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])?"
)
ISO_DATETIME = f"{DATE.pattern}[T ]{ISO_TIME}"
SAFE_DIGITS = 18
"""Any whole number of so many digits fits into 64 bits."""

GUARDS = {
    Damage.SCIENTIFIC: "contains({}, 'E+')",
    Damage.DATE: "strlen({}) BETWEEN 5 AND 6",
    Damage.ERROR: "starts_with({}, '#')",
}
"""What spares nearly every text a match."""


def value_sql(text: str, column: Column | None) -> str:
    """Write the value of a text: NULL where it is blank or no value, or the column's default."""
    if column is None:
        return text
    value = _value(text, column)
    default = column.alumniq.default
    if default is None:
        return value
    filled = _value(literal(format_value(default, column)), column)
    return f"CASE WHEN {text} IS NULL THEN {filled} ELSE {value} END"


def suspect_condition(text: str, column: Column, *, required: bool) -> str | None:
    """Write the condition under which a text must be judged; None where nothing can be wrong."""
    conditions = list(_conditions(text, column))
    blank = f"{text} IS NULL"
    if not conditions:
        return blank if required else None
    broken = f"({' AND '.join(conditions)}) IS NOT TRUE"
    return f"({blank} OR {broken})" if required else f"({text} IS NOT NULL AND {broken})"


def damage_condition(text: str, damages: Iterable[Damage]) -> str:
    """Write the condition under which a text shows one of these traces of a spreadsheet."""
    found = (
        f"({GUARDS[damage].format(text)} AND {_matches(text, TRACES[damage])})"
        for damage in damages
    )
    return f"({' OR '.join(found)})"


def _value(text: str, column: Column) -> str:
    stored = column.spec.duckdb
    match column.type:
        case ColumnType.STRING:
            return text
        case ColumnType.BOOLEAN:
            true, false = _texts(column.true_values), _texts(column.false_values)
            return f"CASE WHEN {text} IN ({true}) THEN true WHEN {text} IN ({false}) THEN false END"
        case ColumnType.DATE | ColumnType.DATETIME | ColumnType.TIME if column.format != "default":
            # DuckDB reads `infinity` by any format; there is no such time.
            return f"try_cast(try_strptime({text}, {literal(column.format)}) AS {stored})"
        case ColumnType.DATETIME:
            return f"CAST(try_cast({text} AS TIMESTAMPTZ) AS {stored})"
        case (
            ColumnType.INTEGER
            | ColumnType.NUMBER
            | ColumnType.DATE
            | ColumnType.TIME
            | ColumnType.YEAR
        ):
            return f"try_cast({text} AS {stored})"
        case _:
            assert_never(column.type)


def _texts(texts: Sequence[str]) -> str:
    return ", ".join(literal(text) for text in texts)


def _conditions(text: str, column: Column) -> Iterator[str]:
    """Write what must hold for a text to pass; each is NULL or false where it does not."""
    constraints = column.constraints
    yield from _type_conditions(text, column)
    if constraints.min_length is not None:
        yield f"length({text}) >= {constraints.min_length}"
    if constraints.max_length is not None:
        yield f"length({text}) <= {constraints.max_length}"
    if constraints.pattern is not None:
        yield f"regexp_full_match({text}, {literal(constraints.pattern)})"
    if constraints.enum is not None:
        yield f"{text} IN ({_texts([format_value(value, column) for value in constraints.enum])})"
    if constraints.minimum is not None:
        yield f"{_value(text, column)} >= {_bound(constraints.minimum, column)}"
    if constraints.maximum is not None:
        yield f"{_value(text, column)} <= {_bound(constraints.maximum, column)}"
    if column.alumniq.reference is not None:
        certain = certain_match(column.alumniq.reference)
        yield f"length({text}) <= {certain.max_length}"
        yield _matches(text, certain.pattern)


def _type_conditions(text: str, column: Column) -> Iterator[str]:
    match column.type:
        case ColumnType.STRING:
            return
        case ColumnType.INTEGER:
            yield f"length({text}) <= {SAFE_DIGITS}"
            yield _matches(text, INTEGER.pattern)
        case ColumnType.NUMBER:
            yield _matches(text, NUMBER.pattern)
            yield f"isfinite({_value(text, column)})"
        case ColumnType.BOOLEAN:
            yield f"{text} IN ({_texts((*column.true_values, *column.false_values))})"
        case ColumnType.YEAR:
            yield _matches(text, YEAR.pattern)
        case ColumnType.DATE | ColumnType.DATETIME:
            yield _matches(text, _temporal_pattern(column.type, column.format))
            yield f"{_value(text, column)} BETWEEN {MIN_TIMESTAMP} AND {MAX_TIMESTAMP}"
        case ColumnType.TIME:
            yield _matches(text, _temporal_pattern(column.type, column.format))
            yield f"{_value(text, column)} IS NOT NULL"
        case _:
            assert_never(column.type)


def _temporal_pattern(kind: TemporalType, form: str) -> str:
    """Write the pattern that a text must match before DuckDB is let read it."""
    if form != "default":
        return date_pattern(form)
    match kind:
        case ColumnType.DATE:
            return DATE.pattern
        case ColumnType.DATETIME:
            return ISO_DATETIME
        case ColumnType.TIME:
            return TIME.pattern
        case _:
            assert_never(kind)


def _matches(text: str, pattern: str) -> str:
    return f"regexp_full_match({text}, {literal(pattern)})"


def _bound(bound: Scalar, column: Column) -> str:
    return _value(literal(format_value(bound, column)), column)
