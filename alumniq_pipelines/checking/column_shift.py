"""Shifts: from some row on, values stand one column beside their own.

That shows in columns whose rules tell values apart: a value breaks its own column's and fits the
neighbour's, while no value contradicts.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alumniq_pipelines.core.feeds.field_map import Column, ReferenceSet
from alumniq_pipelines.core.feeds.values import broken_rules

LOOSE_SETS: frozenset[ReferenceSet] = frozenset({"phone"})
"""Reference sets whose values are often right but for their form: they tell nothing of columns."""

STEPS = (1, -1)
PROBES = 32
PROBE_ROWS = 8
ROWS_CONFIRMED = 50
MIN_ROWS = 10
MIN_SHARE = 0.9
MIN_COLUMNS = 2
"""One column alone proves nothing: a value of a wrong form may stand beside one of the right."""

Row = Sequence[str]
ReadRows = Callable[[Sequence[int]], Sequence[Row]]
"""Reads rows of a file, by their numbers from 1, in order."""

RowShift = int | None
"""How a row reads: its values stand 0, 1 or -1 columns to the right; None where that is open."""


@dataclass(frozen=True, slots=True)
class Shift:
    """From `row` on, values stand `step` columns to the right (-1: left), at `index` at latest."""

    row: int
    step: int
    index: int


@dataclass(frozen=True)
class ColumnShiftDetector:
    """Holds rows against the columns of a file; None stands for one that is not described."""

    columns: Sequence[Column | None]
    blanks: Sequence[str]

    def find_shift(self, rows: int, read: ReadRows) -> Shift | None:
        """Look for a shift that lasts to the end of a file of so many rows, by few of them."""
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
        """Tell whether and where to the values of a row have been shifted."""
        if len(row) != len(self.columns):
            return None
        if not self._invalid_columns(row):
            return 0 if self._is_unshifted(row) else None
        if shifted := [step for step in STEPS if self._proven_columns(row, step)]:
            return shifted[0]
        return (
            0
            if all(False in self._fits_after_shift(row, step).values() for step in STEPS)
            else None
        )

    def _majority_shift(self, begin: int, rows: int, read: ReadRows) -> RowShift:
        """Tell what most of a few rows tell."""
        numbers = range(begin, min(begin + PROBE_ROWS, rows + 1))
        found = Counter(self.row_shift(row) for row in read(numbers))
        del found[None]
        return max(found, key=found.__getitem__, default=None)

    def _confirm(self, rows: range, step: int, read: ReadRows) -> Shift | None:
        """See that nearly all of the rows to the end tell the same, and by several columns."""
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
        """Whether some value fits its column, and what stands beside it would not."""
        right, left = (self._fits(row, step) for step in STEPS)
        return any(
            fits and False in (beside := {right.get(index), left.get(index)}) and True not in beside
            for index, fits in self._fits(row, 0).items()
        )

    def _invalid_columns(self, row: Row) -> list[int]:
        """Place the columns that hold what is wrong there, in order."""
        return [index for index, fits in self._fits(row, 0).items() if not fits]

    def _proven_columns(self, row: Row, step: int) -> set[int]:
        """Place the columns that do not hold what fits them, while their neighbour does.

        One of them at least must hold what is wrong. There are none where any value contradicts.
        """
        after_shift, own = self._fits_after_shift(row, step), self._fits(row, 0)
        if False in after_shift.values():
            return set()
        invalid = {index for index in after_shift if own.get(index) is False}
        is_any_right = any(
            fits for index, fits in own.items() if index > self._invalid_columns(row)[0]
        )
        return invalid if is_any_right or not invalid else set(after_shift)

    def _fits_after_shift(self, row: Row, step: int) -> dict[int, bool]:
        """Say whether what stands beside fits, of columns from the first that is broken on."""
        # Where a value is missing, the first wrong one may be in its place.
        first = self._invalid_columns(row)[0] + (0 if step == 1 else 1)
        return {index: fits for index, fits in self._fits(row, step).items() if index >= first}

    def _fits(self, row: Row, step: int) -> dict[int, bool]:
        """Say, of columns that tell values apart, whether what stands there fits; no blanks."""
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
    constraints, reference = column.constraints, column.alumniq.reference
    bound = constraints.pattern is not None or constraints.enum is not None
    return not column.spec.takes_any_text or bound or reference not in {None, *LOOSE_SETS}


def _evenly_spaced(first: int, last: int, count: int) -> list[int]:
    """Choose numbers at even distances, first and last among them."""
    steps = max(1, min(count, last - first + 1) - 1)
    return sorted({first + (last - first) * step // steps for step in range(steps + 1)})
