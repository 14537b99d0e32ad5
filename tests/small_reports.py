"""A rejection report of a few rows, without the file that they were in."""

from collections.abc import Sequence
from pathlib import Path

from alumniq_pipelines.checking.report_files import csv_report
from alumniq_pipelines.checking.workbook import open_workbook


def write_small_report(csv: Path, xlsx: Path, rows: Sequence[Sequence[str]]) -> None:
    with (
        csv_report(csv, ",", '"') as report,
        open_workbook(xlsx) as workbook,
        workbook.add_sheet("Rejected rows") as write_row,
    ):
        for row in rows:
            report.write(row)
            write_row(row)
