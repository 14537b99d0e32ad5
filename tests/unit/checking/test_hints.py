"""Hints are plain sentences, and only on problems that last to the end of the file."""

from dataclasses import replace

import pytest

from alumniq_pipelines.checking.hints import (
    columns_hint,
    damage_hint,
    group_by_root_cause,
    root_cause_hint,
    similar_keys_hint,
)
from alumniq_pipelines.checking.rules import Rule
from alumniq_pipelines.checking.similar_keys import Difference, SimilarKeys
from alumniq_pipelines.checking.tally import Violation, ViolationCount
from alumniq_pipelines.checking.text_damage import BY_SPREADSHEETS, OF_WHOLE_COLUMNS, Damage
from alumniq_pipelines.core.feeds.field_map import Column


def found(name: str, count: int, first_row: int) -> ViolationCount:
    return ViolationCount(Violation(Rule.REQUIRED, Column(name=name)), count, first_row)


@pytest.mark.parametrize(
    "damage", [*BY_SPREADSHEETS, Damage.LOST_CHARACTERS, Damage.DOUBLE_ENCODED]
)
def test_every_damage_has_a_description(damage: Damage) -> None:
    assert "1 row (line 7)" in damage_hint(damage, "xid", 1, 7)
    assert "1,204 rows (first on line 7)" in damage_hint(damage, "xid", 1_204, 7)


@pytest.mark.parametrize("damage", OF_WHOLE_COLUMNS)
def test_every_damage_of_whole_columns_lists_them_with_rows_and_lines(damage: Damage) -> None:
    columns = [("a", 1_204, 1_007), ("b", 1, 8), *((f"c{n}", 9, 2) for n in range(12))]
    assert " in `a` (1,204 rows, first on line 1,007): " in columns_hint(damage, columns[:1])
    assert " and `b` (1 row, line 8): " in columns_hint(damage, columns[:2])
    hint = columns_hint(damage, columns)
    assert "`c7` (9 rows, first on line 2) and 4 more columns: " in hint
    assert "`c8`" not in hint


@pytest.mark.parametrize("difference", Difference)
def test_every_difference_of_keys_has_a_description(difference: Difference) -> None:
    similar = SimilarKeys(difference=difference, key=("a", "b"), count=1, first=4, earlier=2)
    begin = "1 key (line 6, compare line 4) in `a` + `b` differs from an earlier key only by "
    assert similar_keys_hint(similar, 6, 4).startswith(begin)
    begin = "1,204 keys (first on line 1,006, compare line 4) in `a` + `b` differ from an earlier "
    assert similar_keys_hint(replace(similar, count=1_204), 1_006, 4).startswith(begin)


@pytest.mark.parametrize(
    ("count", "first_row", "roots"),
    [(1_000, 1, 1), (900, 1, 1), (899, 1, 0), (100, 901, 1), (99, 902, 0)],
)
def test_a_lasting_problem_has_a_root_cause(count: int, first_row: int, roots: int) -> None:
    assert len(group_by_root_cause([found("a", count, first_row)], 1_000)) == roots


def test_problems_that_begin_together_have_one_root_cause() -> None:
    faults = [found("late", 480, 505), found("b", 950, 3), found("a", 1_000, 1), found("x", 5, 1)]
    groups = group_by_root_cause(faults, 1_000)
    assert [[fault.violation.column_name for fault in group] for group in groups] == [
        ["a", "b"],
        ["late"],
    ]


def test_of_many_problems_with_one_root_cause_only_the_first_are_listed() -> None:
    group = [found(f"c{index}", 1_000, 1) for index in range(8)]
    hint = root_cause_hint(group, 1_000, {1: 2})
    assert "`c4` is blank; and 3 more." in hint
    assert "`c5`" not in hint
