"""A shift is only reported if several columns prove it and nothing contradicts it."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.checking.column_shift import ColumnShiftDetector, Row, Shift
from alumniq_pipelines.core.feeds.field_map import Column

COLUMNS = [
    Column(name="name"),
    Column(name="born", type="date"),
    Column(name="visits", type="integer"),
    Column(name="isMember", type="boolean"),
    None,
]
VALUES = ("Lee", "1970-05-01", "7", "true", "", "x@y")
ROW = ("Lee", "1970-05-01", "7", "true", "")
RIGHT = ("Lee", "x", "1970-05-01", "7", "true")
LEFT = ("Lee", "7", "true", "", "")
detector = ColumnShiftDetector(COLUMNS, ("", "NULL"))


def shift_in(rows: Sequence[Row]) -> Shift | None:
    return detector.find_shift(len(rows), lambda numbers: [rows[number - 1] for number in numbers])


@pytest.mark.parametrize(("row", "row_shift"), [(ROW, 0), (RIGHT, 1), (LEFT, -1), (ROW[:4], None)])
def test_a_row_shows_which_columns_its_values_fit(row: Row, row_shift: int | None) -> None:
    assert detector.row_shift(row) == row_shift


@pytest.mark.parametrize("row", [("Lee", "", "", "", ""), ("Lee", "NULL", "NULL", "NULL", "a")])
def test_blanks_are_no_evidence(row: Row) -> None:
    assert detector.row_shift(row) is None


@pytest.mark.parametrize(("row", "step", "index"), [(RIGHT, 1, 1), (LEFT, -1, 1)])
@pytest.mark.parametrize("straight", [0, 1, 8, 500, 100_000])
@pytest.mark.parametrize("shifted", [10, 31, 5_000])
def test_the_first_shifted_row_is_found(
    row: Row, step: int, index: int, straight: int, shifted: int
) -> None:
    rows = [ROW] * straight + [row] * shifted
    assert shift_in(rows) == Shift(straight + 1, step, index)


@pytest.mark.parametrize(
    "rows",
    [
        [ROW] * 100,
        [ROW] * 100 + [RIGHT] * 9,
        [RIGHT] * 100 + [ROW] * 100,
        [ROW, RIGHT] * 100,
        [("Lee", "1/5/1970", "7", "true", "")] * 100,
        [("Lee", "x", "1970-05-01", "", "")] * 100,
        [("Lee", "x", "1970-05-01", "seven", "true")] * 100,
        [("Lee",)] * 100,
    ],
    ids=["none", "few", "ended", "mixed", "a format", "one column", "contradicted", "ragged"],
)
def test_what_does_not_last_or_is_not_proven_is_no_shift(rows: Sequence[Row]) -> None:
    assert shift_in(rows) is None


@given(st.lists(st.lists(st.sampled_from(VALUES), min_size=4, max_size=6), min_size=1, max_size=60))
def test_any_rows_are_read(rows: list[list[str]]) -> None:
    found = shift_in(rows)
    assert found is None or detector.row_shift(rows[found.row - 1]) == found.step


@given(
    st.lists(st.tuples(*(st.sampled_from(["", value]) for value in ROW)), min_size=1, max_size=200)
)
def test_rows_without_faults_show_no_shift(rows: list[Row]) -> None:
    assert shift_in(rows) is None


def test_a_wrong_format_among_right_ones_is_no_shift() -> None:
    names = ("begins", "ends", "closes", "opens")
    dates = ColumnShiftDetector([Column(name=name, type="date") for name in names], ("",))
    rows = [("1/5/1970", "1970-06-01", "", "1970-07-01")] * 100
    assert dates.find_shift(100, lambda numbers: [rows[number - 1] for number in numbers]) is None


def test_times_tell_a_shift_and_a_time_in_another_form_tells_none() -> None:
    times = ColumnShiftDetector(
        [COLUMNS[0], Column(name="opens", type="time"), *COLUMNS[2:]], ("",)
    )

    def shift(later: Row) -> Shift | None:
        rows = [("Lee", "09:05", "7", "true", "")] * 20 + [later] * 20
        return times.find_shift(len(rows), lambda numbers: [rows[number - 1] for number in numbers])

    assert shift(("Lee", "x", "09:05", "7", "true")) == Shift(21, 1, 1)
    assert shift(("Lee", "9:05 AM", "7", "true", "")) is None
