"""What must hold between a foreign key and the feed that it refers to."""

from collections.abc import Iterator

from alumniq_pipelines.core.feeds.column_types import common_comparisons
from alumniq_pipelines.core.feeds.field_map import FieldMap, ForeignKey
from alumniq_pipelines.core.feeds.values import parse_value


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
        if not ours or not theirs or ours.type is theirs.type:
            continue
        if not common_comparisons(ours.spec, theirs.spec):
            types = f"`{name}` is of type {ours.type}, `{referred_name}` there of {theirs.type}"
            yield "fields", f"`fields`: {types}; these cannot be compared; make them the same"
    for name, value in key.alumniq.where:
        column = referred.column(name)
        if column and parse_value(value, column) is None:
            yield (
                "fields",
                f"`alumniq.where` gives `{name}` a value that is not of type {column.type}",
            )
