"""Lost zeros: texts that are known only with zeros in front, as a spreadsheet drops them."""

from dataclasses import dataclass

from alumniq_pipelines.checking.staging import Staging
from alumniq_pipelines.core.sql_text import identifier

SHARE_OF_ONE_WIDTH = 0.95


@dataclass(frozen=True, slots=True)
class LostZeros:
    """Texts of a column that are known with zeros in front, `width` characters wide."""

    column: str
    rows: int
    width: int


def find_known_with_zeros(staging: Staging, column: str, known: str) -> LostZeros | None:
    """Find staged rows whose text is known only once it is filled up with zeros.

    `known` is a query of all known texts, called `text`. Only where nearly all of them are of one
    width, and some begin with a zero.
    """
    width = _width(staging, known)
    name = identifier(column)
    shorter = f"{staging.table} WHERE length({name}) < {width}"
    if not width or not staging.count(shorter):
        return None
    rows = staging.count(
        f"(SELECT {name} AS text, lpad({name}, {width}, '0') AS padded FROM {shorter}) "
        f"WHERE padded IN (SELECT text FROM ({known})) "
        f"AND text NOT IN (SELECT text FROM ({known}) WHERE text IS NOT NULL)"
    )
    return LostZeros(column, rows, width) if rows else None


def _width(staging: Staging, known: str) -> int:
    """Tell how wide known texts are; 0 where they have no common width, or none begins with 0."""
    width, rows, padded, every = staging.run(
        "SELECT length(text) AS width, count(*) AS rows, "
        "count(*) FILTER (starts_with(text, '0')), sum(count(*)) OVER () "
        f"FROM ({known}) GROUP BY width ORDER BY rows DESC LIMIT 1"
    ).fetchone() or (0, 0, 0, 0)
    return int(width or 0) if padded and rows >= SHARE_OF_ONE_WIDTH * every else 0
