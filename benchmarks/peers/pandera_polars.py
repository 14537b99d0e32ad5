"""pandera on polars, eagerly: on a lazy frame it checks no values.

python -m benchmarks.peers.pandera_polars FILE FOLDER
"""

from collections.abc import Iterator
from pathlib import Path

import pandera.polars as pa
import polars as pl

from benchmarks.peers.arrow_csv import publish, read_text, write_unreadable
from benchmarks.peers.findings import REJECTED, Findings, run_peer
from benchmarks.peers.rules import ColumnRules, read_rules


def load(file: Path, folder: Path) -> Findings:
    """Load a file into a folder."""
    rules = read_rules()
    table, unreadable = read_text(file, rules)
    rows = pl.DataFrame(table)
    schema = pa.DataFrameSchema({column.name: _column(column) for column in rules}, strict=True)
    try:
        schema.validate(rows, lazy=True)
        cases = pl.DataFrame(schema={"index": pl.Int32, "column": pl.String, "check": pl.String})
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases
    cases = cases.with_columns(pl.col("check").replace("not_nullable", "required"))
    reasons = cases.group_by("index", maintain_order=True).agg(
        pl.format("{}: {}", "column", "check").str.join("; ").alias("reasons")
    )
    rejected = rows[reasons["index"]].insert_column(0, reasons["reasons"])
    rejected.write_csv(folder / REJECTED)
    write_unreadable(folder, unreadable)
    is_rejected = pl.int_range(pl.len()).is_in(reasons["index"].implode())
    accepted = rows.filter(~is_rejected).with_columns(
        _value(column) for column in rules if column.type == "integer" or column.default is not None
    )
    publish(folder, accepted)
    faults = dict(cases["check"].value_counts().iter_rows())
    return Findings.of(len(accepted), len(rejected), faults, len(unreadable))


def _column(column: ColumnRules) -> pa.Column:
    return pa.Column(pl.String, list(_checks(column)), nullable=not column.required)


def _checks(column: ColumnRules) -> Iterator[pa.Check]:
    if column.duplicate:
        yield pa.Check(_is_first, error=column.duplicate)
    for code, pattern in column.patterns.items():
        yield pa.Check.str_matches(f"^(?:{pattern})$", error=code)
    if column.enum is not None:
        yield pa.Check.isin(column.enum, error="enum")
    if (column.min_length, column.max_length) != (None, None):
        yield pa.Check.str_length(column.min_length, column.max_length, error="length")


def _is_first(data: pa.PolarsData) -> pl.LazyFrame:
    """Return which rows are the first of their value; pandera's `unique` rejects those, too."""
    value = pl.col(data.key)
    return data.lazyframe.select(value.is_null() | value.is_first_distinct())


def _value(column: ColumnRules) -> pl.Expr:
    value = pl.col(column.name)
    if column.default is not None:
        value = value.fill_null(str(column.default))
    return value.cast(pl.Int64 if column.type == "integer" else pl.String)


if __name__ == "__main__":
    run_peer(load)
