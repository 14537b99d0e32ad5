"""The columns of a field map as Dagster's column schema, for the page of a feed's asset."""

import dagster as dg

from alumniq_pipelines.core.feeds.field_map import Column, FieldMap


def column_schema(field_map: FieldMap) -> dg.TableSchema:
    """Return a field map's columns with types, descriptions and constraints."""
    keys = set(field_map.table_schema.primary_key)
    return dg.TableSchema(
        columns=[_table_column(column, keys) for column in field_map.columns],
        constraints=dg.TableConstraints([f"primary key ({', '.join(sorted(keys))})"])
        if keys
        else None,
    )


def _table_column(column: Column, keys: set[str]) -> dg.TableColumn:
    constraints = column.constraints
    rules = constraints.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True)
    others = [
        f"{rule}: {value}" for rule, value in rules.items() if rule not in {"required", "unique"}
    ]
    return dg.TableColumn(
        column.name,
        column.type.value,
        description=column.description or column.title or None,
        constraints=dg.TableColumnConstraints(
            nullable=not (constraints.required or column.name in keys),
            unique=constraints.unique or keys == {column.name},
            other=others,
        ),
    )
