"""The rules that a row can break: their codes, messages and advice.

Messages and advice on rows are worded here, those on damaged keys in `damaged_keys`, and nowhere
else, as those on whole files are in `core/problems`. A message is a clause about one row without a
full stop, since a number of rows or a line number may follow. None of them contains the value of a
cell.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, assert_never

from alumniq_pipelines.core.feeds.field_map import Column, ForeignKey, ReferenceSet
from alumniq_pipelines.core.feeds.values import format_value

MAX_VALUES_LISTED = 20
"""Allowed values listed in an advice; a longer list is cut and points to the field map."""


class Rule(StrEnum):
    """The rules; their values are the codes of rejections."""

    REQUIRED = "required"
    TYPE = "type"
    LENGTH = "length"
    PATTERN = "pattern"
    ENUM = "enum"
    RANGE = "range"
    REFERENCE = "reference"
    PRECISION = "precision"
    UNIQUE = "duplicate-value"
    PRIMARY_KEY = "duplicate-key"
    FOREIGN_KEY = "foreign-key"
    DAMAGED_KEY = "damaged-key"
    RAGGED_ROW = "ragged-row"
    TRAILING_DELIMITER = "trailing-delimiter"
    BLANK_ROW = "blank-row"
    REPEATED_HEADER = "repeated-header"
    SEPARATOR_LINE = "separator-line"
    REPORT_LINE = "report-line"


CellRule = Literal[Rule.TYPE, Rule.LENGTH, Rule.PATTERN, Rule.ENUM, Rule.RANGE, Rule.REFERENCE]
CELL_RULES: tuple[CellRule, ...] = (
    Rule.TYPE,
    Rule.LENGTH,
    Rule.PATTERN,
    Rule.ENUM,
    Rule.RANGE,
    Rule.REFERENCE,
)
"""The rules on a single value, in the order in which they are checked; REQUIRED covers blanks."""

LineRule = Literal[
    Rule.RAGGED_ROW,
    Rule.TRAILING_DELIMITER,
    Rule.BLANK_ROW,
    Rule.REPEATED_HEADER,
    Rule.SEPARATOR_LINE,
    Rule.REPORT_LINE,
]
"""The rules on a whole line."""

_LINES: Mapping[LineRule, tuple[str, str]] = {
    Rule.RAGGED_ROW: (
        "The row has more or fewer values than the header has columns",
        (
            "Send one value per column, and put quotes around values that contain a delimiter or a "
            "line break."
        ),
    ),
    Rule.TRAILING_DELIMITER: (
        "The row ends with a delimiter: it has one empty value more than the header has columns",
        (
            "Leave out the delimiter behind the last value, or end the header line with one and "
            "the name of a column as well."
        ),
    ),
    Rule.BLANK_ROW: ("The line is blank", "Remove blank lines."),
    Rule.REPEATED_HEADER: (
        "The line repeats the header, so it is no data",
        "Leave out the header lines within the file: where files are joined, all but the first.",
    ),
    Rule.SEPARATOR_LINE: (
        "The line consists of dashes or similar characters, so it is no data",
        "Turn off the lines below the column names in your export.",
    ),
    Rule.REPORT_LINE: (
        "The line is a total, a footer or a message of the export, and no data",
        "Turn off totals, footers and messages in your export, or remove the line.",
    ),
}
"""The message and advice on each of them."""

_CLAUSES = {
    Rule.REQUIRED: "is blank",
    Rule.ENUM: "is not one of the allowed values",
    Rule.RANGE: "is outside the allowed range",
}


@dataclass(frozen=True, slots=True)
class _ReferenceWords:
    """The message and advice on a reference set, and an example if the field map has none."""

    clause: str
    wanted: str
    example: str


_REFERENCE_WORDS: Mapping[ReferenceSet, _ReferenceWords] = {
    "country": _ReferenceWords(
        "is not an ISO 3166-1 country code",
        "Send the two-letter or three-letter ISO 3166-1 code in capital letters",
        "USA",
    ),
    "country-alpha-2": _ReferenceWords(
        "is not a two-letter ISO 3166-1 country code",
        "Send the two-letter ISO 3166-1 code in capital letters",
        "US",
    ),
    "country-alpha-3": _ReferenceWords(
        "is not a three-letter ISO 3166-1 country code",
        "Send the three-letter ISO 3166-1 code in capital letters",
        "USA",
    ),
    "subdivision": _ReferenceWords(
        "is not an ISO 3166-2 code of a state or province",
        "Send the complete ISO 3166-2 code in capital letters",
        "US-MA",
    ),
    "email": _ReferenceWords(
        "is not an e-mail address",
        "Send one address and nothing else",
        "margaret@example.edu",
    ),
    "phone": _ReferenceWords(
        "is not a phone number in E.164 format",
        "Send a plus sign, the country code and the number, without spaces or punctuation",
        "+14135550102",
    ),
    "url": _ReferenceWords(
        "is not a web address",
        "Send the complete address, starting with https:// or http://",
        "https://www.example.edu/people",
    ),
}


def message_of(rule: Rule, column: Column | None, columns: str = "") -> str:
    """Return what is wrong with a row that breaks the rule; `columns` lists those of a key."""
    match rule:
        case (
            Rule.RAGGED_ROW
            | Rule.TRAILING_DELIMITER
            | Rule.BLANK_ROW
            | Rule.REPEATED_HEADER
            | Rule.SEPARATOR_LINE
            | Rule.REPORT_LINE
        ):
            return _LINES[rule][0]
        case Rule.PRIMARY_KEY:
            return f"The key {columns} duplicates the key of an earlier row"
        case Rule.UNIQUE:
            return f"The value of {columns} duplicates the value in an earlier row"
    if column is None or rule is Rule.FOREIGN_KEY or rule is Rule.DAMAGED_KEY:
        message = f"The rule {rule} is about a column, and not about a key."
        raise ValueError(message)
    clause = column.spec.precision_clause if rule is Rule.PRECISION else _clause(rule, column)
    return f"`{column.name}` {clause}"


def ragged_message(found: int, expected: int) -> str:
    """Return the message on a ragged row that names the number of its values."""
    values = "1 value" if found == 1 else f"{found:,} values"
    return f"The row has {values}, but the header has {expected:,} columns"


def duplicate_message(rule: Rule, columns: str, first_row: int, first_line: int) -> str:
    """Return the message on a duplicate that names the first row with the same key or value."""
    first = f"row {first_row:,} (line {first_line:,})"
    if rule is Rule.PRIMARY_KEY:
        return f"The key {columns} duplicates the key of {first}"
    return f"The value of {columns} duplicates the value in {first}"


def orphan_message(columns: str, key: ForeignKey) -> str:
    """Return the message on a foreign key, with these columns, that refers to no existing row."""
    does = "does" if len(key.fields) == 1 else "do"
    conditions = " and ".join(f"`{name}` = {value}" for name, value in key.alumniq.where)
    where = f" where {conditions}" if conditions else ""
    feed = key.reference.resource
    # Within the file, a row that is itself rejected does not count.
    referenced = f"row of the feed {feed}" if feed else "accepted row of this file"
    return f"{columns} {does} not match any {referenced}{where}"


def orphan_advice(key: ForeignKey) -> str:
    """Return how to fix it."""
    if key.reference.resource:
        return "Send the missing rows of that feed first, or correct the value."
    return "Include the row that it refers to, free of errors, or correct the value."


def nothing_live_note(feed: str) -> str:
    """Return the note that references were not checked because their feed has no live data."""
    return f"The feed {feed} has no live data yet, so references to it were not checked."


def rows_not_available_note(feed: str) -> str:
    """Return the note that references were not checked because no rows were given to look in."""
    return (
        f"References to the feed {feed} were not checked because its rows are not available here "
        f"(use --against {feed}=FILE or --live CUSTOMER.ENVIRONMENT)."
    )


def rejected_rows_note(feed: str, rows: int) -> str:
    """Return the note that rejected rows of another feed's file do not count as referenced rows."""
    rejected = "1 row is" if rows == 1 else f"{rows:,} rows are"
    return (
        f"In the file for the feed {feed}, {rejected} rejected by the rules of that feed; "
        "no reference can match there."
    )


def missing_columns_note(columns: str, feed: str, missing: str) -> str:
    """Return the note that a foreign key was not checked because live rows lack its columns."""
    return (
        f"References from {columns} were not checked: the live data of the feed {feed} "
        f"does not have {missing} yet."
    )


def advice_of(rule: Rule, column: Column | None) -> str:
    """Return how to fix it, as one or two sentences."""
    match rule:
        case (
            Rule.RAGGED_ROW
            | Rule.TRAILING_DELIMITER
            | Rule.BLANK_ROW
            | Rule.REPEATED_HEADER
            | Rule.SEPARATOR_LINE
            | Rule.REPORT_LINE
        ):
            return _LINES[rule][1]
        case Rule.PRIMARY_KEY:
            return "Send only one row per key."
        case Rule.UNIQUE:
            return "Send each value only once."
        case Rule.REQUIRED:
            return "Fill in the value, or leave the row out."
    if column is None or rule is Rule.FOREIGN_KEY or rule is Rule.DAMAGED_KEY:
        advice = ""
    elif rule is Rule.PRECISION:
        advice = column.spec.precision_advice
    else:
        advice = f"{_wanted(rule, column)}{_example(rule, column)}."
    return advice


def _clause(rule: CellRule | Literal[Rule.REQUIRED], column: Column) -> str:
    constraints = column.constraints
    match rule:
        case Rule.TYPE:
            return column.spec.clause
        case Rule.LENGTH:
            bounds = {"short": constraints.min_length, "long": constraints.max_length}
            sides = [f"too {side}" for side, bound in bounds.items() if bound is not None]
            return f"is {' or '.join(sides)}"
        case Rule.PATTERN:
            return f"does not match the required format `{constraints.pattern}`"
        case Rule.REFERENCE:
            return _reference_words(column).clause
        case Rule.REQUIRED | Rule.ENUM | Rule.RANGE:
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
            spellings = ", ".join((*column.true_values, *column.false_values))
            return column.spec.advice.format(form=_form(column), spellings=spellings)
        case Rule.LENGTH:
            return f"Send {_bounds(constraints.min_length, constraints.max_length)} characters"
        case Rule.PATTERN:
            return "Send a value in that format"
        case Rule.ENUM:
            allowed = [format_value(value, column) for value in constraints.enum or ()]
            more = "" if len(allowed) <= MAX_VALUES_LISTED else ", ... (the field map lists all)"
            return f"Send one of {', '.join(allowed[:MAX_VALUES_LISTED])}{more}"
        case Rule.REFERENCE:
            return _reference_words(column).wanted
        case Rule.RANGE:
            return f"Send a value of {_bounds(constraints.minimum, constraints.maximum)}"
        case _:
            assert_never(rule)


def _form(column: Column) -> str:
    """Return a format with letters in place of its directives, as people write it."""
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


def _bounds(low: object | None, high: object | None) -> str:
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"{low} to {high}"


def _example(rule: Rule, column: Column) -> str:
    """Return the example of the field map, or of the reference set, as the end of a sentence."""
    if column.example is not None:
        return f", such as {format_value(column.example, column)}"
    reference = column.alumniq.reference if rule is Rule.REFERENCE else None
    return "" if reference is None else f", such as {_REFERENCE_WORDS[reference].example}"
