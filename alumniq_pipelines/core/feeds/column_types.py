"""What a column's type is called in DuckDB and in PostgreSQL, so that both hold the same values."""

from dataclasses import dataclass

from alumniq_pipelines.core.feeds.field_map import Column, ColumnType


@dataclass(frozen=True, slots=True)
class StoredType:
    """The names of one type."""

    duckdb: str
    postgres: str


STORED_TYPES: dict[ColumnType, StoredType] = {
    "string": StoredType("VARCHAR", "text"),
    "integer": StoredType("BIGINT", "bigint"),
    "number": StoredType("DOUBLE", "double precision"),
    "boolean": StoredType("BOOLEAN", "boolean"),
    "date": StoredType("DATE", "date"),
    "datetime": StoredType("TIMESTAMP", "timestamp"),  # a point in time, in UTC
    "year": StoredType("INTEGER", "integer"),
}


def stored_type(column: Column | None) -> StoredType:
    """Answer the stored type of a column; None stands for one of the sender's own, kept as text."""
    return STORED_TYPES["string" if column is None else column.type]
