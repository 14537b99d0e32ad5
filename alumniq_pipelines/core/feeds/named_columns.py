"""Rules on the columns that a field map names: in keys, thresholds and standard properties."""

from collections.abc import Iterator

from alumniq_pipelines.core.feeds.column_spellings import is_extension_name
from alumniq_pipelines.core.feeds.did_you_mean import did_you_mean
from alumniq_pipelines.core.feeds.field_map import FieldMap, ForeignKey
from alumniq_pipelines.core.feeds.field_map_error import Fault, Path
from alumniq_pipelines.core.feeds.foreign_keys import reference_faults


def named_column_faults(field_map: FieldMap) -> Iterator[Fault]:
    """Find names that no column has, and what is said in only one of two places."""
    yield from _key_faults(field_map)
    yield from _standard_faults(field_map)
    yield from _threshold_faults(field_map)


def _key_faults(field_map: FieldMap) -> Iterator[Fault]:
    schema = field_map.table_schema
    for index, name in enumerate(schema.primary_key):
        if text := _unknown_column(name, field_map):
            yield Fault(("schema", "primaryKey", index), f"`primaryKey` names {text}")
    if len(set(schema.primary_key)) < len(schema.primary_key):
        yield Fault(("schema", "primaryKey"), "`primaryKey` names a field twice")
    for index, key in enumerate(schema.foreign_keys):
        path: Path = ("schema", "foreignKeys", index)
        yield from (Fault((*path, *rest), text) for rest, text in _foreign_faults(key, field_map))


def _threshold_faults(field_map: FieldMap) -> Iterator[Fault]:
    rules = field_map.alumniq
    for name, _ in rules.thresholds.columns.fill_of:
        is_own = rules.extension_columns and is_extension_name(name)
        if not is_own and (text := _unknown_column(name, field_map)):
            yield Fault(("alumniq", "thresholds", "columns", "fillOf"), f"`fillOf` names {text}")


def _foreign_faults(key: ForeignKey, field_map: FieldMap) -> Iterator[tuple[Path, str]]:
    for index, name in enumerate(key.fields):
        if text := _unknown_column(name, field_map):
            yield ("fields", index), f"`fields` names {text}"
    if not key.fields:
        yield ("fields",), "`fields` is empty"
    if len(key.fields) != len(key.reference.fields):
        yield ("fields",), "`fields` and `reference.fields` are not of the same number"
    elif key.reference.resource in {"", field_map.name}:
        for last, text in reference_faults(key, field_map, field_map):
            yield ("reference", last), text


def _standard_faults(field_map: FieldMap) -> Iterator[Fault]:
    """Find what the standard allows to say twice, and is said in only one of the places."""
    schema = field_map.table_schema
    null = field_map.dialect.csv.null_sequence
    if null is not None and null not in schema.missing_values:
        text = "`nullSequence` must be one of `schema.missingValues` too; write it there"
        yield Fault(("dialect", "csv", "nullSequence"), text)
    for index, names in enumerate(schema.unique_keys):
        path: Path = ("schema", "uniqueKeys", index)
        columns = [field_map.column(name) for name in names]
        unknown = [name for name, column in zip(names, columns, strict=True) if column is None]
        if unknown:
            yield Fault(path, f"`uniqueKeys` names {_unknown_column(unknown[0], field_map)}")
        elif not names or set(names) == set(schema.primary_key):
            continue
        elif len(columns) > 1:
            text = "`uniqueKeys` of several fields is only supported where they are the primary key"
            yield Fault(path, f"{text}; write them as `primaryKey`, or leave it out")
        elif columns[0] is not None and not columns[0].constraints.unique:
            text = f"`uniqueKeys` names the field `{names[0]}`, which must be described as unique"
            yield Fault(path, f"{text} too; write `constraints: {{unique: true}}` there")


def _unknown_column(name: str, field_map: FieldMap) -> str | None:
    """Return how to report a name that no column has; None where one has it."""
    known = [column.name for column in field_map.columns]
    if name in known:
        return None
    return f"the unknown field `{name}`; {did_you_mean(name, known, 'name one that is there')}"
