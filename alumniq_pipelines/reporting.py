"""The use case: write down which rows of a judged file were rejected, and why, to be sent back."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from alumniq_pipelines.adapters.rejection_report import (
    csv_report,
    xlsx_report,
)
from alumniq_pipelines.adapters.structure.reading import values_of
from alumniq_pipelines.core.report import (
    FIRST_SHOWN,
    MOST_ROWS_OF_A_SHEET,
    REPORT_COLUMNS,
    ReportSummary,
    laid_out,
    particulars,
)
from alumniq_pipelines.core.tally import Finding, rejection
from alumniq_pipelines.judgement import Judged, Positions


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """The files of a report, in the folder they were written to."""

    csv: Path
    xlsx: Path
    summary: ReportSummary


def write_report(file: Judged, most: int, folder: Path) -> WrittenReport | None:
    """Write the first rejected rows as they were sent, with what is wrong; None without any.

    The file must have been judged with at least `most` rows remembered.
    """
    if not most or not file.broken:
        return None
    listed = np.unique(np.concatenate([each.rows for each in file.broken]))[:most]
    header, quote = file.header, file.structure.text.layout.quote
    own, width = len(header.names), header.width
    rejected = file.verdict.counts.rows_rejected
    summary = ReportSummary(rejected, len(listed), file.verdict.rejections[:FIRST_SHOWN])
    written = WrittenReport(folder / "report.csv", folder / "report.xlsx", summary)
    with (
        csv_report(written.csv, header.delimiter, quote) as report,
        xlsx_report(written.xlsx, _note(rejected, len(listed))) as write_xlsx,
    ):
        rows = _rows(file, listed)
        records = file.structure.records_of(listed)
        report.write([*header.names, *REPORT_COLUMNS])
        write_xlsx([*header.names, *REPORT_COLUMNS])
        extends = np.isin(listed, file.structure.irregular, invert=True) & (own == width)
        for place, (told, record) in enumerate(zip(rows, records, strict=True)):
            is_shown = place < MOST_ROWS_OF_A_SHEET
            if is_shown or not extends[place]:
                row = laid_out(values_of(record, header.delimiter, quote), own, width, told)
            if extends[place]:
                report.extend(record, told)
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


def _rows(file: Judged, listed: Positions) -> Iterator[tuple[str, ...]]:
    """Tell of each listed row what is wrong with it, without holding all of that at once."""
    rows = np.concatenate([each.rows for each in file.broken])
    numbers = np.concatenate([each.numbers for each in file.broken])
    sizes = [len(each.rows) for each in file.broken]
    subjects = np.repeat(np.arange(len(sizes)), sizes)
    order = np.argsort(rows, kind="stable")
    rows, numbers, subjects = rows[order], numbers[order], subjects[order]
    lines = file.structure.lines_of(_mentioned(file, listed))
    starts = np.searchsorted(rows, listed).tolist()
    ends = np.searchsorted(rows, listed, side="right").tolist()
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

    kinds, further = subjects.tolist(), numbers.tolist()
    for row, start, end in zip(listed.tolist(), starts, ends, strict=True):
        faults = told(tuple(kinds[start:end]), tuple(further[start:end]))
        yield str(row), str(lines[row]), *faults


def _mentioned(file: Judged, listed: Positions) -> list[int]:
    """List the rows whose lines are told: those listed, and the first of each repeated key."""
    firsts = [each.numbers for each in file.broken if each.subject.is_repeat]
    mentioned: list[int] = np.unique(np.concatenate([listed, *firsts])).tolist()
    return mentioned
