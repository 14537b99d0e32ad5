"""What must hold between a foreign key and the feed that it refers to."""

from collections.abc import Iterator

from alumniq_pipelines.core.feeds.field_map import ColumnType, FieldMap, ForeignKey
from alumniq_pipelines.core.feeds.values import parse_value

COMPARABLE: tuple[frozenset[ColumnType], ...] = (
    frozenset({"string", "integer", "year"}),
    frozenset({"integer", "number", "year"}),
    frozenset({"date", "datetime"}),
)
"""Types whose values can be compared: others are written in more than one way, as 5 and 5.0."""


def reference_faults(
    key: ForeignKey, field_map: FieldMap, referred: FieldMap
) -> Iterator[tuple[str, str]]:
    """Find what does not fit: the last key of each fault's path in `reference`, and the fault."""
    their_key = referred.table_schema.primary_key
    fixed = [name for name, _ in key.alumniq.where]
    if sorted([*key.reference.fields, *fixed]) != sorted(their_key):
        known = f"the primary key of {referred.name}: {', '.join(their_key) or 'none'}"
        yield "fields", f"`fields` (with `alumniq.where`) must name {known}"
        return
    for name, referred_name in zip(key.fields, key.reference.fields, strict=False):
        ours, theirs = field_map.column(name), referred.column(referred_name)
        if ours and theirs and not _are_comparable(ours.type, theirs.type):
            types = f"`{name}` is of type {ours.type}, `{referred_name}` there of {theirs.type}"
            yield "fields", f"`fields`: {types}; these cannot be compared; make them the same"
    for name, value in key.alumniq.where:
        column = referred.column(name)
        if column and parse_value(value, column) is None:
            yield (
                "fields",
                f"`alumniq.where` gives `{name}` a value that is not of type {column.type}",
            )


def _are_comparable(ours: ColumnType, theirs: ColumnType) -> bool:
    return ours == theirs or any({ours, theirs} <= types for types in COMPARABLE)
