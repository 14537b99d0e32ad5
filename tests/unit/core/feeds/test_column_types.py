import duckdb

from alumniq_pipelines.core.feeds.column_types import (
    DECIMAL_SPECS,
    SPECS_BY_DUCKDB_TYPE,
    SPECS_BY_POSTGRES_TYPE,
    STORED_SPECS,
    TYPE_SPECS,
    ColumnType,
)
from alumniq_pipelines.core.feeds.field_map import Constraints


def test_every_type_of_the_language_is_specified() -> None:
    assert TYPE_SPECS.keys() == set(ColumnType)


def test_every_constraint_applies_to_a_type() -> None:
    applied = {name for spec in TYPE_SPECS.values() for name in spec.constraints}
    known = {field.alias for field in Constraints.model_fields.values()}
    assert applied | {"required", "unique"} == known


def test_a_stored_column_tells_its_type_in_both_engines() -> None:
    stored = len(ColumnType) + len(DECIMAL_SPECS)
    assert len(SPECS_BY_DUCKDB_TYPE) == len(SPECS_BY_POSTGRES_TYPE) == stored


def test_duckdb_names_every_type_as_it_is_specified() -> None:
    with duckdb.connect() as connection:
        for spec in STORED_SPECS:
            described = connection.execute(f"DESCRIBE SELECT CAST(NULL AS {spec.duckdb})")
            assert [row[1] for row in described.fetchall()] == [spec.duckdb]
