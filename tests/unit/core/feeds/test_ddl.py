from typing import get_args

import duckdb

from alumniq_pipelines.core.feeds.column_types import STORED_TYPES
from alumniq_pipelines.core.feeds.ddl import create_table, quoted
from alumniq_pipelines.core.feeds.field_map import ColumnType, FieldMap

EVERY_TYPE = FieldMap.model_validate(
    {
        "name": "every-type",
        "path": "x",
        "schema": {
            "fields": [
                {"name": f"{stored_type} é", "type": stored_type} for stored_type in STORED_TYPES
            ]
        },
    }
)
COLUMNS = [*(column.name for column in EVERY_TYPE.columns), 'own "x"__c']


def test_every_type_of_the_language_is_stored() -> None:
    assert set(STORED_TYPES) == set(get_args(ColumnType))


def test_duckdb_makes_the_table_as_it_is_described() -> None:
    relation = ".".join(map(quoted, ("main", 'every "type"')))
    with duckdb.connect() as connection:
        connection.execute(create_table(EVERY_TYPE, relation, COLUMNS, "duckdb"))
        described = connection.execute(f"DESCRIBE {relation}").fetchall()
    expected = [*(stored_type.duckdb for stored_type in STORED_TYPES.values()), "VARCHAR"]
    assert [row[:2] for row in described] == list(zip(COLUMNS, expected, strict=True))


def test_postgres_types_are_its_own() -> None:
    statement = create_table(EVERY_TYPE, "t", ["number é", "own__c"], "postgres")
    assert statement == 'CREATE TABLE t (\n  "number é" double precision,\n  "own__c" text\n)'
