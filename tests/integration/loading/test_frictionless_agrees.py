"""Files are checked as frictionless checks them by the same field map, except as listed here.

Each difference is shown by a file. One that generated files may have is bridged there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings

from alumniq_pipelines.core.feeds.column_types import ColumnType
from tests import frictionless_bridges as bridges
from tests.drawn_files import COLUMN_TYPES, Field, every_text_in, field_map, files
from tests.frictionless_bridges import Differs, FaultAdjustment, FileAdjustment, texts
from tests.frictionless_faults import Delivered, Fault

ANY_TEXT: Field = {"name": "c"}


@dataclass(frozen=True)
class Difference:
    """Why the two differ, a file that shows it, and the bridge for generated files."""

    why: str
    shown: Delivered
    ours: set[Fault]
    theirs: set[Fault]
    given: FileAdjustment | None = None
    adjusted: FaultAdjustment | None = None


def column(kind: str = "string", name: str = "c", **rules: Any) -> Field:
    return {"name": name, "type": kind, **rules}


def rows(described: Field, *shown: Sequence[str], **schema: Any) -> Delivered:
    fields = [described, {"name": "other"}]
    return Delivered(field_map(fields, **schema), ("c", "other"), tuple(map(tuple, shown)))


def content(text: str, described: Field = ANY_TEXT, **options: Any) -> Delivered:
    return Delivered(field_map([described, {"name": "other"}]), content=text, **options)


def laxer(why: str, differs: Differs, described: Field, *shown: str) -> Difference:
    """Return the difference that frictionless accepts texts as values which we reject."""
    ours: set[Fault] = {(row, "c", "type") for row, _ in enumerate(shown, start=1)}
    file = rows(described, *((text, "x") for text in shown))
    return Difference(why, file, ours, set(), texts(differs))


DIFFERENCES = {
    "blanks around numbers": laxer(
        "An export that pads numbers may pad texts too, where blanks count: better rejected.",
        bridges.has_blanks_around,
        column("integer"),
        *(" 12 ", "12\n", "\u00a012"),
    ),
    "underscores in numbers": laxer(
        "Python accepts them in numbers; in an export they mean something else.",
        bridges.has_underscores,
        column("number"),
        "1_000",
    ),
    "no finite number": laxer(
        "A single one spoils every sum over its column.",
        bridges.is_not_finite,
        column("number"),
        *("NaN", "-inf", "Infinity"),
    ),
    "digits of other scripts": laxer(
        "Neither database reads them.",
        bridges.has_other_digits,
        column("integer"),
        "\u0661\u0662",
    ),
    "more than 64 bits": laxer(
        "Whole numbers are published as BIGINT.",
        bridges.is_beyond_64_bits,
        column("integer"),
        *("9223372036854775808", "1" * 40),
    ),
    "more than a double": laxer(
        "Numbers are published as DOUBLE.", bridges.is_beyond_doubles, column("number"), "1e400"
    ),
    "a sign before a year": laxer(
        "A year has four digits.", bridges.has_a_sign, column("year"), "+202"
    ),
    "dates that lack digits": laxer(
        "Which of the digits are missing is a guess.",
        bridges.lacks_digits,
        column("date"),
        *("2024-2-9", "2024-02-9"),
    ),
    "other marks in a date": laxer(
        "Python takes any blanks for a blank, and letters in either case; databases do not.",
        bridges.has_other_marks,
        column("datetime", format="%Y-%m-%d T%H:%M"),
        *("2024-02-09  T10:00", "2024-02-09\tT10:00", "2024-02-09 t10:00"),
    ),
    "other forms of ISO 8601": laxer(
        "One format is enough, and others may be misread.",
        bridges.is_another_time,
        column("datetime"),
        *("2020-01-01x00:00:00", "2020-W01-1T10:00:00"),
        *("2020-01-01T24:00:00", "2020-01-01T00:00:00,5", "2020-01-01T00:00:00.1234567891"),
    ),
    "offsets that do not exist": laxer(
        "No clock shows such a time: something else was damaged, too.",
        bridges.is_another_time,
        column("datetime"),
        *("2020-01-01T00:00:00+15:00", "2020-01-01T00:00:00+14:30", "2020-01-01T00:00:00-12:30"),
    ),
    "offsets as databases write them": Difference(
        "PostgreSQL, SQL Server and BigQuery write them, and what they mean is plain.",
        rows(
            column("datetime"),
            *((f"2020-01-01 00:00:00{offset}", "x") for offset in (" +02:00", " Z", " UTC", "UTC")),
        ),
        set(),
        {(row, "c", "type") for row in (1, 2, 3, 4)},
        texts(bridges.has_offset_of_databases, bridges.with_offset_of_iso),
    ),
    "times out of years": laxer(
        "Times are published in UTC, where this one is in no year that Python knows.",
        bridges.is_out_of_years,
        column("datetime"),
        "0001-01-01T00:00:00+01:00",
    ),
    "other forms of a time of day": laxer(
        "Without a date, an offset says nothing, and 24:00 is the beginning of another day.",
        bridges.is_another_clock_time,
        column("time"),
        *("14:05:00Z", "14:05:00+02:00", "24:00:00", "14:05:30,5", "14:05:30.1234567891"),
    ),
    "times of day without seconds": Difference(
        "Many systems write none, and what they mean is plain.",
        rows(column("time"), ("14:05", "x")),
        set(),
        {(1, "c", "type")},
        texts(bridges.lacks_seconds, lambda text: f"{text}:00"),
    ),
    "times without seconds": Difference(
        "Many systems write none, and what they mean is plain.",
        rows(column("datetime"), ("2020-01-01 10:00", "x"), ("2020-01-01T10:00+02:00", "x")),
        set(),
        {(1, "c", "type"), (2, "c", "type")},
        texts(bridges.ends_with_minutes, bridges.with_seconds),
    ),
    "times without an offset": Difference(
        "They are in UTC; frictionless cannot compare them with those that have an offset.",
        rows(
            column("datetime", constraints={"unique": True}),
            ("2020-01-01T00:00:00", "x"),
            ("2020-01-01T00:00:00Z", "x"),
        ),
        {(2, "c", "duplicate-value")},
        set(),
        texts(bridges.lacks_offset, lambda text: f"{text}Z"),
    ),
    "digits that a double does not keep": Difference(
        "The published value is checked.",
        rows(column("number", constraints={"maximum": 0.3}), ("0.30000000000000001", "x")),
        set(),
        {(1, "c", "range")},
        texts(bridges.is_finer_than_doubles, lambda text: repr(float(text))),
    ),
    "a required value of blanks": Difference(
        "Nobody sees it, and no reference matches it.",
        rows(column(constraints={"required": True}), ("  ", "x"), ("\u00a0\u200b", "x")),
        {(1, "c", "required"), (2, "c", "required")},
        set(),
        adjusted=bridges.invisible_texts_as_blank,
    ),
    "a row of blanks": Difference(
        "Its delimiters show that it is a row; missing values are reported by column.",
        rows(column(constraints={"required": True}), ("", "")),
        {(1, "c", "required")},
        {(1, None, "blank-row")},
        adjusted=bridges.rows_of_blanks_by_cell,
    ),
    "blank lines at the end": Difference(
        "They end many files and mean nothing.",
        rows(column(), ("1", "x"), (), ()),
        set(),
        {(2, None, "blank-row"), (3, None, "blank-row")},
        given=bridges.without_last_blank_lines,
    ),
    "a ragged row": Difference(
        "Where a value is missing is not known, so none is taken for its column's.",
        rows(column("integer", constraints={"unique": True}), ("x",), ("1", "2", "3"), ("1", "2")),
        {(1, None, "ragged-row"), (2, None, "ragged-row")},
        {
            *((1, "c", "type"), (1, None, "missing-cell")),
            *((2, None, "extra-cell"), (3, "c", "duplicate-value")),
        },
        bridges.ragged_rows_without_values,
        bridges.ragged_rows_as_wholes,
    ),
    "a key without a value": Difference(
        "Each part of a key is required, and a part that cannot be read repeats none.",
        rows(column("integer"), ("", "x"), ("x", "x"), primaryKey=["c"]),
        {(1, "c", "required"), (2, "c", "type")},
        {(1, None, "duplicate-key"), (2, None, "duplicate-key"), (2, "c", "type")},
        adjusted=bridges.keys_as_wholes,
    ),
    "a key that is unique as well": Difference(
        "One fault is reported once.",
        rows(column(constraints={"unique": True}), ("1", "x"), ("1", "y"), primaryKey=["c"]),
        {(2, None, "duplicate-key")},
        {(2, None, "duplicate-key"), (2, "c", "duplicate-value")},
        adjusted=bridges.keys_reported_once,
    ),
    "alternatives of a pattern": Difference(
        "A pattern stands for the whole value; frictionless ties only its ends down.",
        rows(column(constraints={"pattern": "a|b"}), ("ax", "x")),
        {(1, "c", "pattern")},
        set(),
    ),
    "a line end behind a pattern": Difference(
        "To Python, `$` is also before a last line end.",
        rows(column(constraints={"pattern": "[A-Z]+"}), ("AB\n", "x")),
        {(1, "c", "pattern")},
        set(),
    ),
    "names in another case": Difference(
        "Exports change it, and no two columns differ only in it.",
        content("C, Other \n1,x\n", column(constraints={"required": True})),
        set(),
        {(None, None, "unmatched-header"), (None, "c", "missing-label")},
    ),
    "another delimiter": Difference(
        "The header shows it, and a note reports it.",
        content("c;other\n1;x\n"),
        set(),
        {(None, None, "unmatched-header")},
    ),
    "blanks behind delimiters": Difference(
        "Left alone, frictionless guesses from the first rows that they are not meant.",
        content(
            "other, c\nx, y\nx, y\n",
            column(constraints={"maxLength": 1}),
            guesses=True,
        ),
        {(1, "c", "length"), (2, "c", "length")},
        set(),
    ),
    "the header": Difference(
        "It is the first line; frictionless guesses which line it is from the width of the rows.",
        content("c,other\n1,2,3,4,5,6\n1,2,3,4,5,7\n", guesses=True),
        {(1, None, "ragged-row"), (2, None, "ragged-row")},
        {(None, None, "unmatched-header")},
    ),
    "a header alone": Difference(
        "Publishing it would empty the table.",
        content("c,other\n"),
        {(None, None, "no-rows")},
        set(),
    ),
    "a quote inside a value": Difference(
        "It may be the end of a value whose beginning was lost.",
        content('c,other\n1,x"y\n2,z\n'),
        {(None, None, "broken-quoting")},
        set(),
    ),
    "text behind a closing quote": Difference(
        "A quote that was not doubled may have swallowed a delimiter.",
        content('c,other\n1,"x"y\n2,z\n'),
        {(None, None, "broken-quoting")},
        set(),
    ),
    "a quote that is never closed": Difference(
        "The rest of the file became one value.",
        content('c,other\n1,"x\n2,z\n'),
        {(None, None, "broken-quoting")},
        set(),
    ),
    "a NUL character": Difference(
        "PostgreSQL stores none; it is a sign of damage.",
        content("c,other\n1,x\0\n"),
        {(None, None, "nul-character")},
        set(),
    ),
    "a byte order mark before a row": Difference(
        "It is the beginning of a second file.",
        content("c,other\n1,x\n\ufeff2,y\n"),
        {(None, None, "files-joined")},
        set(),
    ),
}
"""The differences by name."""


def test_every_type_is_compared() -> None:
    assert {described["type"] for described, _ in COLUMN_TYPES} == set(ColumnType)


@pytest.mark.parametrize("name", DIFFERENCES)
def test_each_difference_is_one_and_is_bridged_by_itself(name: str) -> None:
    difference = DIFFERENCES[name]
    file = difference.shown
    assert file.ours() == difference.ours
    assert file.theirs() == difference.theirs
    assert difference.ours != difference.theirs
    if difference.given or difference.adjusted:
        assert bridged(file, [difference]) == difference.ours


def bridged(file: Delivered, differences: Sequence[Difference]) -> set[Fault]:
    """Return what frictionless would find without these differences."""
    givens = [difference.given for difference in differences if difference.given]
    adjustments = [difference.adjusted for difference in differences if difference.adjusted]
    theirs = reduce(lambda changed, give: give(changed), givens, file).theirs()
    return reduce(lambda faults, adjust: adjust(faults, file), adjustments, theirs)


@pytest.mark.parametrize("rules", [{}, {"required": True, "unique": True}], ids=str)
@pytest.mark.parametrize(
    "index", range(len(COLUMN_TYPES)), ids=lambda index: str(COLUMN_TYPES[index][0])
)
def test_every_text_is_checked_alike_in_every_column(index: int, rules: dict[str, bool]) -> None:
    file = every_text_in(index, rules)
    assert file.ours() == bridged(file, list(DIFFERENCES.values()))


@settings(derandomize=True, database=None, deadline=None, max_examples=150)
@given(files())
def test_apart_from_the_differences_both_find_every_fault(file: Delivered) -> None:
    assert file.ours() == bridged(file, list(DIFFERENCES.values()))
