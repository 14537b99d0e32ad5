"""Prove the structure of a file: every record is regular, or listed as irregular.

DuckDB reads a file as it is if all records have as many values as the header and all end alike.
Otherwise it reads a copy without the irregular ones, whose records all end alike.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from alumniq_pipelines.checking.structure.block import Block, Mask, Positions
from alumniq_pipelines.checking.structure.blocks import (
    BLOCK_BYTES,
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
    """A file of a header and regular rows only, and how DuckDB must read it.

    Records end with CRLF if `has_returns`, and otherwise with a line feed.
    """

    path: Path
    layout: Layout
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
            for line, start, stop in zip(lines, starts, ends, strict=True):
                yield line, block.data[start:stop]


@dataclass(kw_only=True)
class _Proof:
    """What is known of the blocks so far."""

    layout: Layout
    marks: list[Mark] = field(default_factory=list)
    endings: frozenset[str] = frozenset()
    has_line_ends_inside: bool = False
    traces: frozenset[Damage] = frozenset()
    irregular: list[Positions] = field(default_factory=list)
    values: list[Positions] = field(default_factory=list)
    end_in_delimiter: list[Mask] = field(default_factory=list)
    starts: list[Positions] = field(default_factory=list)
    ends: list[Positions] = field(default_factory=list)
    """The bytes of the file between which irregular records are."""
    found: int = 0

    def add(self, placed: PlacedBlock) -> None:
        """Take a block; raises TooManyRows, TooManyMisshapenRows."""
        block, begin, end = placed.block, placed.begin, placed.end
        if end.record - 1 > MAX_ROWS:
            raise TooManyRows(MAX_ROWS)
        self.marks.append(begin)
        self.endings |= placed.line_endings()
        self.has_line_ends_inside |= has_line_ends_inside(begin, end)
        self.traces |= _traces(block, self.traces)
        others = block.irregular_records(self.layout.width)
        if not len(others):
            return
        self.irregular.append(others + begin.record)
        self.values.append(block.values[others])
        self.end_in_delimiter.append(block.ends_in_delimiter(others))
        self.starts.append(block.starts[others] + begin.byte)
        self.ends.append(block.ends[others] + 1 + begin.byte)
        self.found += len(others)
        if self.found > MAX_IRREGULAR:
            raise TooManyMisshapenRows(end.line, MAX_IRREGULAR)

    def is_uniform(self) -> bool:
        """Whether DuckDB finds the ends of all records.

        With line feeds as an option, it reads any value. CRLF is no option: it takes the first line
        end for that of all lines, even if it is inside a value.
        """
        return self.endings == {"LF"} or (
            self.endings == {"CRLF"} and not self.has_line_ends_inside
        )


def prove(path: Path, layout: Layout, regular_copy: Path, progress: Fraction) -> Structure:
    """Return the structure of a file, with a copy of its regular records if one is needed.

    Raises FileProblem if records are ambiguous or too many, or too many of them irregular.
    """
    size = path.stat().st_size
    proof = _Proof(layout=layout)
    for placed in read_blocks(path, layout):
        proof.add(placed)
        progress(placed.end.byte / size)
        end = placed.end
    proof.marks.append(end)
    has_mark = has_end_mark(path, end)  # for DuckDB, it is a row
    # DuckDB takes final blank lines for rows if there is one column, and fails at many of them.
    readable_blanks = 0 if layout.width == 1 else MAX_BLANK_BYTES
    is_copied = (
        bool(proof.irregular)
        or not proof.is_uniform()
        or has_mark
        or size - end.byte > readable_blanks
    )
    if is_copied:
        _copy_regular(path, proof, regular_copy)
    notes = [MIXED_LINE_ENDS] if len(proof.endings) > 1 else []
    return Structure(
        path=path,
        text=RegularText(
            path=regular_copy if is_copied else path,
            layout=layout,
            has_returns=proof.is_uniform() and proof.endings == {"CRLF"},
        ),
        marks=tuple(proof.marks),
        irregular=np.concatenate([np.zeros(0, np.int64), *proof.irregular]),
        values=np.concatenate([np.zeros(0, np.int64), *proof.values]),
        end_in_delimiter=np.concatenate([np.zeros(0, np.bool_), *proof.end_in_delimiter]),
        notes=(*notes, END_MARK_IGNORED) if has_mark else tuple(notes),
        traces=proof.traces,
    )


def _copy_regular(path: Path, proof: _Proof, regular_copy: Path) -> None:
    """Copy the header and the regular records: as they are, or each with a line feed at its end."""
    with regular_copy.open("wb", buffering=BLOCK_BYTES) as copy:
        if not proof.is_uniform():
            for block, regular in _blocks_again(path, proof):
                copy.write(block.copy_records(regular))
            return
        # What is between two irregular records is copied at once, however many records that are.
        begins = np.concatenate([[proof.marks[0].byte], *proof.ends])
        ends = np.concatenate([*proof.starts, [proof.marks[-1].byte]])
        kept = np.flatnonzero(begins < ends)
        with path.open("rb", buffering=BLOCK_BYTES) as file:
            for begin, end in zip(begins[kept].tolist(), ends[kept].tolist(), strict=True):
                file.seek(begin)
                for left in range(end - begin, 0, -BLOCK_BYTES):
                    copy.write(file.read(min(left, BLOCK_BYTES)))


def _blocks_again(path: Path, proof: _Proof) -> Iterator[tuple[Block, Mask]]:
    """Yield each block once more, and which of its records are regular."""
    for begin, end in pairwise(proof.marks):
        block = block_at(path, proof.layout, begin, end)
        yield block, block.values == proof.layout.width


def _traces(block: Block, known: frozenset[Damage]) -> frozenset[Damage]:
    """Return what the bytes of a block show beside what is known already."""
    return frozenset(
        damage
        for damage, beginnings in BEGINNINGS.items()
        if damage not in known and block.has_any(beginnings)
    )
