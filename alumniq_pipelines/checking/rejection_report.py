"""Write a rejection report: the rejected rows of a checked file, and why they were rejected."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from alumniq_pipelines.checking.check import CheckedFile, Positions, RejectedRows
from alumniq_pipelines.checking.report_files import CsvReport, csv_report, xlsx_report
from alumniq_pipelines.checking.structure.blocks import parse_record
from alumniq_pipelines.checking.tally import row_message
from alumniq_pipelines.core.loads.rejection_report import (
    FIRST_SHOWN,
    MAX_SHEET_ROWS,
    REPORT_COLUMNS,
    SEPARATOR,
    ReportSummary,
    layout_row,
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


class _Diagnosis(NamedTuple):
    """What is wrong with a row: the values of the report, and the same as the end of a CSV row."""

    values: tuple[str, ...]
    csv: bytes


class _Row(NamedTuple):
    """A rejected row as it was sent, and what is wrong with it."""

    row: int
    line: int
    record: bytes
    diagnosis: _Diagnosis


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
        rows = _rows(file, faults, listed, report)
        for index, (entry, is_extended) in enumerate(zip(rows, extends.tolist(), strict=True)):
            row, line, record, diagnosis = entry
            is_shown = index < in_workbook
            if is_shown or not is_extended:
                values = parse_record(record.decode(), header.delimiter, quote)
                cells = layout_row(values, own, width, (str(row), str(line), *diagnosis.values))
            if is_extended:
                report.extend(record, row, line, diagnosis.csv)
            else:
                report.write(cells)
            if is_shown:
                write_xlsx(cells)
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


def _rows(
    file: CheckedFile, faults: _Faults, listed: Positions, report: CsvReport
) -> Iterator[_Row]:
    """Yield the listed rows as they were sent, with what is wrong with each."""
    lines: dict[int, int] = {}
    violations = [group.violation for group in file.rejected_rows]

    @lru_cache(maxsize=1_024)
    def shared(kinds: tuple[int, ...]) -> tuple[str, str, str]:
        """Return the columns, codes and advice of some faults: they are worded once."""
        found = [violations[kind] for kind in kinds]
        return (
            SEPARATOR.join(violation.column_name or "" for violation in found),
            SEPARATOR.join(violation.rule.value for violation in found),
            SEPARATOR.join(violation.advice for violation in found),
        )

    # Most rows have one of few combinations of faults. Messages name no row but the first one with
    # a repeated key, whose line was read before.
    @lru_cache(maxsize=1_024)
    def diagnosis(kinds: tuple[int, ...], numbers: tuple[int, ...]) -> _Diagnosis:
        columns, codes, advice = shared(kinds)
        messages = SEPARATOR.join(
            row_message(violations[kind], number, file.header.width, lines)
            for kind, number in zip(kinds, numbers, strict=True)
        )
        values = columns, codes, messages, advice
        return _Diagnosis(values, report.format_row(values))

    # The first row of each repeated key is read as well, for its line: also one that was accepted.
    is_repeat = np.array([violation.is_duplicate for violation in violations])
    firsts = faults.numbers[is_repeat[faults.kinds]]
    rows_to_read = _distinct(np.sort(np.concatenate([listed, firsts])))
    # The faults of row n of these are the ones from starts[n] to ends[n].
    starts = np.searchsorted(faults.rows, rows_to_read).tolist()
    ends = np.searchsorted(faults.rows, rows_to_read, side="right").tolist()
    kinds, numbers = faults.kinds.tolist(), faults.numbers.tolist()
    rows = zip(rows_to_read.tolist(), starts, ends, strict=True)
    records = file.structure.read_rows(rows_to_read)
    for (row, start, end), (line, record) in zip(rows, records, strict=True):
        lines[row] = line
        if start < end:
            found = diagnosis(tuple(kinds[start:end]), tuple(numbers[start:end]))
            yield _Row(row, line, record, found)
