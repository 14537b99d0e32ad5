"""Compare cells of two columns by value, even if the columns are stored as different types.

Types differ where a field map has changed since the live version was published, and where a foreign
key refers to a column of another type.
"""

from alumniq_pipelines.core.feeds.column_types import (
    DECIMAL_SPECS,
    DUCKDB_TEXT,
    SPECS_BY_DUCKDB_TYPE,
    TYPE_SPECS,
    ColumnType,
    Comparison,
    common_comparisons,
)

DOUBLE = TYPE_SPECS[ColumnType.NUMBER].duckdb
WHOLE = TYPE_SPECS[ColumnType.INTEGER].duckdb
MOMENT = TYPE_SPECS[ColumnType.DATETIME].duckdb
DECIMALS = frozenset(spec.duckdb for spec in DECIMAL_SPECS)


def comparable(cell: str, kind: str, other: str) -> str:
    """Return the SQL for a cell of type `kind`, comparable to one of type `other`.

    The other cell has to be wrapped with both types swapped. Types that have nothing in common are
    compared as text.
    """
    if kind == other:
        return cell
    text = f"CAST({cell} AS {DUCKDB_TEXT})"
    specs = SPECS_BY_DUCKDB_TYPE
    common = common_comparisons(specs[kind], specs[other])
    if Comparison.BY_DATE in common:
        return f"CAST({cell} AS {MOMENT})"
    if Comparison.BY_NUMBER not in common:
        return text
    if DOUBLE in {kind, other}:
        # By its text, as it was read from a file: a cast from DECIMAL may miss the nearest DOUBLE.
        return cell if kind == DOUBLE else f"CAST({text} AS {DOUBLE})"
    if kind in DECIMALS:
        # Not cast to one DECIMAL: it may have too few digits for both, and the cast would fail.
        return without_zeros(text)
    return text if other in DECIMALS else f"CAST({cell} AS {WHOLE})"


def without_zeros(text: str) -> str:
    """Return the SQL for the text of a number without zeros at the end of its decimals."""
    return f"CASE WHEN contains({text}, '.') THEN rtrim(rtrim({text}, '0'), '.') ELSE {text} END"
