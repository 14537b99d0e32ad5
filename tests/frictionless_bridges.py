"""How results are compared despite a difference between frictionless and us.

A bridge gives frictionless another text in place of the one that differs, or changes its result to
what it would be if it treated the row as we do.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite

from alumniq_pipelines.core.feeds.field_map import Column
from alumniq_pipelines.core.feeds.values import VISIBLE
from tests.frictionless_faults import Delivered, Fault

FileAdjustment = Callable[[Delivered], Delivered]
FaultAdjustment = Callable[[set[Fault], Delivered], set[Fault]]
Differs = Callable[[str, Column], bool]

NO_VALUE = "?"
"""A text that is not a value of any other type, so that frictionless refuses it as we do."""
NUMERIC = {"integer", "number", "year"}
DATED = {"date", "datetime", "time"}
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
CLOCK_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?")
TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]"
    r"(?P<seconds>:[0-5][0-9](\.[0-9]{1,9})?)?"
    r"( ?(?P<offset>[Zz]|UTC|[+-](0[0-9]|1[01])(:?[0-5][0-9])?|-12(:?00)?"
    r"|\+1[23](:?[0-5][0-9])?|\+14(:?00)?))?"
)
"""Our forms of numbers and times, as schemas/README.md describes them."""


def texts(
    differs: Differs, replacement: Callable[[str], str] = lambda _: NO_VALUE
) -> FileAdjustment:
    """Replace each text that differs with another one."""

    def adjusted(text: str, known: Column | None, blanks: tuple[str, ...]) -> str:
        is_meant = known is not None and text not in blanks and differs(text, known)
        return replacement(text) if is_meant else text

    def adjust(file: Delivered) -> Delivered:
        blanks = file.field_map.table_schema.missing_values
        columns = [file.field_map.column(name) for name in file.names]
        rows = tuple(
            tuple(adjusted(text, known, blanks) for text, known in zip(row, columns, strict=True))
            if len(row) == len(columns)
            else row
            for row in file.rows
        )
        return replace(file, rows=rows)

    return adjust


def has_blanks_around(text: str, known: Column) -> bool:
    """Whether a number is padded."""
    return known.type in NUMERIC and text != text.strip()


def has_underscores(text: str, known: Column) -> bool:
    """Whether a number has groups of digits as in Python."""
    return known.type in NUMERIC and "_" in text


def is_not_finite(text: str, known: Column) -> bool:
    """Whether a text spells infinity or NaN."""
    spelled = re.fullmatch(r"[+-]?(inf|infinity|s?nan[0-9]*)", text.strip(), re.IGNORECASE)
    return known.type == "number" and spelled is not None


def has_other_digits(text: str, known: Column) -> bool:
    """Whether a text has digits other than 0 to 9."""
    has_them = any(char.isdecimal() and not char.isascii() for char in text)
    return has_them and known.type in NUMERIC | DATED


def is_beyond_64_bits(text: str, known: Column) -> bool:
    """Whether a whole number is too large for a BIGINT."""
    is_whole = known.type == "integer" and re.fullmatch("[+-]?[0-9]+", text) is not None
    return is_whole and not -(2**63) <= int(text) < 2**63


def is_beyond_doubles(text: str, known: Column) -> bool:
    """Whether a number is too large for a DOUBLE."""
    return known.type == "number" and bool(NUMBER.fullmatch(text)) and not isfinite(float(text))


def is_finer_than_doubles(text: str, known: Column) -> bool:
    """Whether a number has more digits than a DOUBLE preserves."""
    if known.type != "number" or not NUMBER.fullmatch(text) or not isfinite(float(text)):
        return False
    return Decimal(text) != Decimal(repr(float(text)))


def has_a_sign(text: str, known: Column) -> bool:
    """Whether a year has one."""
    return known.type == "year" and text.startswith(("+", "-"))


def lacks_digits(text: str, known: Column) -> bool:
    """Whether a date has fewer digits than its format has places."""
    if known.type not in DATED or _is_plain_time(known) or _is_plain_clock_time(known):
        return False
    form = "%Y-%m-%d" if known.format == "default" else known.format
    min_digits = sum(4 if part == "%Y" else 2 for part in re.findall("%[YmdHMS]", form))
    return sum(map(str.isdigit, text)) < min_digits


def has_other_marks(text: str, known: Column) -> bool:
    """Whether a date has other blanks than its format, or letters in the other case."""
    if known.type not in DATED or known.format == "default":
        return False
    marks = re.sub("%[YmdHMS]", "", known.format)
    return any(char not in marks for char in re.sub("[0-9]", "", text)) or "  " in text


def is_another_time(text: str, known: Column) -> bool:
    """Whether a time is not in our form."""
    return _is_plain_time(known) and not TIME.fullmatch(text)


def is_another_clock_time(text: str, known: Column) -> bool:
    """Whether a time of day is not in our form."""
    return _is_plain_clock_time(known) and not CLOCK_TIME.fullmatch(text)


def lacks_seconds(text: str, known: Column) -> bool:
    """Whether a time of day ends with its minutes."""
    is_right = CLOCK_TIME.fullmatch(text) is not None
    return _is_plain_clock_time(known) and is_right and text.count(":") == 1


def has_offset_of_databases(text: str, known: Column) -> bool:
    """Whether the offset of a time is after a blank, or UTC."""
    found = TIME.fullmatch(text)
    offset = found["offset"] if found and _is_plain_time(known) else None
    return offset is not None and (offset == "UTC" or f" {offset}" in text)


def with_offset_of_iso(text: str) -> str:
    """Return a time with its offset as ISO 8601 writes it."""
    return re.sub(" (?=[Zz+-])", "", re.sub(" ?UTC$", "Z", text))


def ends_with_minutes(text: str, known: Column) -> bool:
    """Whether a time has no seconds."""
    found = TIME.fullmatch(text)
    return _is_plain_time(known) and found is not None and found["seconds"] is None


def with_seconds(text: str) -> str:
    """Return a time with seconds after its minutes."""
    beginning = len("2020-01-01T10:00")
    return f"{text[:beginning]}:00{text[beginning:]}"


def lacks_offset(text: str, known: Column) -> bool:
    """Whether a time has no offset from UTC."""
    found = TIME.fullmatch(text)
    return _is_plain_time(known) and found is not None and not found["offset"]


def is_out_of_years(text: str, known: Column) -> bool:
    """Whether a time is outside the years 1 to 9999 in UTC."""
    if not _is_plain_time(known) or not TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError:
        return True
    except ValueError:
        return False
    return False


def _is_plain_time(known: Column) -> bool:
    return (known.type, known.format) == ("datetime", "default")


def _is_plain_clock_time(known: Column) -> bool:
    return (known.type, known.format) == ("time", "default")


def ragged_rows_without_values(file: Delivered) -> Delivered:
    """Fill ragged rows with texts that no other row has."""
    rows = tuple(
        row if len(row) in {0, len(file.names)} else (f"{NO_VALUE}{number}",) * len(row)
        for number, row in enumerate(file.rows)
    )
    return replace(file, rows=rows)


def ragged_rows_as_wholes(faults: set[Fault], file: Delivered) -> set[Fault]:
    """Report a ragged row once, and nothing else in it."""
    del file
    ragged = {row for row, _, code in faults if code in {"extra-cell", "missing-cell"}}
    remaining = {fault for fault in faults if fault[0] not in ragged}
    return remaining | {(row, None, "ragged-row") for row in ragged}


def without_last_blank_lines(file: Delivered) -> Delivered:
    """Remove blank lines at the end of the file."""
    last = max(number for number, row in enumerate(file.rows) if row)
    return replace(file, rows=file.rows[: last + 1])


def rows_of_blanks_by_cell(faults: set[Fault], file: Delivered) -> set[Fault]:
    """Check a row whose values are all blank like any other."""
    required = {column.name for column in file.field_map.columns if column.constraints.required}
    remaining = set(faults)
    for row, _, code in faults:
        if code == "blank-row" and row is not None and file.rows[row - 1]:
            remaining.remove((row, None, code))
            remaining |= {(row, name, "required") for name in required}
    return remaining


def keys_as_wholes(faults: set[Fault], file: Delivered) -> set[Fault]:
    """Require each part of a key, and compare only keys that have all their values."""
    key = set(file.field_map.table_schema.primary_key)
    blanks = file.field_map.table_schema.missing_values
    remaining = set(faults)
    for number, row in enumerate(file.rows, start=1):
        is_regular = len(row) == len(file.names)
        cells = dict(zip(file.names, row, strict=True)) if is_regular else {}
        blank = {name for name in key & cells.keys() if cells[name] in blanks}
        if not is_regular or blank or any((number, name, "type") in faults for name in key):
            remaining.discard((number, None, "duplicate-key"))
        remaining |= {(number, name, "required") for name in blank}
    return remaining


def keys_reported_once(faults: set[Fault], file: Delivered) -> set[Fault]:
    """Report a duplicate once if the key is a single unique column."""
    key = file.field_map.table_schema.primary_key
    reported = {(name, "duplicate-value") for name in key} if len(key) == 1 else set()
    return {fault for fault in faults if fault[1:] not in reported}


def invisible_texts_as_blank(faults: set[Fault], file: Delivered) -> set[Fault]:
    """Report a required value without anything visible as blank, and no other rule of its cell."""
    columns = [(index, file.field_map.column(name)) for index, name in enumerate(file.names)]
    required = [
        (index, known.name)
        for index, known in columns
        if known is not None and file.field_map.is_required(known)
    ]
    blank = {
        (number, name)
        for number, row in enumerate(file.rows, start=1)
        for index, name in required
        if len(row) == len(file.names) and row[index] and not VISIBLE.search(row[index])
    }
    of_cells = {"required", "type", "length", "pattern", "enum", "range"}
    others = {fault for fault in faults if fault[:2] not in blank or fault[2] not in of_cells}
    return others | {(row, name, "required") for row, name in blank}
