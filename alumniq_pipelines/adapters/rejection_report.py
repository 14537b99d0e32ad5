"""Rejection reports as files: CSV as the customer writes it, and a workbook of plain text."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TextIO

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

MOST_CHARACTERS_OF_A_CELL = 32_767
"""Excel's limit; the CSV report has such a value whole."""

WriteRow = Callable[[Sequence[str]], object]


@dataclass(frozen=True, slots=True)
class CsvReport:
    """A CSV file that is being written, delimited as the customer's own.

    Values are as received, also those that a spreadsheet would take for formulas: changed ones
    could not be sent back.
    """

    file: TextIO
    delimiter: str
    write: WriteRow

    def extend(self, record: str, values: Sequence[str]) -> None:
        """Write a record as it was received, and more values after its own."""
        self.file.write(record.rstrip("\r\n") + self.delimiter)
        self.write(values)


@contextmanager
def csv_report(path: Path, delimiter: str, quote: str) -> Iterator[CsvReport]:
    """Lend a CSV file to write into."""
    with path.open("w", encoding="utf-8", newline="") as file:
        # Only with CRLF do all versions of Python quote values that hold lone returns.
        writer = csv.writer(file, delimiter=delimiter, quotechar=quote, lineterminator="\r\n")
        yield CsvReport(file, delimiter, writer.writerow)


@contextmanager
def xlsx_report(path: Path, note: str) -> Iterator[WriteRow]:
    """Lend what writes rows into a workbook, every cell as text: nothing in it is a formula.

    Rows are written through, so memory stays small. `note` goes onto a sheet of its own, unless it
    is empty.
    """
    with Workbook(path, {"constant_memory": True, "tmpdir": str(path.parent)}) as workbook:
        sheet = workbook.add_worksheet("Rejected rows")
        places = count()
        yield lambda values: _write_texts(sheet, next(places), values)
        if note:
            _write_texts(workbook.add_worksheet("Note"), 0, [note])


def _write_texts(sheet: Worksheet, place: int, values: Sequence[str]) -> None:
    for column, value in enumerate(values):
        if value:
            sheet.write_string(place, column, value[:MOST_CHARACTERS_OF_A_CELL])
