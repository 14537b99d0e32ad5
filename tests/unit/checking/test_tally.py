"""Tallies keep true totals and the first particulars, and their words hold no cell."""

from collections.abc import Iterable, Mapping

import pytest

from alumniq_pipelines.checking.rules import CELL_RULES, Rule, advice_of, message_of
from alumniq_pipelines.checking.tally import Finding, Subject, Tally
from alumniq_pipelines.core.feeds.field_map import Column
from alumniq_pipelines.core.loads.check_result import (
    MAX_REJECTIONS_KEPT,
    Counts,
    Verdict,
    of_the_file,
    told_remarks,
)

NAME = Column(name="name")
NOTED = Column.model_validate({"name": "noted", "alumniq": {"severity": "note"}})
WARNED = Column.model_validate({"name": "warned", "alumniq": {"severity": "warning"}})


def lines_of(rows: Iterable[int]) -> Mapping[int, int]:
    return {row: row + 1 for row in rows}


def verdict(tally: Tally, rejected: int = 0) -> Verdict:
    return tally.verdict(Counts(10_000, 10_000 - rejected, rejected), 3, lines_of, ["first"])


def test_rejections_come_in_the_order_of_the_file_whatever_was_judged_first() -> None:
    tally = Tally()
    tally.add(Subject(Rule.REQUIRED, NAME), [Finding(5), Finding(9)], 2)
    tally.add(Subject(Rule.RAGGED_ROW), [Finding(7, 2)], 1)
    tally.add(Subject(Rule.REQUIRED, NAME), [Finding(12)], 1)
    found = verdict(tally, 4)
    assert [(each.row, each.line, each.code) for each in found.rejections] == [
        (5, 6, "required"),
        (7, 8, "ragged-row"),
        (9, 10, "required"),
        (12, 13, "required"),
    ]
    assert found.rejections[1].message == "The row has 2 values where the header has 3 columns"
    assert [(each.count, each.first_line) for each in found.causes] == [(3, 6), (1, 8)]


def test_details_are_capped_and_totals_are_not() -> None:
    tally = Tally()
    for batch in range(3):
        first = [Finding(batch * 5_000 + n) for n in range(MAX_REJECTIONS_KEPT)]
        tally.add(Subject(Rule.REQUIRED, NAME), first, 5_000)
    found = verdict(tally)
    assert len(found.rejections) == MAX_REJECTIONS_KEPT
    assert found.causes[0].count == 15_000


def test_what_rejects_nothing_is_a_remark_with_its_severity_warnings_first() -> None:
    tally = Tally()
    tally.add(Subject(Rule.ENUM, NOTED), [Finding(3)], 7)
    tally.add(Subject(Rule.TYPE, WARNED), [Finding(5)], 1)
    tally.add(Subject(Rule.ENUM, WARNED), [Finding(4)], 2)
    found = verdict(tally)
    assert found.is_clean
    assert (found.rejections, found.causes) == ((), ())
    assert found.notes == ("first",)
    assert [(each.severity, each.column, each.code, each.count) for each in found.remarks] == [
        ("warning", "warned", "enum", 2),
        ("warning", "warned", "type", 1),
        ("note", "noted", "enum", 7),
    ]
    assert str(found.remarks[-1]) == (
        "`noted` is not one of the allowed values (7 rows, first on line 4)"
    )


def test_remarks_are_told_with_advice_and_capped_with_their_true_total() -> None:
    columns = [
        Column.model_validate(
            {"name": f"c{n}", "alumniq": {"severity": "warning", "reference": "email"}}
        )
        for n in range(4)
    ]
    tally = Tally()
    for column in columns:
        tally.add(Subject(Rule.REFERENCE, column), [Finding(1)], 1_000)
    first, _second, rest = told_remarks(verdict(tally).remarks, most=2)
    assert first == (
        "`c0` is not an e-mail address (1,000 rows, first on line 2). "
        "Send one address and nothing else, such as margaret@example.edu."
    )
    assert rest == "And 2 more kinds of remark in 2,000 places."


def test_what_is_told_of_the_whole_file_has_neither_rows_nor_a_line() -> None:
    assert told_remarks([of_the_file("Lines end in two ways.")]) == ("Lines end in two ways.",)


def test_nothing_found_is_nothing_told() -> None:
    tally = Tally()
    tally.add(Subject(Rule.BLANK_ROW), [], 0)
    assert verdict(tally).causes == ()


def test_a_key_of_several_columns_is_about_none_of_them_alone() -> None:
    tally = Tally()
    tally.add(Subject(Rule.PRIMARY_KEY, key=("a", "b")), [Finding(8, 2)], 1)
    (rejection,) = verdict(tally, 1).rejections
    assert rejection.column is None
    assert rejection.message == "The key `a` + `b` stands in row 2 (line 3) already"


@pytest.mark.parametrize("rule", [Rule.REQUIRED, *CELL_RULES])
@pytest.mark.parametrize(
    "kind", ["string", "integer", "number", "boolean", "date", "datetime", "year"]
)
def test_every_rule_of_a_cell_is_worded_with_what_to_do(rule: Rule, kind: str) -> None:
    column = Column.model_validate(
        {
            "name": "c",
            "type": kind,
            "example": "x",
            "constraints": {"minLength": 2, "pattern": "[a-z]", "enum": ["a"], "maximum": 9},
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
def test_lengths_are_told_as_they_are_bounded(
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


def test_a_rule_about_columns_needs_one() -> None:
    with pytest.raises(ValueError, match="about a column"):
        message_of(Rule.TYPE, None)
