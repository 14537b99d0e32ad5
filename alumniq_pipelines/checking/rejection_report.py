"""Write a rejection report: the rejected rows of a checked file, and why they were rejected."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from alumniq_pipelines.checking.check import CheckedFile, Positions, RejectedRows
from alumniq_pipelines.checking.report_files import csv_report, xlsx_report
from alumniq_pipelines.checking.structure.blocks import parse_record
from alumniq_pipelines.checking.tally import RowViolation, rejection
from alumniq_pipelines.core.loads.rejection_report import (
    FIRST_SHOWN,
    MAX_SHEET_ROWS,
    REPORT_COLUMNS,
    ReportSummary,
    layout_row,
    report_values,
)


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """The files of a report, in the folder they were written to."""

    csv: Path
    xlsx: Path
    summary: ReportSummary


@dataclass(frozen=True, slots=True)
class _Faults:
    """The faults of rows, in the order of rows: three arrays of equal length.

    `kinds` are indexes in the list of `RejectedRows`.
    """

    rows: Positions
    kinds: Positions
    numbers: Positions


class _Row(NamedTuple):
    """A rejected row as it was sent, and what is wrong with it."""

    row: int
    line: int
    record: bytes
    diagnosis: tuple[str, ...]


def write_report(file: CheckedFile, max_rows: int, folder: Path) -> WrittenReport | None:
    """Write the first rejected rows as they were sent, with what is wrong; None if there are none.

    The file must have been checked with at least `max_rows` rows remembered.
    """
    if not max_rows or not file.rejected_rows:
        return None
    faults = _faults(file.rejected_rows, max_rows)
    listed = _distinct(faults.rows)
    header, quote = file.header, file.structure.text.layout.quote
    own, width = len(header.names), header.width
    rejected = file.check_result.counts.rows_rejected
    summary = ReportSummary(rejected, len(listed), file.check_result.rejections[:FIRST_SHOWN])
    written = WrittenReport(folder / "report.csv", folder / "report.xlsx", summary)
    in_workbook = min(len(listed), MAX_SHEET_ROWS)
    note = (
        ""
        if in_workbook == rejected
        else f"This workbook contains the first {in_workbook:,} of {rejected:,} rejected rows. "
        "The CSV report may contain more."
    )
    # A regular row with the file's own columns only is copied as it is, and extended. Others are
    # parsed and laid out anew: ragged rows, and rows of a report that was sent back.
    extends = np.isin(listed, file.structure.irregular, invert=True) & (own == width)
    with (
        csv_report(written.csv, header.delimiter, quote) as report,
        xlsx_report(written.xlsx, note) as write_xlsx,
    ):
        report.write([*header.names, *REPORT_COLUMNS])
        write_xlsx([*header.names, *REPORT_COLUMNS])
        rows = _rows(file, faults, listed)
        for index, (entry, is_extended) in enumerate(zip(rows, extends.tolist(), strict=True)):
            is_shown = index < MAX_SHEET_ROWS
            if is_shown or not is_extended:
                values = parse_record(entry.record.decode(), header.delimiter, quote)
                row = layout_row(
                    values, own, width, (str(entry.row), str(entry.line), *entry.diagnosis)
                )
            if is_extended:
                report.extend(entry.record, (entry.row, entry.line), entry.diagnosis)
            else:
                report.write(row)
            if is_shown:
                write_xlsx(row)
    return written


def _faults(rejected_rows: Sequence[RejectedRows], max_rows: int) -> _Faults:
    """Return the faults of the first `max_rows` rejected rows, in the order of the file."""
    rows = np.concatenate([group.rows for group in rejected_rows])
    kinds = np.repeat(np.arange(len(rejected_rows)), [len(group.rows) for group in rejected_rows])
    numbers = np.concatenate([group.numbers for group in rejected_rows])
    # Stable: the faults of one row stay in the order in which rules were checked.
    order = np.argsort(rows, kind="stable")
    last = _distinct(rows[order])[:max_rows][-1]
    first = order[: np.searchsorted(rows, last, side="right", sorter=order)]
    return _Faults(rows[first], kinds[first], numbers[first])


def _distinct(rows: Positions) -> Positions:
    """Return sorted row numbers, counted from 1, without repetitions."""
    return rows[np.diff(rows, prepend=0) > 0]


def _rows(file: CheckedFile, faults: _Faults, listed: Positions) -> Iterator[_Row]:
    """Yield the listed rows as they were sent, with what is wrong with each."""
    lines: dict[int, int] = {}
    any_row = int(listed[0])

    # Most rows have one of few combinations of faults. Any row will do to word them: the messages
    # name no row but the first one with a repeated key, whose line was read before.
    @lru_cache(maxsize=1_024)
    def diagnosis(kinds: tuple[int, ...], numbers: tuple[int, ...]) -> tuple[str, ...]:
        found = zip(kinds, numbers, strict=True)
        return report_values(
            [
                rejection(
                    RowViolation(any_row, number),
                    file.rejected_rows[kind].violation,
                    file.header.width,
                    lines,
                )
                for kind, number in found
            ]
        )

    # The first row of each repeated key is read as well, for its line: also one that was accepted.
    is_repeat = np.array([group.violation.is_duplicate for group in file.rejected_rows])
    firsts = faults.numbers[is_repeat[faults.kinds]]
    rows_to_read = _distinct(np.sort(np.concatenate([listed, firsts])))
    # The faults of row n of these are the ones from starts[n] to ends[n].
    starts = np.searchsorted(faults.rows, rows_to_read).tolist()
    ends = np.searchsorted(faults.rows, rows_to_read, side="right").tolist()
    is_listed = np.isin(rows_to_read, listed).tolist()
    kinds, numbers = faults.kinds.tolist(), faults.numbers.tolist()
    rows = zip(rows_to_read.tolist(), is_listed, starts, ends, strict=True)
    records = file.structure.read_rows(rows_to_read)
    for (row, is_reported, start, end), (line, record) in zip(rows, records, strict=True):
        lines[row] = line
        if is_reported:
            yield _Row(
                row=row,
                line=line,
                record=record,
                diagnosis=diagnosis(tuple(kinds[start:end]), tuple(numbers[start:end])),
            )
