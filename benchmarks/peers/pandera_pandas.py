"""pandera on pandas, whose texts are Arrow's.

python -m benchmarks.peers.pandera_pandas FILE FOLDER
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from benchmarks.peers.arrow_csv import read_text
from benchmarks.peers.findings import Findings, run_peer
from benchmarks.peers.pandas_result import write_result
from benchmarks.peers.rules import ColumnRules, read_rules


def load(file: Path, folder: Path) -> Findings:
    """Load a file into a folder."""
    rules = read_rules()
    table, unreadable = read_text(file, rules)
    rows = table.to_pandas()
    schema = pa.DataFrameSchema({column.name: _column(column) for column in rules}, strict=True)
    try:
        schema.validate(rows, lazy=True)
        cases = pd.DataFrame(columns=["column", "code"], dtype=str)
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases.set_index("index").rename(columns={"check": "code"})
        cases["code"] = cases["code"].replace("not_nullable", "required")
    return write_result(folder, rules, rows, cases, unreadable)


def _column(column: ColumnRules) -> pa.Column:
    return pa.Column(str, list(_checks(column)), nullable=not column.required)


def _checks(column: ColumnRules) -> Iterator[pa.Check]:
    if column.duplicate:
        # Not pandera's `unique`: it takes two blanks for duplicates.
        yield pa.Check(lambda texts: texts.isna() | ~texts.duplicated(), error=column.duplicate)
    for code, pattern in column.patterns.items():
        yield pa.Check.str_matches(rf"^(?:{pattern})\Z", error=code)
    if column.enum is not None:
        yield pa.Check.isin(column.enum, error="enum")
    if (column.min_length, column.max_length) != (None, None):
        yield pa.Check.str_length(column.min_length, column.max_length, error="length")


if __name__ == "__main__":
    run_peer(load)
