"""A template to start a feed from: its header and sample rows, made from the columns' examples."""

import csv
import io
from collections.abc import Iterable

from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.feeds.field_map import Column, FieldMap
from alumniq_pipelines.core.feeds.values import format_value

Row = dict[str, str]

EXTENSION_EXAMPLE = ("favorite_color__c", "Blue and gold")
"""What one of the sender's own columns may look like."""


def template(field_map: FieldMap, catalog: Catalog) -> str:
    """Write a small file of the feed that is right in every respect.

    The first row holds all examples. Further rows hold what the examples of other feeds refer to,
    so that the templates of all feeds fit together. Every value is quoted; lines end in LF.
    """
    names = [column.name for column in field_map.columns]
    rows = sample_rows(field_map, catalog)
    if field_map.alumniq.extension_columns:
        name, example = EXTENSION_EXAMPLE
        names.append(name)
        rows = [{**row, name: example} for row in rows]
    written = io.StringIO()
    dialect = field_map.dialect.csv
    writer = csv.writer(
        written,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote_char,
        quoting=csv.QUOTE_ALL,
        lineterminator="\n",
    )
    writer.writerow(names)
    writer.writerows([row.get(name, "") for name in names] for row in rows)
    return written.getvalue()


def sample_rows(field_map: FieldMap, catalog: Catalog) -> list[Row]:
    """Make rows by column name: the examples, then what other feeds' examples refer to."""
    rows = [{column.name: _example(column) for column in field_map.columns}]
    key = field_map.table_schema.primary_key
    seen = {tuple(rows[0][name] for name in key)}
    # What is not required stays blank in the further rows, as senders may leave it.
    required = {
        column.name: _example(column) for column in field_map.columns if column.constraints.required
    }
    for referred in _referred(field_map, catalog):
        values = tuple(referred[name] for name in key)
        if values not in seen and "" not in values:
            seen.add(values)
            rows.append(required | referred)
    return rows


def _referred(field_map: FieldMap, catalog: Catalog) -> Iterable[Row]:
    """Yield the keys that foreign keys of any feed point to, filled from the examples there."""
    for other in catalog:
        for foreign_key in other.table_schema.foreign_keys:
            if (foreign_key.reference.resource or other.name) == field_map.name:
                columns = {column.name: column for column in other.columns}
                pairs = zip(foreign_key.reference.fields, foreign_key.fields, strict=True)
                examples = {theirs: _example(columns[ours]) for theirs, ours in pairs}
                yield examples | dict(foreign_key.alumniq.where)


def _example(column: Column) -> str:
    return "" if column.example is None else format_value(column.example, column)
