"""The files of a rejection report: CSV in the customer's own format, and a workbook of text."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import BinaryIO

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

MAX_CELL_CHARACTERS = 32_767
"""Excel's limit; the CSV report has such a value whole."""

BUFFER_BYTES = 1 << 20

WriteRow = Callable[[Sequence[str]], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvReport:
    """A CSV file that is being written, with the delimiter of the customer's file.

    Values are as received, even if a spreadsheet would take them for formulas: if they were
    changed, the file could not be sent back.
    """

    file: BinaryIO
    delimiter: bytes
    format_row: Callable[[Sequence[str]], bytes]

    def write(self, values: Sequence[str]) -> None:
        """Write a row of values."""
        self.file.write(self.format_row(values))

    def extend(self, record: bytes, row: int, line: int, diagnosis: bytes) -> None:
        """Write a record as it was received, then its numbers and its formatted diagnosis."""
        between = self.delimiter
        sent = record.rstrip(b"\r\n")
        self.file.write(b"%b%b%d%b%d%b%b" % (sent, between, row, between, line, between, diagnosis))


class _Echo:
    """A file for Python's CSV writer that returns what it is to write."""

    def write(self, text: str) -> bytes:
        return text.encode()


@contextmanager
def csv_report(path: Path, delimiter: str, quote: str) -> Iterator[CsvReport]:
    """Yield a new CSV file to write to."""
    # Only with CRLF do all versions of Python quote values that hold lone returns.
    writer = csv.writer(_Echo(), delimiter=delimiter, quotechar=quote, lineterminator="\r\n")
    format_row: Callable[[Sequence[str]], bytes] = writer.writerow
    with path.open("wb", buffering=BUFFER_BYTES) as file:
        yield CsvReport(file=file, delimiter=delimiter.encode(), format_row=format_row)


@contextmanager
def xlsx_report(path: Path, note: str) -> Iterator[WriteRow]:
    """Yield a function that writes a row to a new workbook, every cell as text: never a formula.

    Rows go to disk one by one, so memory stays small. `note` is put on a sheet of its own, unless
    it is empty.
    """
    with Workbook(path, {"constant_memory": True, "tmpdir": str(path.parent)}) as workbook:
        sheet = workbook.add_worksheet("Rejected rows")
        row_indexes = count()
        yield lambda values: _write_texts(sheet, next(row_indexes), values)
        if note:
            _write_texts(workbook.add_worksheet("Note"), 0, [note])


def _write_texts(sheet: Worksheet, row_index: int, values: Sequence[str]) -> None:
    for column, value in enumerate(values):
        if value:
            sheet.write_string(row_index, column, value[:MAX_CELL_CHARACTERS])
