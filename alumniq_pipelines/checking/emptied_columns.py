"""Emptied columns: those that have values in a live version and none in the rows staged beside it.

Nearly every column has a value within the first rows, so only what is blank there is read whole,
and in the live version only what is blank in all rows.

A column that has a default is compared only where the file lacks it: a file may give the default
in every row, and once rows are staged that looks like a blank.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from alumniq_pipelines.checking.sql_checks import value_sql
from alumniq_pipelines.checking.staging import Staging
from alumniq_pipelines.core.feeds.column_names import is_extension_name
from alumniq_pipelines.core.feeds.column_types import DUCKDB_TEXT
from alumniq_pipelines.core.feeds.field_map import Column, FieldMap
from alumniq_pipelines.core.loads.diff import EmptiedColumn
from alumniq_pipelines.core.sql_text import identifier

FIRST_ROWS = 20_480
NO_TEXT = f"CAST(NULL AS {DUCKDB_TEXT})"


def emptied_columns(
    staging: Staging,
    staged: Mapping[str, str],
    live_table: str,
    live: Mapping[str, str],
    in_file: Collection[str],
) -> Sequence[EmptiedColumn]:
    """Find the columns that would lose all their values, in the order of the live version.

    `staged` and `live` are the columns of both tables with their types; `in_file` names those that
    the file has.
    """
    # A sender's own column may come in other letters today: to a database it is the same.
    filled = {name.casefold() for name in _filled(staging, staged)}
    received = {name.casefold() for name in in_file}
    suspects = {
        name: kind
        for name, kind in live.items()
        if name.casefold() not in filled
        and _is_expected(name, staging.field_map)
        and not (name.casefold() in received and _has_default(name, staging.field_map))
    }
    rows = _rows_filled(staging, live_table, suspects)
    return [
        EmptiedColumn(name, count, is_absent=name.casefold() not in received)
        for name, count in rows.items()
        if count
    ]


def _is_expected(name: str, field_map: FieldMap) -> bool:
    """Whether the file should have a column: one that left the field map is gone on purpose."""
    if field_map.column(name) is not None:
        return True
    return field_map.alumniq.extension_columns and is_extension_name(name)


def _has_default(name: str, field_map: FieldMap) -> bool:
    """Whether a column has a default: in the file, a blank and the default are then one value."""
    column = field_map.column(name)
    return column is not None and column.alumniq.default is not None


def _filled(staging: Staging, columns: Mapping[str, str]) -> Iterator[str]:
    """Name the staged columns that have a value in any row."""
    sources = (f"(SELECT * FROM {staging.table} LIMIT {FIRST_ROWS})", staging.table)
    left = dict(columns)
    for source in sources:
        if not left:
            return
        found = ", ".join(
            f"bool_or({_has_value(name, kind, staging.field_map)})" for name, kind in left.items()
        )
        answers = staging.run(f"SELECT {found} FROM {source}").fetchall()[0]
        filled = [name for name, is_filled in zip(left, answers, strict=True) if is_filled]
        yield from filled
        for name in filled:
            del left[name]


def _rows_filled(staging: Staging, table: str, columns: Mapping[str, str]) -> Mapping[str, int]:
    """Count the rows of a table that have a value, by column."""
    if not columns:
        return {}
    counted = ", ".join(
        f"count(*) FILTER ({_has_value(name, kind, staging.field_map)})"
        for name, kind in columns.items()
    )
    counts = staging.run(f"SELECT {counted} FROM {table}").fetchall()[0]
    return dict(zip(columns, counts, strict=True))


def _has_value(name: str, kind: str, field_map: FieldMap) -> str:
    """Write the condition that a cell has a value: not blank, nor the default of its column."""
    cell = identifier(name)
    conditions = [f"trim({cell}) <> ''" if kind == DUCKDB_TEXT else f"{cell} IS NOT NULL"]
    column = field_map.column(name)
    if column is not None and column.alumniq.default is not None:
        conditions.append(f"CAST({cell} AS {DUCKDB_TEXT}) <> {_default(column)}")
    return " AND ".join(conditions)


def _default(column: Column) -> str:
    """Write the text of a column's default, as it is published."""
    return f"CAST({value_sql(NO_TEXT, column)} AS {DUCKDB_TEXT})"
