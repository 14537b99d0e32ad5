"""dataframely, on polars.

python -m benchmarks.peers.dataframely_polars FILE FOLDER
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import dataframely as dy
import polars as pl

from benchmarks.peers.arrow_csv import publish, read_text, write_unreadable
from benchmarks.peers.findings import REJECTED, Findings, run_peer
from benchmarks.peers.rules import ColumnRules, read_rules

CODES = {"nullability": "required", "dtype": "type"}
"""The names that dataframely gives to its own rules."""


def load(file: Path, folder: Path) -> Findings:
    """Load a file into a folder."""
    rules = read_rules()
    table, unreadable = read_text(file, rules)
    rows = pl.DataFrame(table).with_columns(
        pl.col(column.name).fill_null(str(column.default))
        for column in rules
        if column.default is not None
    )
    accepted, failure = _schema(rules).filter(rows, cast=True)
    rejected = failure.details()
    names = rejected.columns[len(rows.columns) :]
    rejected.select(_reasons(names), *rows.columns).write_csv(folder / REJECTED)
    write_unreadable(folder, unreadable)
    publish(folder, accepted)
    faults = {_code(name): count for name, count in failure.counts().items()}
    return Findings.of(len(accepted), len(rejected), faults, len(unreadable))


def _schema(rules: Sequence[ColumnRules]) -> type[dy.Schema]:
    return type("Warehouse", (dy.Schema,), {column.name: _column(column) for column in rules})


def _column(column: ColumnRules) -> dy.Column:
    if column.type == "integer":
        return dy.Int64(nullable=not column.required)
    return dy.String(nullable=not column.required, check=_checks(column))


def _checks(column: ColumnRules) -> dict[str, Callable[[pl.Expr], pl.Expr]]:
    """Return the rules by their codes.

    dataframely's own `unique` rejects the first row of a value too, and its `max_length` counts
    bytes.
    """
    checks: dict[str, Callable[[pl.Expr], pl.Expr]] = {}
    if column.duplicate:
        checks[column.duplicate] = lambda value: value.is_null() | value.is_first_distinct()
    for code, pattern in column.patterns.items():
        checks[code] = partial(_matches, pattern=f"^(?:{pattern})$")
    if column.enum is not None:
        checks["enum"] = lambda value: value.is_in(column.enum)
    if (column.min_length, column.max_length) != (None, None):
        low, high = column.min_length or 0, column.max_length or 1 << 62
        checks["length"] = lambda value: value.str.len_chars().is_between(low, high)
    return checks


def _matches(value: pl.Expr, pattern: str) -> pl.Expr:
    return value.str.contains(pattern)


def _reasons(names: Sequence[str]) -> pl.Expr:
    """Return the reasons of a row: of each rule that it breaks, its column and code."""
    reasons = [
        pl.when(pl.col(name) == "invalid").then(pl.lit(f"{name.partition('|')[0]}: {_code(name)}"))
        for name in names
    ]
    return pl.concat_str(reasons, separator="; ", ignore_nulls=True).alias("reasons")


def _code(name: str) -> str:
    code = name.partition("|")[2].removeprefix("check__")
    return CODES.get(code, code)


if __name__ == "__main__":
    run_peer(load)
