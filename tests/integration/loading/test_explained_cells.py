"""A value that breaks a rule because of what a tool did to it is reported with that reason."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.services.file_check import FileCheckResult, check_file

Write = Callable[[str | bytes], Path]

NULL_WORD = "it is a word that stands for a missing value"
LEAVE_BLANK = "Leave the cell blank, or ask us to list the word under `missingValues`"
PADDED = "it begins or ends with a blank"
INVISIBLE = "it contains invisible characters"
DECIMAL = "it is written with a decimal point"
FORMULA = "it is written as a formula of a spreadsheet"
APOSTROPHE = "it begins with an apostrophe"


def check(write: Write, column: Mapping[str, object], *texts: str) -> FileCheckResult:
    fields = [{"name": "xid"}, {"name": "c", **column}]
    schema = {"primaryKey": ["xid"], "fields": fields}
    known = FieldMap.model_validate({"name": "people", "path": "people.csv", "schema": schema})
    cells = ('"' + text.replace('"', '""') + '"' for text in texts)
    rows = "".join(f"{number:04},{cell}\n" for number, cell in enumerate(cells))
    return check_file(write(f"xid,c\n{rows}"), known)


@pytest.mark.parametrize(
    ("column", "text", "code", "reason", "advice"),
    [
        ({"type": "integer"}, "NULL", "type", NULL_WORD, LEAVE_BLANK),
        ({"type": "number"}, "\\N", "type", NULL_WORD, LEAVE_BLANK),
        ({"type": "number"}, "nan", "type", NULL_WORD, LEAVE_BLANK),
        ({"type": "boolean"}, "None", "type", NULL_WORD, LEAVE_BLANK),
        ({"type": "date"}, "NaT", "type", NULL_WORD, LEAVE_BLANK),
        (
            {"type": "integer", "constraints": {"required": True}},
            "NULL",
            "type",
            NULL_WORD,
            "Fill in the value, or leave the row out.",
        ),
        ({"constraints": {"enum": ["USA"]}}, "null", "enum", NULL_WORD, LEAVE_BLANK),
        ({"type": "integer"}, "12   ", "type", PADDED, "Trim the values in your export. Write it"),
        ({"type": "date"}, "\t2024-01-31", "type", PADDED, "Trim the values in your export."),
        ({"type": "integer"}, "    ", "type", PADDED, "Trim the values in your export."),
        ({"constraints": {"enum": ["USA"]}}, "USA  ", "enum", PADDED, "Trim"),
        ({"constraints": {"pattern": "[A-Z]{2}"}}, "OH ", "pattern", PADDED, "Trim"),
        ({"constraints": {"maxLength": 6}}, "Dayton   ", "length", PADDED, "Trim"),
        ({"alumniq": {"reference": "country"}}, "USA ", "reference", PADDED, "Trim"),
        ({"type": "integer"}, "12\u00a0", "type", INVISIBLE, "They come from web pages"),
        ({"constraints": {"pattern": "[A-Z]{2}"}}, "O\u200bH", "pattern", INVISIBLE, "They come"),
        ({"type": "integer"}, "1001.0", "type", DECIMAL, "A program has probably read"),
        ({"type": "year"}, "1998.0", "type", DECIMAL, "A program has probably read"),
        ({"constraints": {"enum": ["1", "2"]}}, "1.0", "enum", DECIMAL, "A program"),
        ({"type": "integer"}, '="12"', "type", FORMULA, "Send the value itself"),
        ({"constraints": {"pattern": "[0-9]{4}"}}, "'0001", "pattern", APOSTROPHE, "Spreadsheets"),
    ],
)
def test_the_reason_is_in_the_message_and_what_to_do_in_the_advice(
    write: Write, column: Mapping[str, object], text: str, code: str, reason: str, advice: str
) -> None:
    result = check(write, column, "", text) if "required" not in str(column) else None
    result = result or check(write, column, "12", text)
    (error,) = result.errors
    assert (error.line, error.code) == (3, code)
    assert error.message.endswith(f": {reason}")
    assert error.advice.startswith(advice)
    (cause,) = result.causes
    assert (cause.message, cause.advice, cause.count) == (error.message, error.advice, 1)
    assert result.notes == ()


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ({"type": "integer"}, "many"),
        ({"type": "number", "constraints": {"minimum": 10}}, "5.0"),
        ({"type": "number", "constraints": {"enum": [1]}}, "2.0"),
        ({"constraints": {"maxLength": 3}}, "None"),
        ({"constraints": {"maxLength": 3}}, "'t Hooft"),
        ({"constraints": {"enum": ["USA"]}}, "Canada"),
    ],
)
def test_a_rule_that_is_broken_for_another_reason_has_its_own_words(
    write: Write, column: Mapping[str, object], text: str
) -> None:
    (error,) = check(write, column, text).errors
    assert ": it " not in error.message


def test_each_reason_is_a_cause_of_its_own(write: Write) -> None:
    texts = ("1", "NULL", "many", "2 ", "NULL", "\\N", "3 ", "none at all")
    result = check(write, {"type": "integer"}, *texts)
    counts = [
        (cause.message.partition(": ")[2], cause.count, cause.first_line) for cause in result.causes
    ]
    assert counts == [(NULL_WORD, 3, 3), ("", 2, 4), (PADDED, 2, 5)]
    assert [error.line for error in result.errors] == [3, 4, 5, 6, 7, 8, 9]


def test_a_reason_changes_no_severity(write: Write) -> None:
    column = {"alumniq": {"severity": "note", "reference": "country"}}
    result = check(write, column, "USA", "NULL", "USA ")
    assert result.outcome == "clean"
    assert [(warning.severity, warning.code) for warning in result.warnings] == [
        ("note", "reference"),
        ("note", "reference"),
    ]


def test_a_word_in_a_key_that_is_a_number_is_to_be_filled_in(write: Write) -> None:
    schema = {"primaryKey": ["id"], "fields": [{"name": "id", "type": "integer"}, {"name": "x"}]}
    known = FieldMap.model_validate({"name": "people", "path": "people.csv", "schema": schema})
    (error,) = check_file(write("id,x\n1,a\nNULL,b\n"), known).errors
    assert error.advice == "Fill in the value, or leave the row out."
