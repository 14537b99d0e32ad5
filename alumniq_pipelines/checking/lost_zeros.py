"""Find lost zeros: texts that are known only with zeros in front, which spreadsheets drop."""

from dataclasses import dataclass

from alumniq_pipelines.checking.staging import Staging
from alumniq_pipelines.core.sql_text import identifier

SHARE_OF_ONE_WIDTH = 0.95
"""Part of the known texts that must have the same width: otherwise padding means nothing."""


@dataclass(frozen=True, slots=True)
class LostZeros:
    """Rows whose text in a column is known with zeros in front, at `width` characters."""

    column: str
    rows: int
    width: int


def find_known_with_zeros(staging: Staging, column: str, known: str) -> LostZeros | None:
    """Return the staged rows whose text is only known once it is padded with zeros.

    `known` is a query for all known texts in a column `text`. None is returned unless nearly all of
    them have one width and some begin with a zero.
    """
    # The most frequent width, with its rows, those of them that begin with 0, and all rows.
    width, rows, padded, total = staging.run(
        "SELECT length(text) AS width, count(*) AS rows, "
        "count(*) FILTER (starts_with(text, '0')), sum(count(*)) OVER () "
        f"FROM ({known}) GROUP BY width ORDER BY rows DESC LIMIT 1"
    ).fetchone() or (0, 0, 0, 0)
    if not width or not padded or rows < SHARE_OF_ONE_WIDTH * total:
        return None
    name = identifier(column)
    shorter = f"{staging.table} WHERE length({name}) < {width}"
    if not staging.count(shorter):
        return None
    rows = staging.count(
        f"(SELECT {name} AS text, lpad({name}, {width}, '0') AS padded FROM {shorter}) "
        f"WHERE padded IN (SELECT text FROM ({known})) "
        f"AND text NOT IN (SELECT text FROM ({known}) WHERE text IS NOT NULL)"
    )
    return LostZeros(column, rows, width) if rows else None
