"""Text columns outside of keys that a tool has damaged are hinted at, ordinary texts are not."""

import csv
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.services.file_check import FileCheckResult, check_file

Write = Callable[[str | bytes], Path]

ORDINARY = {
    "xid": "",
    "lastName": "Lee",
    "middleName": "Ann",
    "city": "Dayton",
    "note": "",
    "postalCode": "45402",
    "state": "OH",
    "visits": "3",
    "rating__c": "good",
    "legacyId__c": "A17",
}
FIELDS: Sequence[Mapping[str, object]] = (
    {"name": "xid"},
    {"name": "lastName"},
    {"name": "middleName"},
    {"name": "city"},
    {"name": "note"},
    {"name": "postalCode"},
    {"name": "state", "constraints": {"pattern": "[A-Z]{2}|NULL| .*"}},
    {"name": "visits", "type": "integer"},
)
ROWS = 30


def feed(fields: Sequence[Mapping[str, object]] = FIELDS, **schema: object) -> FieldMap:
    document = {
        "name": "people",
        "path": "people.csv",
        "alumniq": {"extensionColumns": True},
        "schema": {"primaryKey": ["xid"], "fields": fields, **schema},
    }
    return FieldMap.model_validate(document)


def table(rows: int = ROWS, /, **columns: Sequence[str]) -> str:
    """Return a file of ordinary rows in which some columns begin with other texts."""
    written = StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(ORDINARY)
    for number in range(rows):
        own = {name: texts[number] for name, texts in columns.items() if number < len(texts)}
        writer.writerow({**ORDINARY, "xid": f"{number:06}", **own}.values())
    return written.getvalue()


def check(write: Write, text: str, field_map: FieldMap | None = None) -> FileCheckResult:
    """Check a file as it is, and as a load does, with all of its rows stored."""
    path, known = write(text), field_map or feed()
    result = check_file(path, known)
    assert check_file(path, known, path.with_name("accepted.csv")) == result
    return result


WORD = "A word for a missing value, such as NULL, is written out in"
FORMULA = "Values are written as formulas of a spreadsheet"
DECIMAL = "Texts are written as numbers with a decimal point"
APOSTROPHE = "Values begin with an apostrophe in"
PADDED = "Values have blanks before or behind them"
INVISIBLE = "Values contain invisible characters in"


@pytest.mark.parametrize(
    ("column", "texts", "words"),
    [
        *(
            ("city", [word], WORD)
            for word in ("NULL", "null", "\\N", "nan", "NaN", "NaT", "<NA>", "(null)", "[NULL]")
        ),
        ("postalCode", ["NULL", "\\N"], WORD),
        ("rating__c", ["NULL"], WORD),
        ("legacyId__c", ["<null>"], WORD),
        ("lastName", ["NULL"] * 10, WORD),
        ("city", ['="Dayton"'], FORMULA),
        ("lastName", ['="Lee"', '="Day"'], FORMULA),
        ("postalCode", ['="01103"'], FORMULA),
        ("postalCode", ["1103.0"] * ROWS, DECIMAL),
        ("postalCode", [*["1103.0"] * 2, *[""] * (ROWS - 2)], DECIMAL),
        ("legacyId__c", ["17.0"] * ROWS, DECIMAL),
        ("city", ["1998.0"] * ROWS, DECIMAL),
        ("postalCode", ["'01103"], APOSTROPHE),
        ("postalCode", ["'+14135550102"], APOSTROPHE),
        ("legacyId__c", ["'A17"] * ROWS, APOSTROPHE),
        ("city", ["'01103", "'01104"], APOSTROPHE),
        ("city", ["'Dayton"] * ROWS, APOSTROPHE),
        ("postalCode", ["01103 ", " 01103"], PADDED),
        ("city", ["Dayton    "] * 20, PADDED),
        ("lastName", ["Lee\t"] * ROWS, PADDED),
        ("rating__c", [" good"] * ROWS, PADDED),
        ("city", ["      "] * ROWS, PADDED),
        ("postalCode", ["45\u200b402"], INVISIBLE),
        ("postalCode", ["45\u00a0402"], INVISIBLE),
        ("legacyId__c", ["A17\u200e"], INVISIBLE),
        ("city", ["\u200bDayton"], INVISIBLE),
        ("city", ["Dayton\u00a0"], INVISIBLE),
        ("lastName", ["Le\u00ade", "\ufeffLee"], INVISIBLE),
    ],
)
def test_what_a_tool_has_done_to_a_column_is_hinted_at(
    write: Write, column: str, texts: list[str], words: str
) -> None:
    result = check(write, table(**{column: ["", *texts]}))
    assert (result.outcome, result.warnings) == ("clean", ())
    (hint,) = result.notes
    damaged = [text for text in texts if text][: ROWS - 1]
    rows = f"{len(damaged)} rows, first on " if len(damaged) > 1 else "1 row, "
    assert hint.startswith(words)
    assert f"in `{column}` ({rows}line 3): " in hint
    assert hint.endswith(".")


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        # People are called so.
        *(("lastName", [name]) for name in ("NULL", "Null", "None", "nan", "Nan", "Nil", "null")),
        ("lastName", ["NULL", "NULL"]),
        ("lastName", ["Null"] * ROWS),
        ("lastName", ["'t Hooft", "O'Neil", "d'Arc"]),
        ("middleName", ["None", "", "N.M.N."]),
        # It is what is meant.
        ("city", ["None"] * ROWS),
        ("city", ["None", "none", "Nil", "N/A", "na", "-", "nil"]),
        ("city", ["NULL and void", "not null", "Nullarbor", "a = b", "=", "'"]),
        ("city", ["'s-Hertogenbosch"] * 5),
        ("city", ["'98", "'98-'02", "'03, '07", "'98 and '02"]),
        ("city", ["4.0", "3.7", "4.0"]),
        ("postalCode", ["1103.0", "1103-A"]),
        ("postalCode", ["None"]),
        # A slip.
        ("city", ["Dayton ", " Dayton"]),
        ("note", ["see above ", "", "", "see below"]),
        ("postalCode", ["45402 "]),
        # Typography, and scripts that need characters without a width.
        ("city", ["Le\u00a0Mans", "Sa\u00f4ne : l\u2019\u00e9t\u00e9\u00a0!"]),
        (
            "city",
            ["\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\U0001f469\u200d\U0001f680"],
        ),
        ("city", ["\u0e01\u200b\u0e02", "\u5c71\u7530\u3000\u592a\u90ce", "\u200fabc"]),
        # The field map says how such values look.
        ("state", ["NULL", " OH"]),
    ],
)
def test_what_people_write_is_not_hinted_at(write: Write, column: str, texts: list[str]) -> None:
    result = check(write, table(**{column: texts}))
    assert (result.outcome, result.warnings, result.notes) == ("clean", (), ())


def test_a_word_in_names_is_hinted_at_if_other_columns_have_it_as_well(write: Write) -> None:
    (hint,) = check(write, table(lastName=["NULL"], city=["", "NULL", "NULL"])).notes
    assert "in `lastName` (1 row, line 2) and `city` (2 rows, first on line 3): " in hint


def test_a_word_that_people_use_too_is_hinted_at_if_nothing_is_blank_in_its_place(
    write: Write,
) -> None:
    filled = {"note": ["x"] * ROWS, "middleName": ["None"] * 3, "postalCode": ["None"]}
    (hint,) = check(write, table(**filled, city=["None"])).notes
    assert hint.startswith(WORD)
    assert "in `middleName` (3 rows, first on line 2), `city` (1 row, line 2) and `post" in hint
    assert check(write, table(**{**filled, "note": []})).notes == ()
    assert check(write, table(note=["x"] * ROWS, city=["None"], rating__c=["None"])).notes == ()


def test_a_missing_value_of_the_field_map_is_blank_and_not_damaged(write: Write) -> None:
    text = table(city=["NULL"], postalCode=["", "NULL", "\\N"])
    (hint,) = check(write, text, feed(missingValues=["", "NULL"])).notes
    assert "in `postalCode` (1 row, line 4): " in hint
    assert check(write, text, feed(missingValues=["", "NULL", "\\N"])).notes == ()


def test_what_the_field_map_gives_as_an_example_or_default_is_meant(write: Write) -> None:
    fields: list[Mapping[str, object]] = [
        {"name": "xid"},
        {"name": "city", "example": "NULL"},
        {"name": "postalCode", "alumniq": {"default": "0.0"}},
        {"name": "note", "example": "'0123"},
    ]
    text = "xid,city,postalCode,note\n1,NULL,1.0,'0001\n2,NULL,2.0,'0002\n"
    assert check(write, text, feed(fields)).notes == ()


def test_every_damaged_column_is_in_the_hint_of_its_kind(write: Write) -> None:
    text = table(
        lastName=["Lee   "] * ROWS, city=["Dayton"] + ["   "] * (ROWS - 1), postalCode=['="1"']
    )
    formulas, padded = check(write, text).notes
    assert formulas.startswith(FORMULA)
    assert padded.startswith(PADDED)
    assert (
        "in `lastName` (30 rows, first on line 2) and `city` (29 rows, first on line 3): " in padded
    )


def test_damage_in_the_first_or_last_rows_is_counted_in_the_whole_file(write: Write) -> None:
    rows = 3_000
    every_third = ["" if number % 3 else "NULL" for number in range(rows)]
    last = [*[""] * (rows - 4), "\\N", "\\N", "\\N", "x"]
    (hint,) = check(write, table(rows, city=every_third, note=last)).notes
    assert (
        "in `city` (1,000 rows, first on line 2) and `note` (3 rows, first on line 2,998)" in hint
    )


def test_damage_beyond_the_rows_that_are_looked_at_is_not_hinted_at(write: Write) -> None:
    """The price of a fast check, which docs/checking.md states."""
    assert check(write, table(3_000, note=[*[""] * 2_500, "NULL"])).notes == ()


def test_irregular_rows_do_not_move_the_line_of_a_damaged_cell(write: Write) -> None:
    lines = table(city=[*[""] * 4, '="1"']).splitlines(keepends=True)
    lines[2:2] = ["ragged\n", "\n"]
    result = check(write, "".join(lines))
    assert [error.line for error in result.errors] == [3, 4]
    assert "in `city` (1 row, line 8): " in result.notes[0]


def test_no_hint_contains_a_value(write: Write) -> None:
    text = table(city=['="secret"'], postalCode=["'0987", "0987\u200b"], note=["secret "] * ROWS)
    notes = " ".join(check(write, text).notes)
    assert notes.count("line") == 4
    assert "secret" not in notes
    assert "987" not in notes


NAMES = st.sampled_from(
    ["Lee", "Null", "None", "Nan", "O'Neil", "'t Hooft", "Jos\u00e9", "Zoe\u0308", "NULL", "x y"]
)
CODES = st.from_regex("[0-9]{5}|[A-Z]{2}-?[0-9]{1,4}[A-Z]?", fullmatch=True)
TEXTS = st.sampled_from(
    ["", "Dayton", "None", "N/A", "'98", "3.5", "Le\u00a0Mans", "a\nb", "-", "nil"]
)
CLEAN = {
    "lastName": NAMES,
    "middleName": NAMES | st.just(""),
    "city": TEXTS,
    "note": TEXTS,
    "postalCode": CODES | st.just(""),
    "rating__c": TEXTS,
    "legacyId__c": CODES,
}


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(st.lists(st.fixed_dictionaries(CLEAN), min_size=1, max_size=9))
def test_a_clean_table_never_gets_such_a_hint(write: Write, rows: list[dict[str, str]]) -> None:
    columns = {name: [row[name] for row in rows] for name in CLEAN}
    assert check_file(write(table(len(rows), **columns)), feed()).notes == ()
