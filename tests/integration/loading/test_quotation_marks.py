"""Quotation marks that the reader does not take for such are never published within values."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.services.file_check import check_file

Write = Callable[[str | bytes], Path]

MARKS = {
    "'": "'",
    "`": "`",
    "\u00b4": "\u00b4",
    "\u2018": "\u2019",
    "\u2019": "\u2019",
    "\u201a": "\u2018",
    "\u201c": "\u201d",
    "\u201d": "\u201d",
    "\u201e": "\u201c",
    "\u00ab": "\u00bb",
    "\u00bb": "\u00ab",
    "\u2039": "\u203a",
    "\u203a": "\u2039",
    "\uff02": "\uff02",
    "\uff07": "\uff07",
    "\u300c": "\u300d",
}


def feed(quote: str = '"', **rules: Any) -> FieldMap:
    fields = [{"name": name} for name in ("xid", "firstName", "lastName")]
    return FieldMap.model_validate(
        {
            "name": "people",
            "path": "people.csv",
            "dialect": {"csv": {"quoteChar": quote}},
            "alumniq": rules,
            "schema": {"primaryKey": "xid", "fields": fields},
        }
    )


def written(rows: list[list[str]], delimiter: str = ",") -> str:
    return "".join(f"{delimiter.join(row)}\n" for row in rows)


def marked(opening: str, *values: str) -> list[str]:
    return [f"{opening}{value}{MARKS.get(opening, opening)}" for value in values]


NAMES = ["xid", "firstName", "lastName"]


@pytest.mark.parametrize("opening", MARKS)
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_a_file_whose_names_and_values_are_in_other_marks_is_refused(
    write: Write, opening: str, delimiter: str
) -> None:
    rows = [marked(opening, *NAMES), marked(opening, "0001", "Ann", "Lee")]
    result = check_file(write(written(rows, delimiter)), feed())
    [error] = result.errors
    assert (error.code, error.line, error.column) == ("other-quotation-marks", 2, "xid")
    assert f"{opening}\u2026{MARKS[opening]}" in error.message
    assert '"\u2026"' in error.advice


@pytest.mark.parametrize(
    "text",
    [
        # Columns that are numbers, blank or NULL stay without marks: SQLite, `.mode quote`
        "'xid','firstName','lastName'\n1,'Ann',NULL\n2,'Bob','O''Neil'\n3,'','Roe'\n",
        "'xid', 'firstName', 'lastName'\n1, 'Ann', 'Lee'\n",
        "'xid','shoe','firstName'\n'0001',7,'Ann'\n",
        # names as they are, or in the marks that are read
        "xid,firstName,lastName\n'0001','Ann','Lee'\n",
        '"xid","firstName","lastName"\n1,\'Ann\',\'Lee\'\n',
        "`xid`,`firstName`,`lastName`\n'0001','Ann','Lee'\n",
        # within marks that are read
        "\"'xid'\",\"'firstName'\"\n\"'0001'\",\"'Ann'\"\n",
        # of some columns only, but with their names
        "xid,'firstName','lastName'\nA1,'Ann','Lee'\n",
        # a value with a delimiter has the wrong number of values
        "'xid','firstName'\n'0001','Ann, the first'\n'0002','Bob'\n",
    ],
)
def test_values_in_single_quotation_marks_refuse_the_file(write: Write, text: str) -> None:
    result = check_file(write(text), feed())
    assert [error.code for error in result.errors] == ["other-quotation-marks"]
    assert result.rows_accepted == 0


def test_values_that_are_quoted_twice_refuse_the_file(write: Write) -> None:
    text = '"""xid""","""firstName"""\n"""0001""","""Ann"""\n'
    [error] = check_file(write(text), feed()).errors
    assert (error.code, error.line) == ("other-quotation-marks", 2)
    assert "in quotation marks twice" in error.message
    assert "only once" in error.advice


def test_the_marks_of_the_field_map_are_named(write: Write) -> None:
    text = '"xid","firstName"\n"0001","Ann"\n'
    assert check_file(write(text), feed()).outcome == "clean"
    [error] = check_file(write(text), feed("'")).errors
    assert error.code == "other-quotation-marks"
    assert "'\u2026'" in error.advice
    assert check_file(write(text.replace('"', "'")), feed("'")).outcome == "clean"


def test_the_line_is_that_of_the_first_such_value(write: Write) -> None:
    text = "'xid','firstName'\n1,\n2,\"\n\"\n3,'Ann'\n"
    [error] = check_file(write(text), feed()).errors
    assert (error.line, error.column) == (5, "firstName")
    assert "Ann" not in f"{error}"


@pytest.mark.parametrize(
    "text",
    [
        # names in marks, values without: all is read
        "'xid','firstName','lastName'\n0001,Ann,Lee\n",
        "\u201cxid\u201d,\u201cfirstName\u201d\n0001,Ann\n",
        "\u00abxid\u00bb;\u00abfirstName\u00bb\n0001;Ann\n",
        "`xid`,`firstName`\n0001,Ann\n",
        # single values in marks
        "xid,firstName,lastName\nA1,'Ann','Lee'\nA2,Bob,'Roe'\n",
        "xid,firstName,lastName\nA1,'Ann','Lee'\n",
        "xid,firstName,lastName\n1,Ann,'t Hooft\n2,'s,Lee'\n",
        "xid,firstName\n1,'Ann'\n2,'Bob'\n",
        "xid,firstName,shoe\n1,Ann,'x'\n2,Bob,'y'\n",
        '"xid","firstName"\n"0001","Ann"\n',
        # marks around a column that is not loaded
        "xid,firstName,'shoe'\n1,Ann,'x'\n",
    ],
)
def test_values_that_are_right_are_accepted(write: Write, text: str) -> None:
    result = check_file(write(text), feed())
    assert (result.outcome, result.errors) == ("clean", ())
