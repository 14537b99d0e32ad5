"""The CREATE TABLE statement of a feed, for DuckDB and for PostgreSQL."""

from collections.abc import Sequence
from typing import Literal, assert_never

from alumniq_pipelines.core.feeds.column_types import stored_type
from alumniq_pipelines.core.feeds.field_map import FieldMap

SqlDialect = Literal["duckdb", "postgres"]


def create_table(
    field_map: FieldMap, relation: str, columns: Sequence[str], dialect: SqlDialect
) -> str:
    """Write the statement that makes the table of `columns`, in their order.

    `relation` is inserted as it is: quote its parts with `quoted`. A name that is no column of the
    field map is one of the sender's own. Nothing is constrained: rows were judged before, and
    NOT NULL or a key would only cost time and hide what the verdict says.
    """
    lines = [f"  {quoted(name)} {_type(field_map, name, dialect)}" for name in columns]
    return f"CREATE TABLE {relation} (\n" + ",\n".join(lines) + "\n)"


def quoted(identifier: str) -> str:
    """Quote an identifier, in the way that both databases share."""
    doubled = identifier.replace('"', '""')
    return f'"{doubled}"'


def _type(field_map: FieldMap, name: str, dialect: SqlDialect) -> str:
    stored = stored_type(field_map.column(name))
    match dialect:
        case "duckdb":
            return stored.duckdb
        case "postgres":
            return stored.postgres
    assert_never(dialect)
