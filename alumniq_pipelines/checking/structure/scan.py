"""Verify the structure of a file: every record is proven regular, or listed as irregular.

A file is read by DuckDB as it is if all records have as many values as the header and all end
alike. Otherwise its regular records are copied to another file, and the irregular ones are listed.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from alumniq_pipelines.checking.structure.block import Block, Mask, Positions
from alumniq_pipelines.checking.structure.blocks import (
    Layout,
    Mark,
    PlacedBlock,
    block_at,
    has_end_mark,
    has_line_ends_inside,
    read_blocks,
)
from alumniq_pipelines.checking.text_damage import BEGINNINGS, Damage
from alumniq_pipelines.core.problems.file import TooManyMisshapenRows, TooManyRows

MIXED_LINE_ENDS = "The file mixes different line endings; all of them were accepted."
END_MARK_IGNORED = "The file ends with an end mark (Ctrl-Z); it was ignored."

MAX_ROWS = 100_000_000
MAX_IRREGULAR = 5_000_000
"""Limits beyond which a file is refused: what is stored of each row must fit into memory."""

MAX_BLANK_BYTES = 1 << 20

Fraction = Callable[[float], None]
"""Takes how much of the file is done, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class RegularText:
    """A file of regular rows only, and how DuckDB must read it.

    The first record is the header if `has_header`; records end with CRLF if `has_returns`, and
    otherwise with a line feed.
    """

    path: Path
    layout: Layout
    has_header: bool
    has_returns: bool


@dataclass(frozen=True)
class Structure:
    """The structure of a file.

    `text` has the regular rows, in order. `irregular` are the numbers of the other rows, counted
    from 1 among all rows, and `values` the number of values in each of them, 0 for a blank line;
    those that `end_in_delimiter` have an empty last one. `traces` are of what may have happened to
    texts in the file.
    """

    path: Path
    text: RegularText
    marks: tuple[Mark, ...]
    irregular: Positions
    values: Positions
    end_in_delimiter: Mask
    notes: tuple[str, ...] = ()
    traces: frozenset[Damage] = frozenset()

    @property
    def rows_read(self) -> int:
        """Rows of the file, regular or not."""
        return self.marks[-1].record - 1

    @property
    def rows(self) -> int:
        """Regular rows."""
        return self.rows_read - len(self.irregular)

    def rows_of_file(self, regular: Positions) -> Positions:
        """Return the row numbers in the file, from 1, of regular rows given by index, from 0."""
        # Each irregular row before a regular one adds 1 to the difference between the two.
        regular_before = self.irregular - 1 - np.arange(len(self.irregular))
        return regular + 1 + np.searchsorted(regular_before, regular, side="right")

    def lines_of(self, rows: Iterable[int]) -> dict[int, int]:
        """Return the physical line on which each of some rows of the file starts."""
        records = [mark.record for mark in self.marks]
        by_block: dict[int, list[int]] = {}
        for row in rows:
            # A row is in the last block whose first record is not behind it.
            by_block.setdefault(bisect_right(records, row) - 1, []).append(row)
        lines: dict[int, int] = {}
        for index, found in by_block.items():
            begin, end = self.marks[index], self.marks[index + 1]
            if not has_line_ends_inside(begin, end):
                lines.update({row: begin.line + row - begin.record for row in found})
                continue
            block = block_at(self.path, self.text.layout, begin, end)
            before = block.lines_before_records(np.array(found) - begin.record)
            lines.update(zip(found, (begin.line + before).tolist(), strict=True))
        return lines

    def read_rows(self, rows: Positions) -> Iterator[tuple[int, bytes]]:
        """Yield rows of the file, given in order: the line of each, and its text with its end.

        The line is the physical one on which the row starts.
        """
        for begin, end in pairwise(self.marks):
            first, last = np.searchsorted(rows, (begin.record, end.record)).tolist()
            if first == last:
                continue
            block = block_at(self.path, self.text.layout, begin, end)
            indexes = rows[first:last] - begin.record
            lines = (begin.line + block.lines_before_records(indexes)).tolist()
            starts, ends = block.starts[indexes].tolist(), (block.ends[indexes] + 1).tolist()
            text = block.text.tobytes()
            for line, start, stop in zip(lines, starts, ends, strict=True):
                yield line, text[start:stop]


def assume_regular(path: Path, layout: Layout, beginning: str) -> RegularText:
    """Return how a file is to be read if it is regular and all its lines end like the first."""
    feed, carriage_return = beginning.find("\n"), beginning.find("\r")
    has_returns = 0 <= carriage_return == feed - 1
    return RegularText(path, layout, has_header=True, has_returns=has_returns)


def verify_regular(path: Path, layout: Layout, progress: Fraction) -> Structure | None:
    """Return the structure of a file that is regular; None at the first sign that it is not.

    Raises FileProblem if records are ambiguous or too many.
    """
    size = path.stat().st_size
    marks: list[Mark] = []
    endings: frozenset[str] = frozenset()
    traces: frozenset[Damage] = frozenset()
    placed: PlacedBlock | None = None
    for placed in _bounded(read_blocks(path, layout)):
        endings |= placed.line_endings()
        if not placed.block.is_regular(layout.width) or not _is_readable_by_duckdb(placed, endings):
            return None
        traces |= _traces(placed.block, traces)
        marks.append(placed.begin)
        progress(placed.end.byte / size)
    if placed is not None:
        marks.append(placed.end)
        # DuckDB takes final blank lines for rows if there is one column, and fails at many of them.
        if size - placed.end.byte > (0 if layout.width == 1 else MAX_BLANK_BYTES):
            return None
        if has_end_mark(path, placed.end):  # for DuckDB, it is a row
            return None
    text = RegularText(path, layout, has_header=True, has_returns=endings == {"CRLF"})
    no_rows, none = np.zeros(0, np.int64), np.zeros(0, np.bool_)
    return Structure(path, text, tuple(marks), no_rows, no_rows, none, traces=traces)


def copy_regular(path: Path, layout: Layout, regular_copy: Path, progress: Fraction) -> Structure:
    """List the irregular records and copy the others, each with a line feed at its end.

    Raises FileProblem if records are ambiguous, or too many are irregular.
    """
    size = path.stat().st_size
    marks: list[Mark] = []
    irregular, values, end_in_delimiter = [], [], []
    found = 0
    endings: frozenset[str] = frozenset()
    traces: frozenset[Damage] = frozenset()
    placed: PlacedBlock | None = None
    with regular_copy.open("wb") as copy:
        for placed in _bounded(read_blocks(path, layout)):
            block, first = placed.block, placed.begin.record
            endings |= placed.line_endings()
            widths = np.where(block.blank_lines(), 0, block.widths())
            regular = widths == layout.width
            others = np.flatnonzero(~regular)
            irregular.append(others + first)
            values.append(widths[others])
            end_in_delimiter.append(block.ends_in_delimiter(others))
            found += len(others)
            if found > MAX_IRREGULAR:
                raise TooManyMisshapenRows(placed.end.line, MAX_IRREGULAR)
            if first == 0:
                regular[0] = False  # the header
            traces |= _traces(block, traces)
            copy.write(block.copy_records(regular).tobytes())
            marks.append(placed.begin)
            progress(placed.end.byte / size)
    notes = [MIXED_LINE_ENDS] if len(endings) > 1 else []
    if placed is not None:
        marks.append(placed.end)
        notes += [END_MARK_IGNORED] if has_end_mark(path, placed.end) else []
    return Structure(
        path=path,
        text=RegularText(regular_copy, layout, has_header=False, has_returns=False),
        marks=tuple(marks),
        irregular=np.concatenate(irregular),
        values=np.concatenate(values),
        end_in_delimiter=np.concatenate(end_in_delimiter),
        notes=tuple(notes),
        traces=traces,
    )


def _traces(block: Block, known: frozenset[Damage]) -> frozenset[Damage]:
    """Return what the bytes of a block show beside what is known already."""
    return frozenset(
        damage
        for damage, beginnings in BEGINNINGS.items()
        if damage not in known and block.has_any(beginnings)
    )


def _bounded(blocks: Iterable[PlacedBlock]) -> Iterator[PlacedBlock]:
    for placed in blocks:
        if placed.end.record - 1 > MAX_ROWS:
            raise TooManyRows(MAX_ROWS)
        yield placed


def _is_readable_by_duckdb(placed: PlacedBlock, endings: frozenset[str]) -> bool:
    """Whether DuckDB reads the ends of records correctly, given the line endings so far.

    With line feeds as an option, it reads any value. CRLF is no option: it takes the first line end
    for that of all lines, even if it is inside a value.
    """
    return endings == {"LF"} or (
        endings == {"CRLF"} and not has_line_ends_inside(placed.begin, placed.end)
    )
