"""Find emptied columns: those with values in the live version and none in the staged rows.

Nearly every column has a value within the first rows, so only columns blank there are read to the
end, and only columns blank to the end are read in the live version.

A column with a default is only compared if it is not in the file: a file may give the default in
every row, and once staged it cannot be distinguished from a blank.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from alumniq_pipelines.checking.sql_checks import value_sql
from alumniq_pipelines.checking.staging import Staging
from alumniq_pipelines.core.feeds.column_spellings import is_extension_name
from alumniq_pipelines.core.feeds.column_types import DUCKDB_TEXT
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.diff import EmptiedColumn
from alumniq_pipelines.core.sql_text import identifier

FIRST_ROWS = 20_480
"""Ten vectors of DuckDB."""

NO_TEXT = f"CAST(NULL AS {DUCKDB_TEXT})"


def emptied_columns(
    staging: Staging,
    staged: Mapping[str, str],
    live_table: str,
    live: Mapping[str, str],
    in_file: Collection[str],
) -> Sequence[EmptiedColumn]:
    """Return the columns that would lose all their values, in the order of the live version.

    `staged` and `live` are the columns of both tables with their types, `in_file` the names of the
    columns that the file has.
    """
    # The case of a sender's own column may change from file to file: a database ignores it.
    filled = {name.casefold() for name in _filled(staging, staged)}
    received = {name.casefold() for name in in_file}
    field_map = staging.field_map
    suspects = {
        name: kind
        for name, kind in live.items()
        if name.casefold() not in filled
        and _is_expected(name, field_map)
        and not (name.casefold() in received and _default(name, field_map) is not None)
    }
    if not suspects:
        return []
    counted = ", ".join(
        f"count(*) FILTER ({_has_value(name, kind, field_map)})" for name, kind in suspects.items()
    )
    counts = staging.run(f"SELECT {counted} FROM {live_table}").fetchall()[0]
    return [
        EmptiedColumn(name, count, is_absent=name.casefold() not in received)
        for name, count in zip(suspects, counts, strict=True)
        if count
    ]


def _is_expected(name: str, field_map: FieldMap) -> bool:
    """Whether the file should have a column: one removed from the field map is gone on purpose."""
    if field_map.column(name) is not None:
        return True
    return field_map.alumniq.extension_columns and is_extension_name(name)


def _filled(staging: Staging, columns: Mapping[str, str]) -> Iterator[str]:
    """Yield the staged columns that have a value in any row."""
    sources = (f"(SELECT * FROM {staging.table} LIMIT {FIRST_ROWS})", staging.table)
    left = dict(columns)
    for source in sources:
        if not left:
            return
        found = ", ".join(
            f"bool_or({_has_value(name, kind, staging.field_map)})" for name, kind in left.items()
        )
        row = staging.run(f"SELECT {found} FROM {source}").fetchall()[0]
        filled = [name for name, is_filled in zip(left, row, strict=True) if is_filled]
        yield from filled
        for name in filled:
            del left[name]


def _has_value(name: str, kind: str, field_map: FieldMap) -> str:
    """Return the SQL condition that a cell is neither blank nor its column's default."""
    cell = identifier(name)
    conditions = [f"trim({cell}) <> ''" if kind == DUCKDB_TEXT else f"{cell} IS NOT NULL"]
    if (default := _default(name, field_map)) is not None:
        # As the type of this table: a live version may be older than the field map.
        conditions.append(f"{cell} IS DISTINCT FROM try_cast({default} AS {kind})")
    return " AND ".join(conditions)


def _default(name: str, field_map: FieldMap) -> str | None:
    """Return the SQL for a column's default as it is published, if it has one."""
    column = field_map.column(name)
    if column is None or column.alumniq.default is None:
        return None
    # The value of a blank text is the default.
    return value_sql(NO_TEXT, column)
