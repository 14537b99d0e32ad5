"""Find keys that differ only in what people do not see, or do not count as a difference.

Two rows of the same person may be behind them. Files whose keys are digits, or letters of one case,
cost nothing for it: the first and last rows show what is worth a search.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from alumniq_pipelines.checking.sql_checks import damage_condition
from alumniq_pipelines.checking.staging import Staging
from alumniq_pipelines.checking.text_damage import Damage, is_free_key
from alumniq_pipelines.core.feeds.unseen_characters import INVISIBLE, ODD_SPACES
from alumniq_pipelines.core.feeds.values import VISIBLE
from alumniq_pipelines.core.sql_text import identifier, literal

ROWS_AT_EACH_END = 10_000

ROW, FIRST = identifier(" row"), identifier(" first")
"""No column of a file can have these names: blanks around names are stripped."""


class Difference(StrEnum):
    """What alone two keys may differ in."""

    SPACING = "spacing"
    UNICODE = "unicode"
    CASE = "case"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarKeys:
    """How many keys differ from an earlier key in one way only.

    `first` is the index of the first row with such a key, `earlier` of the row that it resembles.
    """

    difference: Difference
    key: tuple[str, ...]
    count: int
    first: int
    earlier: int


def find_similar_keys(staging: Staging, rows: int) -> Iterator[SimilarKeys]:
    """Yield the keys among so many staged rows that differ only in spacing, form or case."""
    key = staging.field_map.table_schema.primary_key
    columns = {column.name: column for column in staging.field_map.columns}
    texts = [name for name in key if columns[name].type == "string"]
    if not texts:
        return
    odd = _oddly_spaced_rows(staging)
    if odd is not None:
        yield from _search(staging, Difference.SPACING, texts, odd)
    cells = [identifier(name) for name in texts]
    is_wide = " OR ".join(f"strlen({cell}) > length({cell})" for cell in cells)
    has_capitals = " OR ".join(f"{cell} <> lower({cell})" for cell in cells)
    has_small_letters = " OR ".join(f"{cell} <> upper({cell})" for cell in cells)
    [(wide, capitals, small_letters)] = staging.run(
        f"SELECT bool_or({is_wide}), bool_or({has_capitals}), bool_or({has_small_letters}) "
        f"FROM {staging.table} "
        f"WHERE rowid < {ROWS_AT_EACH_END} OR rowid >= {rows - ROWS_AT_EACH_END}"
    ).fetchall()
    if wide:
        yield from _search(staging, Difference.UNICODE, texts)
    if capitals and small_letters:
        yield from _search(staging, Difference.CASE, texts)


def _oddly_spaced_rows(staging: Staging) -> str | None:
    """Return the query for rows whose key has blanks around it or invisible characters, if any."""
    indexes = [
        str(index)
        for index, column in enumerate(staging.field_map.columns)
        if is_free_key(column, staging.field_map)
    ]
    if not indexes:
        return None
    odd = (
        f"SELECT row FROM aside.suspects WHERE column_index IN ({', '.join(indexes)}) "
        f"AND {damage_condition('text', [Damage.PADDED, Damage.INVISIBLE])} "
        # What looks blank is no key.
        f"AND regexp_matches(text, {literal(VISIBLE.pattern)})"
    )
    return odd if staging.count(f"({odd})") else None


def _search(
    staging: Staging, difference: Difference, texts: Sequence[str], odd: str | None = None
) -> Iterator[SimilarKeys]:
    """Yield the keys that differ from an earlier one in this way alone; `odd` rows, if any are."""
    key = staging.field_map.table_schema.primary_key
    cells = [identifier(name) for name in key]
    folded = [
        _fold(cell, difference) if name in texts else cell
        for name, cell in zip(key, cells, strict=True)
    ]
    folds = [identifier(f" folded {number}") for number in range(len(key))]
    present = " AND ".join(f"{cell} IS NOT NULL" for cell in cells)

    def rows(values: Sequence[str], condition: str) -> str:
        named = ", ".join(f"{value} AS {fold}" for value, fold in zip(values, folds, strict=True))
        return (
            f"SELECT rowid AS {ROW}, {', '.join(cells)}, {named} FROM {staging.table} "
            f"WHERE {present} AND {condition}"
        )

    compared = rows(folded, "true")
    if odd is not None:
        # Beside the odd ones, only rows can be concerned that have the key of an odd one.
        wanted = f"SELECT {', '.join(folded)} FROM {staging.table} WHERE rowid IN ({odd})"
        others = f"rowid NOT IN ({odd}) AND ({', '.join(cells)}) IN ({wanted})"
        compared = f"{rows(folded, f'rowid IN ({odd})')} UNION ALL {rows(cells, others)}"
    by_fold = ", ".join(folds)
    differs = " OR ".join(f"min({identifier(name)}) <> max({identifier(name)})" for name in texts)
    [(count, first, earlier)] = staging.run(
        f"WITH compared AS ({compared}), "
        f"alike AS (SELECT {by_fold} FROM compared GROUP BY {by_fold} HAVING {differs}), "
        f"spelt AS (SELECT {by_fold}, {', '.join(cells)}, min({ROW}) AS {FIRST} "
        f"FROM compared SEMI JOIN alike USING ({by_fold}) GROUP BY ALL), "
        f"placed AS (SELECT {FIRST} AS first, "
        f"min({FIRST}) OVER (PARTITION BY {by_fold}) AS earlier FROM spelt) "
        "SELECT count(*), min(first), arg_min(earlier, first) FROM placed WHERE first > earlier"
    ).fetchall()
    if count:
        yield SimilarKeys(difference=difference, key=key, count=count, first=first, earlier=earlier)


def _fold(cell: str, difference: Difference) -> str:
    """Return the SQL for what two keys have in common that differ in this way alone."""
    match difference:
        case Difference.UNICODE:
            return f"nfc_normalize({cell})"
        case Difference.CASE:
            return f"lower({cell})"
        case Difference.SPACING:
            spaced = f"regexp_replace({cell}, {literal(f'[{ODD_SPACES}]')}, ' ', 'g')"
            seen = f"regexp_replace({spaced}, {literal(f'[{INVISIBLE}]')}, '', 'g')"
            return f"trim({seen}, ' \t')"
