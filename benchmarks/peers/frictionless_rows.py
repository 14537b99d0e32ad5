"""frictionless, row by row, with the field map itself as its schema.

python -m benchmarks.peers.frictionless_rows FILE FOLDER
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import yaml
from frictionless import Row, Schema, system
from frictionless.errors import RowError
from frictionless.resources import TableResource

from benchmarks.peers.arrow_csv import publish
from benchmarks.peers.findings import REJECTED, Findings, run_peer
from benchmarks.peers.rules import FIELD_MAP, ColumnRules, read_rules

BATCH_ROWS = 10_000
CODES = {
    "type-error": "type",
    "primary-key": "duplicate-key",
    "unique-error": "duplicate-value",
    "missing-cell": "ragged-row",
    "extra-cell": "ragged-row",
    "blank-row": "ragged-row",
}
"""frictionless's names of what is wrong."""
NO_KEY = 'are all "None"'
CONSTRAINTS = {"minLength": "length", "maxLength": "length"}
ARROW_TYPES: Mapping[str, pa.DataType] = {"string": pa.string(), "integer": pa.int64()}


def load(file: Path, folder: Path) -> Findings:
    """Load a file into a folder."""
    rules = read_rules()
    schema = Schema.from_descriptor(yaml.safe_load(FIELD_MAP.read_text("utf-8"))["schema"])
    with (
        system.use_context(trusted=True),  # it takes an absolute path for an unsafe one
        TableResource(path=str(file), schema=schema) as resource,
        (folder / REJECTED).open("w", encoding="utf-8", newline="") as rejected_file,
    ):
        rejected = RejectedRows(rejected_file, resource.header)
        batches = _batches(rejected.skip(resource.row_stream), rules)
        published = pa.schema([(column.name, ARROW_TYPES[column.type]) for column in rules])
        publish(folder, pa.RecordBatchReader.from_batches(published, batches))
        accepted = resource.stats.rows - rejected.count
    return Findings.of(accepted, rejected.count, rejected.faults)


class RejectedRows:
    """Takes the rejected rows out of a stream of rows: writes them down and counts them."""

    def __init__(self, file: TextIO, header: Iterable[str]) -> None:
        """Start the file."""
        self.count = 0
        self.faults: Counter[str] = Counter()
        self.writer = csv.writer(file)
        self.writer.writerow(["reasons", *header])

    def skip(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the accepted rows."""
        for row in rows:
            if row.valid:
                yield row
                continue
            # A blank key is two errors to frictionless: it is required, and there is no key.
            codes = [_code(error) for error in row.errors if not error.note.endswith(NO_KEY)]
            self.count += 1
            self.faults.update(codes)
            self.writer.writerow(["; ".join(codes), *row.cells])


def _code(error: RowError) -> str:
    if error.type == "constraint-error":
        constraint = error.note.split('"')[1]
        return CONSTRAINTS.get(constraint, constraint)
    return CODES[error.type]


def _batches(rows: Iterator[Row], rules: Sequence[ColumnRules]) -> Iterator[pa.RecordBatch]:
    while batch := [row.to_list() for row in islice(rows, BATCH_ROWS)]:
        yield pa.record_batch(
            {
                column.name: pa.array(_filled(values, column), ARROW_TYPES[column.type])
                for column, values in zip(rules, zip(*batch, strict=True), strict=True)
            }
        )


def _filled(values: Sequence[Any], column: ColumnRules) -> Sequence[Any]:
    if column.default is None:
        return values
    return [column.default if value is None else value for value in values]


if __name__ == "__main__":
    run_peer(load)
