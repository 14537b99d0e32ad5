"""Hints name the probable cause of the faults of a file, and reject nothing."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.services.file_check import FileCheckResult, check_file

Write = Callable[[str | bytes], Path]

DOCUMENT = {
    "name": "accounts",
    "path": "accounts.csv",
    "schema": {
        "primaryKey": ["xid"],
        "fields": [
            {"name": "xid"},
            {"name": "accountNumber"},
            {"name": "note"},
            {"name": "degreeCode"},
            {"name": "state", "constraints": {"pattern": "[A-Z]{2}"}},
            {"name": "born", "type": "date"},
            {"name": "visits", "type": "integer"},
            {"name": "isMember", "type": "boolean"},
            {"name": "email", "alumniq": {"severity": "warning", "reference": "email"}},
        ],
    },
}
HEADER = "xid,accountNumber,note,degreeCode,state,born,visits,isMember,email\n"


@pytest.fixture(scope="module")
def accounts() -> FieldMap:
    return FieldMap.model_validate(DOCUMENT)


def good(number: int) -> list[str]:
    state, visits = ("NY", "") if number % 3 else ("", str(number))
    born = f"19{number % 90 + 10}-05-01" if number % 4 else ""
    return [f"{number:06}", "123456789012", "", "B.A.", state, born, visits, "1", "a@b.edu"]


def text(rows: Sequence[Sequence[str]]) -> str:
    return HEADER + "".join(",".join(row) + "\n" for row in rows)


def put(row: list[str], **values: str) -> list[str]:
    names = HEADER.strip().split(",")
    return [values.get(name, value) for name, value in zip(names, row, strict=True)]


@pytest.fixture
def check(accounts: FieldMap, write: Write) -> Callable[[Sequence[Sequence[str]]], FileCheckResult]:
    """Return a function that checks rows with all of them stored, as a load does, and without."""

    def checked(rows: Sequence[Sequence[str]]) -> FileCheckResult:
        path = write(text(rows))
        result = check_file(path, accounts)
        assert check_file(path, accounts, path.with_name("accepted.csv")) == result
        return result

    return checked


Check = Callable[[Sequence[Sequence[str]]], FileCheckResult]


def test_a_clean_file_gets_none(check: Check) -> None:
    result = check([good(number) for number in range(1_000)])
    assert (result.outcome, result.notes) == ("clean", ())


def test_damage_by_a_spreadsheet_is_reported_also_where_no_rule_is_broken(check: Check) -> None:
    rows = [good(number) for number in range(20)]
    rows[10] = put(rows[10], accountNumber="1.23457E+11", note="#N/A")
    rows[12] = put(rows[12], accountNumber="1E+11", note="1E+11", degreeCode="1-Mar")
    rows[13] = put(rows[13], degreeCode="Mar-01", note="#N/A no value")
    result = check(rows)
    assert result.outcome == "clean"
    assert result.notes == (
        (
            "`accountNumber` contains numbers in scientific notation in 2 rows (first on line "
            "12): a spreadsheet has probably rounded them. Format the column as text before the "
            "values are entered, then export the file again."
        ),
        (
            "`degreeCode` contains a day and a month in 2 rows (first on line 14): a spreadsheet "
            "has probably turned codes into dates. Format the column as text before the codes "
            "are entered, then export the file again."
        ),
        (
            "`note` contains error values of a spreadsheet, such as #N/A or #REF!, in 1 row (line "
            "12): a formula failed there. Correct the formula, or leave the cells blank."
        ),
    )


def test_damage_in_columns_of_other_types_is_reported_beside_the_broken_rule(check: Check) -> None:
    rows = [good(number) for number in range(5)]
    rows[1] = put(rows[1], visits="1.2E+11", born="#VALUE!", state="#REF!")
    rows[2] = ["ragged"]
    rows[4] = put(rows[4], born="#VALUE!")
    result = check(rows)
    assert result.rows_rejected == 3
    assert [note.partition(" in ")[0] for note in result.notes] == [
        "`born` contains error values of a spreadsheet, such as #N/A or #REF!,",
        "`visits` contains numbers",
        "`state` contains error values of a spreadsheet, such as #N/A or #REF!,",
    ]
    assert "in 2 rows (first on line 3)" in result.notes[0]


def test_spreadsheet_errors_are_reported_in_extension_columns_and_searched_in_texts_only(
    write: Write,
) -> None:
    fields = [{"name": "number", "type": "integer"}]
    document = {"name": "own", "path": "own.csv", "schema": {"fields": fields}}
    lenient = FieldMap.model_validate({**document, "alumniq": {"extensionColumns": True}})
    (own,) = check_file(write("number,rating__c\n1,#N/A\n2,\n"), lenient).notes
    assert own.startswith("`rating__c` contains error values of a spreadsheet")
    (number,) = check_file(write("number\n1\n#N/A\n"), lenient).notes
    assert number.startswith("`number` contains error values of a spreadsheet")


def test_an_error_value_inside_a_text_is_no_damage(check: Check) -> None:
    rows = [put(good(n), note="Suite #NA", accountNumber="1234E+5 and") for n in range(3)]
    assert check(rows).notes == ()


@pytest.mark.parametrize("begin", [0, 1, 250, 700, 985])
@pytest.mark.parametrize("noise", [0, 37])
def test_shifted_values_are_reported_with_their_first_line(
    check: Check, begin: int, noise: int
) -> None:
    rows = [good(number) for number in range(1_000)]
    for number in range(1, 1_000, noise or 1_000):
        rows[number] = put(rows[number], visits="many") if noise else rows[number]
    right = [row if n < begin else [*row[:3], "X", *row[3:-1]] for n, row in enumerate(rows)]
    left = [row if n < begin else [*row[:3], *row[4:], ""] for n, row in enumerate(rows)]
    for shifted, side, cause in ((right, "right", "an extra"), (left, "left", "a missing")):
        (hint, *others) = check(shifted).notes
        assert f"values are shifted one column to the {side}, starting at `state` or" in hint
        assert hint.endswith(f"look for {cause} value there.")
        line = int(hint.split()[2].replace(",", ""))
        assert begin + 2 <= line <= begin + 5
        assert others == []


def test_a_wrong_format_beside_a_column_of_the_same_type_is_no_shift(check: Check) -> None:
    rows = [put(good(number), born="5/1/1970", visits="3") for number in range(200)]
    (hint,) = check(rows).notes
    assert "column to the" not in hint
    assert hint == (
        "Nearly all rows of the file (200 of 200) have the same problem: `born` is not a date. "
        "There is probably a single cause: check the settings of your export."
    )


def test_one_root_cause_behind_nearly_all_rows_is_reported_once(check: Check) -> None:
    rows = [good(number) for number in range(1_000)]
    for number in range(300, 1_000):
        if number % 50:
            rows[number] = put(rows[number], isMember="Y", state="New York")
    assert check(rows).notes == (
        (
            "From line 303 on, nearly all rows (686 of 699) have the same problems: `state` does "
            "not match the required format `[A-Z]{2}`; `isMember` is not a yes or no as the field "
            "map spells them. There is probably a single cause: check what changed there."
        ),
    )


def test_ragged_rows_have_a_root_cause_too(check: Check) -> None:
    rows = [[*good(number), "more"] if number >= 400 else good(number) for number in range(600)]
    (hint,) = check(rows).notes
    assert hint.startswith("From line 402 on, nearly all rows (200 of 200) have the same problem:")


def test_scattered_faults_have_no_root_cause(check: Check) -> None:
    rows = [put(good(n), isMember="Y") if n % 2 else good(n) for n in range(1_000)]
    assert check(rows).notes == ()
    assert check([put(good(n), isMember="Y") for n in range(99)]).notes == ()


def test_no_diagnosis_contains_a_value(check: Check) -> None:
    rows = [put(good(n), isMember="secret", accountNumber="9.87654E+11") for n in range(200)]
    notes_text = " ".join(check(rows).notes)
    assert "secret" not in notes_text
    assert "9.87" not in notes_text
    assert "E+" not in notes_text
