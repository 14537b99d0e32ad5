"""Find a shift: from some row on, all values are one column beside their own.

It shows in distinctive columns, whose rules do not accept any text: a value violates the rules of
the column it is in and fits those of its neighbour, while no other value contradicts this.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alumniq_pipelines.core.feeds.field_map import Column, ReferenceSet
from alumniq_pipelines.core.feeds.values import broken_rules

LOOSE_SETS: frozenset[ReferenceSet] = frozenset({"phone"})
"""Reference sets whose values often only have the wrong format: they do not identify a column."""

STEPS = (1, -1)
"""The shifts that are tried, as a number of columns to the right."""

PROBES = 32
"""Rows at even distances at which the search begins."""

PROBE_ROWS = 8
"""Rows that are read at each of them."""

ROWS_CONFIRMED = 50
MIN_ROWS = 10
MIN_SHARE = 0.9
"""A shift is confirmed by so many rows, of which at least so many and such a share must show it."""

MIN_COLUMNS = 2
"""One column alone proves nothing: a value in a wrong format may be beside one in the right."""

Row = Sequence[str]
ReadRows = Callable[[Sequence[int]], Sequence[Row]]
"""Reads rows of a file, by their numbers from 1, in order."""

RowShift = int | None
"""By how many columns the values of a row are shifted (0, 1 or -1); None if it does not show."""


@dataclass(frozen=True, slots=True)
class Shift:
    """From `row` on, values are shifted `step` columns to the right, at the latest from `index`."""

    row: int
    step: int
    index: int


@dataclass(frozen=True)
class ColumnShiftDetector:
    """Compares rows with the columns of a file; None is a column that is not in the field map."""

    columns: Sequence[Column | None]
    blanks: Sequence[str]

    def find_shift(self, rows: int, read: ReadRows) -> Shift | None:
        """Return the shift that lasts to the end of a file of so many rows; reads few of them."""
        # The last probe that shows anything gives the step, and the last one before it without a
        # shift gives where to search. What lies between the two is searched by bisection.
        probes = _evenly_spaced(1, max(1, rows - PROBE_ROWS + 1), PROBES)
        backwards = ((row, self._majority_shift(row, rows, read)) for row in reversed(probes))
        step = next((row_shift for _row, row_shift in backwards if row_shift is not None), None)
        if not step:
            return None
        unshifted = next((row for row, row_shift in backwards if row_shift == 0), 0)
        candidates = range(unshifted + 1, rows + 1)
        index = bisect_left(
            candidates, 1, key=lambda row: int(self._majority_shift(row, rows, read) == step)
        )
        return self._confirm(candidates[index:], step, read) if candidates[index:] else None

    def row_shift(self, row: Row) -> RowShift:
        """Return by how much the values of a row are shifted."""
        if len(row) != len(self.columns):
            return None
        if not self._invalid_columns(row):
            return 0 if self._is_unshifted(row) else None
        # A value is wrong, so one of the shifts is proven, or both are contradicted (the row has
        # faults of its own), or nothing can be concluded.
        if shifted := [step for step in STEPS if self._proven_columns(row, step)]:
            return shifted[0]
        return (
            0
            if all(False in self._fits_after_shift(row, step).values() for step in STEPS)
            else None
        )

    def _majority_shift(self, begin: int, rows: int, read: ReadRows) -> RowShift:
        """Return what most of a few rows show: single rows may have faults of their own."""
        numbers = range(begin, min(begin + PROBE_ROWS, rows + 1))
        found = Counter(self.row_shift(row) for row in read(numbers))
        del found[None]
        return max(found, key=found.__getitem__, default=None)

    def _confirm(self, rows: range, step: int, read: ReadRows) -> Shift | None:
        """Return the shift if nearly all rows to the end show it, in several columns."""
        begin = next(
            row
            for row, values in zip(rows, read(rows[:PROBE_ROWS]), strict=False)
            if self.row_shift(values) == step
        )
        found = read(_evenly_spaced(begin, rows[-1], ROWS_CONFIRMED))
        row_shifts = [self.row_shift(row) for row in found]
        shifted = [
            row for row, row_shift in zip(found, row_shifts, strict=True) if row_shift == step
        ]
        conclusive = len(row_shifts) - row_shifts.count(None)
        proven = {index for row in shifted for index in self._proven_columns(row, step)}
        if len(shifted) < max(MIN_ROWS, MIN_SHARE * conclusive) or len(proven) < MIN_COLUMNS:
            return None
        return Shift(begin, step, min(self._invalid_columns(row)[0] for row in shifted))

    def _is_unshifted(self, row: Row) -> bool:
        """Whether some value fits its column, and none of the values beside it would."""
        right, left = (self._fits(row, step) for step in STEPS)
        return any(
            fits and False in (beside := {right.get(index), left.get(index)}) and True not in beside
            for index, fits in self._fits(row, 0).items()
        )

    def _invalid_columns(self, row: Row) -> list[int]:
        """Return the columns with values that violate their rules, in order."""
        return [index for index, fits in self._fits(row, 0).items() if not fits]

    def _proven_columns(self, row: Row, step: int) -> set[int]:
        """Return the columns that prove a shift: the value beside them fits, and theirs does not.

        There are none if any value contradicts, or none violates the rules of its column.
        """
        after_shift, own = self._fits_after_shift(row, step), self._fits(row, 0)
        if False in after_shift.values():
            return set()
        # If no value behind the first invalid one is right, columns with a blank prove it too.
        invalid = {index for index in after_shift if own.get(index) is False}
        is_any_right = any(
            fits for index, fits in own.items() if index > self._invalid_columns(row)[0]
        )
        return invalid if is_any_right or not invalid else set(after_shift)

    def _fits_after_shift(self, row: Row, step: int) -> dict[int, bool]:
        """Return whether the values beside fit, for columns from the first invalid one on."""
        # If a value is missing, the first invalid value may be in its column.
        first = self._invalid_columns(row)[0] + (0 if step == 1 else 1)
        return {index: fits for index, fits in self._fits(row, step).items() if index >= first}

    def _fits(self, row: Row, step: int) -> dict[int, bool]:
        """Return whether the value `step` columns to the right fits, for distinctive columns.

        Blanks are left out: they fit anywhere.
        """
        return {
            index: not any(broken_rules(row[index + step], column))
            for index, column in enumerate(self.columns)
            if column is not None
            and _is_distinctive(column)
            and 0 <= index + step < len(row)
            and row[index + step]
            and row[index + step] not in self.blanks
        }


def _is_distinctive(column: Column) -> bool:
    """Whether the rules of a column exclude most values of other columns."""
    constraints, reference = column.constraints, column.alumniq.reference
    bound = constraints.pattern is not None or constraints.enum is not None
    return not column.spec.takes_any_text or bound or reference not in {None, *LOOSE_SETS}


def _evenly_spaced(first: int, last: int, count: int) -> list[int]:
    """Return numbers at even distances, including the first and the last."""
    steps = max(1, min(count, last - first + 1) - 1)
    return sorted({first + (last - first) * step // steps for step in range(steps + 1)})
