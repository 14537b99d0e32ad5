"""The rules a row can break: their codes, and what is said of a row that breaks one.

Like `problems`, this is the one place for its prose: messages are clauses about one row, without a
full stop, since a number of rows or a line number may follow. None of it holds a cell's value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, assert_never

from alumniq_pipelines.core.feeds.field_map import Column, ForeignKey, ReferenceSet
from alumniq_pipelines.core.feeds.values import format_value

MAX_VALUES_LISTED = 20
"""Allowed values that are written out; longer lists are in the field map."""


class Rule(StrEnum):
    """What a row can break; the values are the codes of rejections."""

    REQUIRED = "required"
    TYPE = "type"
    LENGTH = "length"
    PATTERN = "pattern"
    ENUM = "enum"
    RANGE = "range"
    REFERENCE = "reference"
    UNIQUE = "duplicate-value"
    PRIMARY_KEY = "duplicate-key"
    FOREIGN_KEY = "foreign-key"
    RAGGED_ROW = "ragged-row"
    BLANK_ROW = "blank-row"


CellRule = Literal[Rule.TYPE, Rule.LENGTH, Rule.PATTERN, Rule.ENUM, Rule.RANGE, Rule.REFERENCE]
CELL_RULES: tuple[CellRule, ...] = (
    Rule.TYPE,
    Rule.LENGTH,
    Rule.PATTERN,
    Rule.ENUM,
    Rule.RANGE,
    Rule.REFERENCE,
)
"""What one value can break by itself, in the order of judging; blanks are REQUIRED's matter."""

_CLAUSES = {
    Rule.REQUIRED: "is blank",
    Rule.PATTERN: "has not the form that it must have",
    Rule.ENUM: "is not one of the allowed values",
    Rule.RANGE: "is out of range",
}


@dataclass(frozen=True, slots=True)
class _ReferenceWords:
    """What a text is not, what to send, and an example where the field map gives none."""

    clause: str
    wanted: str
    example: str


_REFERENCE_WORDS: Mapping[ReferenceSet, _ReferenceWords] = {
    "country": _ReferenceWords(
        "is not a country code of ISO 3166",
        "Send the two or three capital letters of ISO 3166-1",
        "USA",
    ),
    "country-alpha-2": _ReferenceWords(
        "is not a country code of two letters (ISO 3166)",
        "Send the two capital letters of ISO 3166-1",
        "US",
    ),
    "country-alpha-3": _ReferenceWords(
        "is not a country code of three letters (ISO 3166)",
        "Send the three capital letters of ISO 3166-1",
        "USA",
    ),
    "subdivision": _ReferenceWords(
        "is not a code of a state or province of ISO 3166",
        "Send the whole code of ISO 3166-2 in capital letters",
        "US-MA",
    ),
    "email": _ReferenceWords(
        "is not an e-mail address",
        "Send one address and nothing else",
        "margaret@example.edu",
    ),
    "phone": _ReferenceWords(
        "is not a phone number in E.164 form",
        "Send a plus sign, the country code and the number, without blanks or marks",
        "+14135550102",
    ),
    "url": _ReferenceWords(
        "is not a web address",
        "Send the whole address, beginning with https:// or http://",
        "https://www.example.edu/people",
    ),
}


def message_of(rule: Rule, column: Column | None, columns: str = "") -> str:
    """Say what a row does that breaks the rule; `columns` names the columns of a key."""
    match rule:
        case Rule.RAGGED_ROW:
            return "The row has more or fewer values than the header has columns"
        case Rule.BLANK_ROW:
            return "The line is blank"
        case Rule.PRIMARY_KEY:
            return f"The key {columns} stands in an earlier row too"
        case Rule.UNIQUE:
            return f"The value of {columns} stands in an earlier row too"
    if column is None or rule is Rule.FOREIGN_KEY:
        message = f"The rule {rule} is about a column, and about no key."
        raise ValueError(message)
    return f"`{column.name}` {_clause(rule, column)}"


def ragged_message(found: int, expected: int) -> str:
    """Say it of one row, with the number of its values."""
    values = "1 value" if found == 1 else f"{found:,} values"
    return f"The row has {values} where the header has {expected:,} columns"


def duplicate_message(rule: Rule, columns: str, first_row: int, first_line: int) -> str:
    """Say it of one row, with where the same key or value stands first."""
    what = f"The key {columns}" if rule is Rule.PRIMARY_KEY else f"The value of {columns}"
    return f"{what} stands in row {first_row:,} (line {first_line:,}) already"


def orphan_message(columns: str, key: ForeignKey) -> str:
    """Say that a foreign key, whose columns are named, refers to a row that is not there."""
    has = "has" if len(key.fields) == 1 else "have"
    fixed = ", ".join(f"{name} = {value}" for name, value in key.alumniq.where)
    where = f" ({fixed})" if fixed else ""
    resource = key.reference.resource
    there = f"the feed {resource}" if resource else "this file"
    return f"{columns} {has} no partner in {there}{where}"


def orphan_advice(key: ForeignKey) -> str:
    """Say how to mend it."""
    if key.reference.resource:
        return "Send the missing rows of that feed first, or mend the value."
    return "Send the row that it refers to as well, without faults, or mend the value."


def nothing_live_note(feed: str) -> str:
    """Say that references could not be checked, since nothing of their feed is published yet."""
    return f"The feed {feed} has nothing live yet: references to it were not checked."


def rows_not_available_note(feed: str) -> str:
    """Say that references could not be checked, since what they refer to is not known here."""
    return (
        f"References to the feed {feed} were not checked: its rows are not at hand "
        f"(--against {feed}=FILE, or --live CUSTOMER.ENVIRONMENT)."
    )


def rejected_rows_note(feed: str, rows: int) -> str:
    """Say that some rows of another feed's file break rules of their own."""
    summary = (
        "1 row breaks its rules and is" if rows == 1 else f"{rows:,} rows break its rules and are"
    )
    return f"In the file of the feed {feed}, {summary} no partner."


def missing_columns_note(columns: str, feed: str, missing: str) -> str:
    """Say that a foreign key could not be checked, since its feed's rows lack columns."""
    return f"{columns} was not checked: what is live of the feed {feed} has no {missing}."


def advice_of(rule: Rule, column: Column | None) -> str:
    """Say how to mend it."""
    match rule:
        case Rule.RAGGED_ROW:
            return "Put values that hold a delimiter or a line end into quotes, and send every one."
        case Rule.BLANK_ROW:
            return "Leave blank lines out."
        case Rule.PRIMARY_KEY:
            return "Send one row per key."
        case Rule.UNIQUE:
            return "Send each value once."
        case Rule.REQUIRED:
            return "Fill it in, or leave the row out."
    return (
        ""
        if column is None or rule is Rule.FOREIGN_KEY
        else f"{_wanted(rule, column)}{_example(rule, column)}."
    )


def _clause(rule: CellRule | Literal[Rule.REQUIRED], column: Column) -> str:
    match rule:
        case Rule.TYPE:
            return column.spec.clause
        case Rule.LENGTH:
            return "is too short or too long" if _both_lengths(column) else _one_length(column)
        case Rule.REFERENCE:
            return _reference_words(column).clause
        case Rule.REQUIRED | Rule.PATTERN | Rule.ENUM | Rule.RANGE:
            return _CLAUSES[rule]
        case _:
            assert_never(rule)


def _reference_words(column: Column) -> _ReferenceWords:
    reference = column.alumniq.reference
    if reference is None:
        message = f"The column {column.name} has no reference set."
        raise ValueError(message)
    return _REFERENCE_WORDS[reference]


def _wanted(rule: CellRule, column: Column) -> str:
    constraints = column.constraints
    match rule:
        case Rule.TYPE:
            return _wanted_type(column)
        case Rule.LENGTH:
            return f"Send {_bounds(constraints.min_length, constraints.max_length)} characters"
        case Rule.PATTERN:
            return f"Send what fits `{constraints.pattern}`"
        case Rule.ENUM:
            allowed = [format_value(value, column) for value in constraints.enum or ()]
            more = "" if len(allowed) <= MAX_VALUES_LISTED else ", ... (see the field map)"
            return f"Send one of {', '.join(allowed[:MAX_VALUES_LISTED])}{more}"
        case Rule.REFERENCE:
            return _reference_words(column).wanted
        case Rule.RANGE:
            return f"Send {_bounds(constraints.minimum, constraints.maximum)}"
        case _:
            assert_never(rule)


def _wanted_type(column: Column) -> str:
    spellings = ", ".join((*column.true_values, *column.false_values))
    return column.spec.advice.format(form=_form(column), spellings=spellings)


def _form(column: Column) -> str:
    """Write a format with letters in place of its directives, as people do."""
    if column.format == "default":
        return column.spec.default_form
    form = column.format
    for directive, letters in (
        ("%Y", "YYYY"),
        ("%m", "MM"),
        ("%d", "DD"),
        ("%H", "hh"),
        ("%M", "mm"),
        ("%S", "ss"),
    ):
        form = form.replace(directive, letters)
    return form


def _both_lengths(column: Column) -> bool:
    return column.constraints.min_length is not None and column.constraints.max_length is not None


def _one_length(column: Column) -> str:
    return "is too long" if column.constraints.max_length is not None else "is too short"


def _bounds(low: object | None, high: object | None) -> str:
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"{low} to {high}"


def _example(rule: Rule, column: Column) -> str:
    """Add the field map's own example, or that of a reference set."""
    if column.example is not None:
        return f", such as {format_value(column.example, column)}"
    reference = column.alumniq.reference if rule is Rule.REFERENCE else None
    return "" if reference is None else f", such as {_REFERENCE_WORDS[reference].example}"
