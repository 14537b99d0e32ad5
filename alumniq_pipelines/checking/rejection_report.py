"""The use case: write down which rows of a judged file were rejected, and why, to be sent back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from alumniq_pipelines.checking.check import Broken, Judged, Positions
from alumniq_pipelines.checking.report_files import (
    csv_report,
    xlsx_report,
)
from alumniq_pipelines.checking.structure.blocks import values_of
from alumniq_pipelines.checking.tally import Finding, rejection
from alumniq_pipelines.core.loads.rejection_report import (
    FIRST_SHOWN,
    MOST_ROWS_OF_A_SHEET,
    REPORT_COLUMNS,
    ReportSummary,
    laid_out,
    particulars,
)


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """The files of a report, in the folder they were written to."""

    csv: Path
    xlsx: Path
    summary: ReportSummary


@dataclass(frozen=True, slots=True)
class _Faults:
    """What is wrong with which row, in order: its kind is a place in the list of what is broken."""

    rows: Positions
    kinds: Positions
    numbers: Positions


class _Row(NamedTuple):
    """A rejected row as it was sent, and what is told of it."""

    row: int
    line: int
    record: bytes
    told: tuple[str, ...]


def write_report(file: Judged, most: int, folder: Path) -> WrittenReport | None:
    """Write the first rejected rows as they were sent, with what is wrong; None without any.

    The file must have been judged with at least `most` rows remembered.
    """
    if not most or not file.broken:
        return None
    faults = _faults(file.broken, most)
    listed = _distinct(faults.rows)
    header, quote = file.header, file.structure.text.layout.quote
    own, width = len(header.names), header.width
    rejected = file.verdict.counts.rows_rejected
    summary = ReportSummary(rejected, len(listed), file.verdict.rejections[:FIRST_SHOWN])
    written = WrittenReport(folder / "report.csv", folder / "report.xlsx", summary)
    extends = np.isin(listed, file.structure.irregular, invert=True) & (own == width)
    with (
        csv_report(written.csv, header.delimiter, quote) as report,
        xlsx_report(written.xlsx, _note(rejected, len(listed))) as write_xlsx,
    ):
        report.write([*header.names, *REPORT_COLUMNS])
        write_xlsx([*header.names, *REPORT_COLUMNS])
        rows = _rows(file, faults, listed)
        for place, (each, is_extended) in enumerate(zip(rows, extends.tolist(), strict=True)):
            is_shown = place < MOST_ROWS_OF_A_SHEET
            if is_shown or not is_extended:
                values = values_of(each.record.decode(), header.delimiter, quote)
                row = laid_out(values, own, width, (str(each.row), str(each.line), *each.told))
            if is_extended:
                report.extend(each.record, (each.row, each.line), each.told)
            else:
                report.write(row)
            if is_shown:
                write_xlsx(row)
    return written


def _note(rejected: int, listed: int) -> str:
    listed = min(listed, MOST_ROWS_OF_A_SHEET)
    if rejected == listed:
        return ""
    told = f"The first {listed:,} of {rejected:,} rejected rows are here."
    return f"{told} The CSV report may hold more."


def _faults(broken: Sequence[Broken], most: int) -> _Faults:
    """Put what was found by subject into the order of the file; of so many rows, the first."""
    rows = np.concatenate([each.rows for each in broken])
    kinds = np.repeat(np.arange(len(broken)), [len(each.rows) for each in broken])
    numbers = np.concatenate([each.numbers for each in broken])
    order = np.argsort(rows, kind="stable")
    last = _distinct(rows[order])[:most][-1]
    first = order[: np.searchsorted(rows, last, side="right", sorter=order)]
    return _Faults(rows[first], kinds[first], numbers[first])


def _distinct(rows: Positions) -> Positions:
    """Leave out repetitions; rows are in order, and counted from 1."""
    return rows[np.diff(rows, prepend=0) > 0]


def _rows(file: Judged, faults: _Faults, listed: Positions) -> Iterator[_Row]:
    """Read the listed rows again, with what is wrong with each, a few at a time."""
    lines: dict[int, int] = {}
    somewhere = int(listed[0])

    @lru_cache(maxsize=1_024)  # most rows have one of few combinations of faults
    def told(kinds: tuple[int, ...], numbers: tuple[int, ...]) -> tuple[str, ...]:
        """Tell of faults; which row has them makes no difference to the words."""
        found = zip(kinds, numbers, strict=True)
        return particulars(
            [
                rejection(
                    Finding(somewhere, number),
                    file.broken[kind].subject,
                    file.header.width,
                    lines,
                )
                for kind, number in found
            ]
        )

    mentioned = _mentioned(file, faults, listed)
    starts = np.searchsorted(faults.rows, mentioned).tolist()
    ends = np.searchsorted(faults.rows, mentioned, side="right").tolist()
    is_listed = np.isin(mentioned, listed).tolist()
    kinds, numbers = faults.kinds.tolist(), faults.numbers.tolist()
    rows = zip(mentioned.tolist(), is_listed, starts, ends, strict=True)
    passages = file.structure.passages_of(mentioned)
    for (row, is_one, start, end), (line, record) in zip(rows, passages, strict=True):
        lines[row] = line
        if is_one:
            yield _Row(row, line, record, told(tuple(kinds[start:end]), tuple(numbers[start:end])))


def _mentioned(file: Judged, faults: _Faults, listed: Positions) -> Positions:
    """List the rows whose lines are told: those listed, and the first of each repeated key."""
    repeats = np.array([each.subject.is_repeat for each in file.broken])
    firsts = faults.numbers[repeats[faults.kinds]]
    return _distinct(np.sort(np.concatenate([listed, firsts])))
