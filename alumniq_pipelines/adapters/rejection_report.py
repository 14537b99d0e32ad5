"""Rejection reports as files: CSV as the customer writes it, and a workbook of plain text."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from alumniq_pipelines.adapters.structure.reading import MOST_BYTES_OF_A_ROW

MOST_ROWS_OF_A_SHEET = 20_000
"""Of 40 columns they take some 3 seconds, five times what the CSV report does, which has more."""

MOST_CHARACTERS_OF_A_CELL = 32_767
"""Excel's limit; the CSV report has such a value whole."""

WriteRow = Callable[[Sequence[str]], object]


def values_of(record: str, delimiter: str, quote: str) -> list[str]:
    """Take one record of a proven file apart; none for a blank line."""
    csv.field_size_limit(MOST_BYTES_OF_A_ROW)  # Python's own limit is lower than ours
    reader = csv.reader(StringIO(record, newline=""), delimiter=delimiter, quotechar=quote)
    return next(reader, [])


@contextmanager
def csv_report(path: Path, delimiter: str, quote: str) -> Iterator[WriteRow]:
    """Lend what writes rows into a CSV file, delimited as the customer's own.

    Values are as received, also those that a spreadsheet would take for formulas: changed ones
    could not be sent back.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        # Only with CRLF do all versions of Python quote values that hold lone returns.
        yield csv.writer(file, delimiter=delimiter, quotechar=quote, lineterminator="\r\n").writerow


@contextmanager
def xlsx_report(path: Path, note: str) -> Iterator[WriteRow]:
    """Lend what writes rows into a workbook, every cell as text: nothing in it is a formula.

    Rows are written through, so memory stays small; rows beyond MOST_ROWS_OF_A_SHEET are left out.
    `note` goes onto a sheet of its own, unless it is empty.
    """
    with Workbook(path, {"constant_memory": True, "tmpdir": str(path.parent)}) as workbook:
        sheet = workbook.add_worksheet("Rejected rows")
        place = 0

        def write(values: Sequence[str]) -> None:
            nonlocal place
            if place <= MOST_ROWS_OF_A_SHEET:
                _write_texts(sheet, place, values)
            place += 1

        yield write
        if note:
            _write_texts(workbook.add_worksheet("Note"), 0, [note])


def _write_texts(sheet: Worksheet, place: int, values: Sequence[str]) -> None:
    for column, value in enumerate(values):
        if value:
            sheet.write_string(place, column, value[:MOST_CHARACTERS_OF_A_CELL])
