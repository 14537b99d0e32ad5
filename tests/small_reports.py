"""A rejection report of a few rows, without the file that they were in."""

from collections.abc import Sequence
from pathlib import Path

from alumniq_pipelines.checking.report_files import csv_report, xlsx_report


def write_small_report(csv: Path, xlsx: Path, rows: Sequence[Sequence[str]]) -> None:
    with csv_report(csv, ",", '"') as report, xlsx_report(xlsx, "") as write_xlsx:
        for row in rows:
            report.write(row)
            write_xlsx(row)
