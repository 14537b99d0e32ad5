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
ROWS_OF_A_PROBE = 8
ROWS_CONFIRMED = 50
LEAST_ROWS = 10
LEAST_SHARE = 0.9
LEAST_COLUMNS = 2
"""One column alone proves nothing: a value of a wrong form may stand beside one of the right."""

Row = Sequence[str]
ReadRows = Callable[[Sequence[int]], Sequence[Row]]
"""Reads rows of a file, by their numbers from 1, in order."""

Reading = int | None
"""How a row reads: its values stand 0, 1 or -1 columns to the right; None where that is open."""


@dataclass(frozen=True, slots=True)
class Shift:
    """From `row` on, values stand `step` columns to the right (-1: left), at `place` at latest."""

    row: int
    step: int
    place: int


@dataclass(frozen=True)
class Ruler:
    """Holds rows against the columns of a file; None stands for one that is not described."""

    columns: Sequence[Column | None]
    blanks: Sequence[str]

    def find_shift(self, rows: int, read: ReadRows) -> Shift | None:
        """Look for a shift that lasts to the end of a file of so many rows, by few of them."""
        probes = _spread(1, max(1, rows - ROWS_OF_A_PROBE + 1), PROBES)
        backwards = ((row, self._reading_from(row, rows, read)) for row in reversed(probes))
        step = next((reading for _row, reading in backwards if reading is not None), None)
        if not step:
            return None
        straight = next((row for row, reading in backwards if reading == 0), 0)
        candidates = range(straight + 1, rows + 1)
        place = bisect_left(
            candidates, 1, key=lambda row: int(self._reading_from(row, rows, read) == step)
        )
        return self._confirmed(candidates[place:], step, read) if candidates[place:] else None

    def reading(self, row: Row) -> Reading:
        """Tell whether and where to the values of a row have been shifted."""
        if len(row) != len(self.columns):
            return None
        if not self._broken(row):
            return 0 if self._is_straight(row) else None
        if shifted := [step for step in STEPS if self._proven(row, step)]:
            return shifted[0]
        return 0 if all(False in self._moved(row, step).values() for step in STEPS) else None

    def _reading_from(self, begin: int, rows: int, read: ReadRows) -> Reading:
        """Tell what most of a few rows tell."""
        numbers = range(begin, min(begin + ROWS_OF_A_PROBE, rows + 1))
        found = Counter(self.reading(row) for row in read(numbers))
        del found[None]
        return max(found, key=found.__getitem__, default=None)

    def _confirmed(self, rows: range, step: int, read: ReadRows) -> Shift | None:
        """See that nearly all of the rows to the end tell the same, and by several columns."""
        begin = next(
            row
            for row, values in zip(rows, read(rows[:ROWS_OF_A_PROBE]), strict=False)
            if self.reading(values) == step
        )
        found = read(_spread(begin, rows[-1], ROWS_CONFIRMED))
        readings = [self.reading(row) for row in found]
        shifted = [row for row, each in zip(found, readings, strict=True) if each == step]
        told = len(readings) - readings.count(None)
        proven = {place for row in shifted for place in self._proven(row, step)}
        if len(shifted) < max(LEAST_ROWS, LEAST_SHARE * told) or len(proven) < LEAST_COLUMNS:
            return None
        return Shift(begin, step, min(self._broken(row)[0] for row in shifted))

    def _is_straight(self, row: Row) -> bool:
        """Whether some value fits its column, and what stands beside it would not."""
        right, left = (self._fits(row, step) for step in STEPS)
        return any(
            fits and False in (beside := {right.get(place), left.get(place)}) and True not in beside
            for place, fits in self._fits(row, 0).items()
        )

    def _broken(self, row: Row) -> list[int]:
        """Place the columns that hold what is wrong there, in order."""
        return [place for place, fits in self._fits(row, 0).items() if not fits]

    def _proven(self, row: Row, step: int) -> set[int]:
        """Place the columns that do not hold what fits them, while their neighbour does.

        One of them at least must hold what is wrong. There are none where any value contradicts.
        """
        moved, own = self._moved(row, step), self._fits(row, 0)
        if False in moved.values():
            return set()
        broken = {place for place in moved if own.get(place) is False}
        is_any_right = any(fits for place, fits in own.items() if place > self._broken(row)[0])
        return broken if is_any_right or not broken else set(moved)

    def _moved(self, row: Row, step: int) -> dict[int, bool]:
        """Say whether what stands beside fits, of columns from the first that is broken on."""
        # Where a value is missing, the first wrong one may be in its place.
        first = self._broken(row)[0] + (0 if step == 1 else 1)
        return {place: fits for place, fits in self._fits(row, step).items() if place >= first}

    def _fits(self, row: Row, step: int) -> dict[int, bool]:
        """Say, of columns that tell values apart, whether what stands there fits; no blanks."""
        return {
            place: not any(broken_rules(row[place + step], column))
            for place, column in enumerate(self.columns)
            if column is not None
            and _tells_apart(column)
            and 0 <= place + step < len(row)
            and row[place + step]
            and row[place + step] not in self.blanks
        }


def _tells_apart(column: Column) -> bool:
    constraints, reference = column.constraints, column.alumniq.reference
    bound = constraints.pattern is not None or constraints.enum is not None
    return column.type != "string" or bound or reference not in {None, *LOOSE_SETS}


def _spread(first: int, last: int, count: int) -> list[int]:
    """Choose numbers at even distances, first and last among them."""
    steps = max(1, min(count, last - first + 1) - 1)
    return sorted({first + (last - first) * step // steps for step in range(steps + 1)})
