"""A tally has exact totals and the first details, and its messages contain no cell values."""

from collections.abc import Iterable, Mapping

import pytest

from alumniq_pipelines.checking.rules import CELL_RULES, Rule, advice_of, message_of
from alumniq_pipelines.checking.tally import RowViolation, Tally, Violation
from alumniq_pipelines.core.feeds.column_types import ColumnType
from alumniq_pipelines.core.feeds.field_map import Column
from alumniq_pipelines.core.loads.check_result import (
    MAX_REJECTIONS,
    CheckResult,
    Counts,
    file_note,
    format_warnings,
)

NAME = Column(name="name")
NOTED = Column.model_validate({"name": "noted", "alumniq": {"severity": "note"}})
WARNED = Column.model_validate({"name": "warned", "alumniq": {"severity": "warning"}})


def lines_of(rows: Iterable[int]) -> Mapping[int, int]:
    return {row: row + 1 for row in rows}


def check_result(tally: Tally, rejected: int = 0) -> CheckResult:
    return tally.check_result(Counts(10_000, 10_000 - rejected, rejected), 3, lines_of, ["first"])


def test_rejections_come_in_the_order_of_the_file_whatever_was_checked_first() -> None:
    tally = Tally()
    tally.add(Violation(Rule.REQUIRED, NAME), [RowViolation(5), RowViolation(9)], 2)
    tally.add(Violation(Rule.RAGGED_ROW), [RowViolation(7, 2)], 1)
    tally.add(Violation(Rule.REQUIRED, NAME), [RowViolation(12)], 1)
    result = check_result(tally, 4)
    assert [(rejection.row, rejection.line, rejection.code) for rejection in result.rejections] == [
        (5, 6, "required"),
        (7, 8, "ragged-row"),
        (9, 10, "required"),
        (12, 13, "required"),
    ]
    assert result.rejections[1].message == "The row has 2 values, but the header has 3 columns"
    assert [(cause.count, cause.first_line) for cause in result.causes] == [(3, 6), (1, 8)]


def test_details_are_capped_and_totals_are_not() -> None:
    tally = Tally()
    for batch in range(3):
        first = [RowViolation(batch * 5_000 + n) for n in range(MAX_REJECTIONS)]
        tally.add(Violation(Rule.REQUIRED, NAME), first, 5_000)
    result = check_result(tally)
    assert len(result.rejections) == MAX_REJECTIONS
    assert result.causes[0].count == 15_000


def test_warnings_come_before_notes() -> None:
    tally = Tally()
    tally.add(Violation(Rule.ENUM, NOTED), [RowViolation(3)], 7)
    tally.add(Violation(Rule.TYPE, WARNED), [RowViolation(5)], 1)
    tally.add(Violation(Rule.ENUM, WARNED), [RowViolation(4)], 2)
    result = check_result(tally)
    assert result.is_clean
    assert (result.rejections, result.causes) == ((), ())
    assert result.notes == ("first",)
    assert [
        (warning.severity, warning.column, warning.code, warning.count)
        for warning in result.warnings
    ] == [
        ("warning", "warned", "enum", 2),
        ("warning", "warned", "type", 1),
        ("note", "noted", "enum", 7),
    ]
    assert str(result.warnings[-1]) == (
        "`noted` is not one of the allowed values (7 rows, first on line 4)"
    )


def test_warnings_and_notes_have_advice_and_are_capped_with_their_true_total() -> None:
    columns = [
        Column.model_validate(
            {"name": f"c{n}", "alumniq": {"severity": "warning", "reference": "email"}}
        )
        for n in range(4)
    ]
    tally = Tally()
    for column in columns:
        tally.add(Violation(Rule.REFERENCE, column), [RowViolation(1)], 1_000)
    first, _second, rest = format_warnings(check_result(tally).warnings, limit=2)
    assert first == (
        "`c0` is not an e-mail address (1,000 rows, first on line 2). "
        "Send one address and nothing else, such as margaret@example.edu."
    )
    assert rest == "And 2 more kinds of warning or note in 2,000 places."


def test_a_note_on_the_whole_file_has_neither_rows_nor_a_line() -> None:
    assert format_warnings([file_note("Lines end in two ways.")]) == ("Lines end in two ways.",)


def test_no_violations_give_no_messages() -> None:
    tally = Tally()
    tally.add(Violation(Rule.BLANK_ROW), [], 0)
    assert check_result(tally).causes == ()


def test_a_key_of_several_columns_names_no_single_column() -> None:
    tally = Tally()
    tally.add(Violation(Rule.PRIMARY_KEY, key=("a", "b")), [RowViolation(8, 2)], 1)
    (rejection,) = check_result(tally, 1).rejections
    assert rejection.column is None
    assert rejection.message == "The key `a` + `b` duplicates the key of row 2 (line 3)"


@pytest.mark.parametrize("rule", [Rule.REQUIRED, *CELL_RULES])
@pytest.mark.parametrize("kind", ColumnType)
def test_every_rule_of_a_cell_is_worded_with_what_to_do(rule: Rule, kind: ColumnType) -> None:
    column = Column.model_validate(
        {
            "name": "c",
            "type": kind,
            "example": "x",
            "constraints": {"minLength": 2, "pattern": "[a-z]", "enum": ["a"], "maximum": 9},
            "alumniq": {"reference": "url"},
        }
    )
    message, advice = message_of(rule, column), advice_of(rule, column)
    assert message.startswith("`c` ")
    assert not message.endswith(".")
    assert advice.endswith(".")


@pytest.mark.parametrize(
    ("constraints", "message", "advice"),
    [
        ({"minLength": 2}, "`c` is too short", "Send at least 2 characters."),
        ({"maxLength": 9}, "`c` is too long", "Send at most 9 characters."),
        (
            {"minLength": 2, "maxLength": 9},
            "`c` is too short or too long",
            "Send 2 to 9 characters.",
        ),
    ],
)
def test_length_rules_are_worded_by_their_bounds(
    constraints: Mapping[str, int], message: str, advice: str
) -> None:
    column = Column.model_validate({"name": "c", "constraints": constraints})
    assert (message_of(Rule.LENGTH, column), advice_of(Rule.LENGTH, column)) == (message, advice)


def test_a_long_list_of_allowed_values_is_cut() -> None:
    column = Column.model_validate(
        {"name": "c", "constraints": {"enum": [f"v{n}" for n in range(50)]}}
    )
    advice = advice_of(Rule.ENUM, column)
    assert "v19" in advice
    assert "v20" not in advice


def test_a_date_is_asked_for_as_the_field_map_writes_it() -> None:
    column = Column.model_validate({"name": "c", "type": "date", "format": "%d.%m.%Y"})
    assert advice_of(Rule.TYPE, column) == "Write it as DD.MM.YYYY."


def test_a_time_is_asked_for_on_the_24_hour_clock_and_as_the_field_map_writes_it() -> None:
    """A spreadsheet writes 9:05 and 9:05 AM."""
    column = Column.model_validate({"name": "c", "type": "time"})
    assert message_of(Rule.TYPE, column) == "`c` is not a time of day"
    asked = "Write times as 14:05 or 14:05:30, on the 24-hour clock."
    assert advice_of(Rule.TYPE, column) == asked
    compact = column.model_copy(update={"format": "%H%M", "example": "0905"})
    asked = "Write times as hhmm, on the 24-hour clock, such as 0905."
    assert advice_of(Rule.TYPE, compact) == asked


def test_only_a_year_is_asked_for_in_four_digits() -> None:
    columns = [Column.model_validate({"name": "c", "type": kind}) for kind in ColumnType]
    asked = [column.type for column in columns if "four digits" in advice_of(Rule.TYPE, column)]
    assert asked == [ColumnType.YEAR]


@pytest.mark.parametrize("rule", [Rule.TYPE, Rule.REFERENCE, Rule.FOREIGN_KEY, Rule.DAMAGED_KEY])
def test_a_rule_about_columns_needs_one(rule: Rule) -> None:
    with pytest.raises(ValueError, match="about a column"):
        message_of(rule, None)


def test_a_reference_set_is_told_of_a_column_that_has_one() -> None:
    with pytest.raises(ValueError, match="no reference set"):
        message_of(Rule.REFERENCE, NAME)
