"""What the peers on data frames share: Arrow reads the file as text, DuckDB takes the result.

Arrow's reader sets lines with too few or too many values aside. Those of pandas and polars fill up
a short line with blanks without a word, and would hide a fifth of the planted faults.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa
from pyarrow.csv import ConvertOptions, InvalidRow, ParseOptions, ReadOptions, open_csv, read_csv

from benchmarks.peers.findings import DATABASE, UNREADABLE
from benchmarks.peers.rules import ColumnRules

BLOCK_BYTES = 8 << 20


def read_text(file: Path, rules: Sequence[ColumnRules]) -> tuple[pa.Table, Sequence[str]]:
    """Return the rows, with nulls for blanks, and the lines that are no rows."""
    unreadable: list[str] = []
    return read_csv(file, **_options(rules, unreadable)), unreadable


def read_batches(
    file: Path, rules: Sequence[ColumnRules], unreadable: list[str]
) -> Iterator[pa.RecordBatch]:
    """Yield the rows in batches, and append the lines that are no rows."""
    with open_csv(file, **_options(rules, unreadable)) as batches:
        yield from batches


def _options(rules: Sequence[ColumnRules], unreadable: list[str]) -> dict[str, Any]:
    def set_aside(row: InvalidRow) -> Literal["skip"]:
        unreadable.append(row.text)
        return "skip"

    return {
        "read_options": ReadOptions(block_size=BLOCK_BYTES),
        "parse_options": ParseOptions(newlines_in_values=True, invalid_row_handler=set_aside),
        "convert_options": ConvertOptions(
            column_types={column.name: pa.string() for column in rules},
            null_values=[""],
            strings_can_be_null=True,
        ),
    }


def write_unreadable(folder: Path, lines: Iterable[str]) -> None:
    """Write the lines that are no rows."""
    with (folder / UNREADABLE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["line"])
        writer.writerows([line] for line in lines)


def publish(folder: Path, rows: object) -> None:
    """Put rows into the table: anything that has Arrow's interface, such as a frame of polars."""
    with duckdb.connect(str(folder / DATABASE)) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.register("accepted", rows)
        connection.execute("create table warehouse as from accepted")
