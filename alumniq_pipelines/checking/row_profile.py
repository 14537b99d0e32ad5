"""Read what the columns of a table hold: how many rows have a value, of what length, how varied.

Each column is read once; of a live version only those whose profile is not known.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from alumniq_pipelines.checking.sql_checks import value_sql
from alumniq_pipelines.checking.staging import Staging
from alumniq_pipelines.checking.text_damage import (
    WORDS_OF_PEOPLE_TOO,
    WORDS_OF_TOOLS,
    is_described,
)
from alumniq_pipelines.core.feeds.column_types import DUCKDB_TEXT
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.feeds.values import VISIBLE
from alumniq_pipelines.core.loads.version_profile import MAX_COLUMNS, ColumnProfile, Profile
from alumniq_pipelines.core.sql_text import identifier, literal

NO_TEXT = f"CAST(NULL AS {DUCKDB_TEXT})"

COLUMNS_PER_QUERY = 100
"""More than a feed has; only a sender may have thousands of columns of their own."""

ROWS_SEARCHED = 250
"""So many rows are searched for words for a missing value: first, in the middle, and last."""


def read_profile(staging: Staging, rows_staged: int) -> Profile:
    """Return the profile of the staged rows, of which only the accepted ones are left."""
    rows, columns = staging.count(staging.table), staging.column_types(staging.table)
    profiled = dict(islice(columns.items(), MAX_COLUMNS))
    others = dict(islice(columns.items(), MAX_COLUMNS, None))
    found = [
        column
        for batch in _batches(profiled)
        for column in _profile_columns(staging, batch, is_whole=rows == rows_staged)
    ]
    counted = count_filled(staging, staging.table, others)
    found += [ColumnProfile(name, filled) for name, filled in counted.items()]
    return Profile(rows=rows, columns=tuple(found))


def _profile_columns(
    staging: Staging, columns: Mapping[str, str], *, is_whole: bool
) -> Iterator[ColumnProfile]:
    """Yield the profiles of columns; `is_whole` says that no row was deleted from the table."""
    known = _read_statistics(staging, staging.table, list(columns))
    unknown = [name for name in columns if known[name].distinct is None]
    texts = [name for name, kind in columns.items() if kind == DUCKDB_TEXT]
    measured = [name for name in texts if not (is_whole and known[name].is_ascii)]
    selected = [f"approx_count_distinct({identifier(name)})" for name in unknown]
    for name in measured:
        selected += [f"{end}(length({identifier(name)}))" for end in ("min", "max")]
    filled, found = _count(staging, staging.table, columns, known, selected)
    distinct = dict(zip(unknown, found, strict=False))
    ends = found[len(unknown) :]
    lengths = dict(zip(measured, zip(ends[::2], ends[1::2], strict=True), strict=True))
    for name in columns:
        estimated, noted = known[name].distinct, known[name].lengths
        yield ColumnProfile(
            name, filled[name], distinct.get(name, estimated), *lengths.get(name, noted)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statistics:
    """What DuckDB has noted of a column while it wrote the table, of rejected rows as well.

    The number of `distinct` values is an estimate; of booleans there is none. The `lengths` of the
    shortest and longest text are in bytes. `begins_usual` if each text has one of the characters
    from `!` to `}` first.
    """

    distinct: int | None = None
    lengths: tuple[int | None, int | None] = (None, None)
    is_ascii: bool = False
    begins_usual: bool = False


def _read_statistics(
    staging: Staging, table: str, names: Sequence[str]
) -> Mapping[str, _Statistics]:
    """Return what DuckDB knows of columns: to find it anew would double the time of a profile."""
    selected = ", ".join(f"stats({identifier(name)})" for name in names)
    found = staging.run(f"SELECT {selected} FROM {table} LIMIT 1").fetchall()
    return {
        name: _statistics(stats)
        for name, stats in zip(names, found[0] if found else [{}] * len(names), strict=True)
    }


def _statistics(stats: Mapping[str, Any]) -> _Statistics:
    lengths = stats.get("min_string_length"), stats.get("max_string_length")
    # It writes quotes and what is not ASCII as `\x22`: such a text is not taken for a usual one.
    ends = [str(stats.get(end, ""))[:1] for end in ("min", "max")]
    return _Statistics(
        distinct=stats.get("approx_unique"),
        lengths=lengths if stats.get("has_no_null") else (None, None),
        is_ascii=stats.get("has_unicode") is False,
        begins_usual=all("!" <= end <= "}" and end != "\\" for end in ends),
    )


def count_filled(staging: Staging, table: str, columns: Mapping[str, str]) -> Mapping[str, int]:
    """Return how many rows of a table have a value in each of these columns, by type."""
    found: dict[str, int] = {}
    for batch in _batches(columns):
        known = _read_statistics(staging, table, list(batch))
        found |= _count(staging, table, batch, known, ())[0]
    return found


def _batches(columns: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """Yield columns in batches: DuckDB plans a query in the square of the number of its columns."""
    items = iter(columns.items())
    while batch := dict(islice(items, COLUMNS_PER_QUERY)):
        yield batch


def _count(
    staging: Staging,
    table: str,
    columns: Mapping[str, str],
    known: Mapping[str, _Statistics],
    others: Sequence[str],
) -> tuple[Mapping[str, int], Sequence[Any]]:
    """Return the filled rows of columns, and the values of other aggregates over the table.

    A text that looks blank is no value, nor is a word for a missing one. To look at all texts takes
    longer than all the rest: only those columns are looked at that may have such texts.
    """
    texts = [name for name, kind in columns.items() if kind == DUCKDB_TEXT]
    conditions = {name: [_is_visible(name)] for name in texts if not known[name].begins_usual}
    for name in _find_words(staging, table, texts):
        conditions.setdefault(name, []).append(f"NOT {_is_word(name)}")
    counts = [
        _filled(name, kind, staging.field_map, conditions.get(name, ()))
        for name, kind in columns.items()
    ]
    found = staging.run(f"SELECT {', '.join((*counts, *others))} FROM {table}").fetchall()[0]
    return dict(zip(columns, found, strict=False)), found[len(columns) :]


def _find_words(staging: Staging, table: str, texts: Sequence[str]) -> Collection[str]:
    """Return the columns of text in which some of the rows have a word for a missing value."""
    columns = {name: staging.field_map.column(name) for name in texts}
    # Where the field map says what is a value, by a pattern or a list, no text has to be looked at.
    names = [name for name, column in columns.items() if column is None or not is_described(column)]
    if not names:
        return ()
    rows = staging.count(table)
    searched = " OR ".join(
        f"rowid BETWEEN {begin} AND {begin + ROWS_SEARCHED - 1}"
        for begin in (0, rows // 2, rows - ROWS_SEARCHED)
    )
    # All cells in one column: to plan a condition for each takes longer than to evaluate it.
    found = staging.run(
        f"SELECT DISTINCT index FROM (SELECT unnest([{', '.join(map(identifier, names))}]) AS text,"
        f" unnest(range({len(names)})) AS index FROM {table} WHERE {searched}) "
        f"WHERE {_is_word('text')}"
    ).fetchall()
    return [names[index] for (index,) in found]


def _is_visible(name: str) -> str:
    """Return the SQL condition that a text does not look blank."""
    text = identifier(name)
    # CASE, since both sides of an OR would be evaluated for every row.
    return (
        f"CASE WHEN {text} BETWEEN '!' AND '~' THEN true "
        f"ELSE regexp_matches({text}, {literal(VISIBLE.pattern)}) END"
    )


def _is_word(name: str) -> str:
    """Return the SQL condition that a text is a word for a missing value."""
    words = ", ".join(map(literal, (*WORDS_OF_TOOLS, *WORDS_OF_PEOPLE_TOO)))
    return f"trim({identifier(name)}) IN ({words})"


def _filled(name: str, kind: str, field_map: FieldMap, also: Sequence[str]) -> str:
    """Return the SQL that counts the cells that are neither blank nor their column's default.

    Further conditions for a cell to be a value may be given.
    """
    cell, default = identifier(name), _default(name, field_map)
    conditions = list(also)
    if default is not None:
        # As the type of this table: a live version may be older than the field map.
        given = f"try_cast({default} AS {kind})"
        conditions += [f"{cell} IS NOT NULL", f"{cell} IS DISTINCT FROM {given}"]
    # Not count(*) FILTER: its time grows with the square of the number of such columns.
    tested = f"CASE WHEN {' AND '.join(conditions)} THEN 1 END" if conditions else cell
    return f"count({tested})"


def _default(name: str, field_map: FieldMap) -> str | None:
    """Return the SQL for a column's default as it is published, if it has one."""
    column = field_map.column(name)
    if column is None or column.alumniq.default is None:
        return None
    # The value of a blank text is the default.
    return value_sql(NO_TEXT, column)
