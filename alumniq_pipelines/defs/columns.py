"""The columns of a field map as Dagster's column schema, for the page of a feed's asset."""

import dagster as dg

from alumniq_pipelines.core.feeds.field_map import Column, FieldMap


def column_schema(field_map: FieldMap) -> dg.TableSchema:
    """Return a field map's columns with types, descriptions and constraints."""
    keys = set(field_map.table_schema.primary_key)
    columns = []
    for column in field_map.columns:
        constraints = column.constraints
        rules = constraints.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True)
        table_column = dg.TableColumn(
            column.name,
            _type_name(column),
            description=column.description or column.title or None,
            constraints=dg.TableColumnConstraints(
                nullable=not (constraints.required or column.name in keys),
                unique=constraints.unique or keys == {column.name},
                other=[
                    *(
                        f"{rule}: {value}"
                        for rule, value in rules.items()
                        if rule not in {"required", "unique"}
                    ),
                    *(f"alias: {alias}" for alias in column.alumniq.aliases),
                ],
            ),
        )
        columns.append(table_column)
    primary_key = [f"primary key ({', '.join(sorted(keys))})"]
    return dg.TableSchema(
        columns=columns, constraints=dg.TableConstraints(primary_key) if keys else None
    )


def _type_name(column: Column) -> str:
    """Return the type in the words of the field map; numbers with decimals as databases name it."""
    is_exact = column.alumniq.decimals is not None
    return column.spec.duckdb.lower() if is_exact else column.type.value
