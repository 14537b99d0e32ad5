"""Accepted rows as a load passes them to a warehouse, created in one line."""

from pathlib import Path
from uuid import uuid4

import duckdb

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.warehouse import AcceptedRows

NO_GAPS = "create table _gaps (place bigint, left_out bigint)"
"""No row of the file was left out."""


def small_field_map(feed: str) -> FieldMap:
    """Return the field map of a feed with a key and one more column."""
    return FieldMap.model_validate(
        {
            "name": feed,
            "path": f"{feed}.csv",
            "title": feed,
            "description": "For tests.",
            "schema": {
                "fields": [{"name": "xid"}, {"name": "batch", "type": "integer"}],
                "primaryKey": ["xid"],
            },
            "alumniq": {"job": feed},
        }
    )


def accepted_rows(scratch: Path, query: str, *, rows: int | None = None) -> AcceptedRows:
    """Stage the rows of a query; `rows` is the number to announce if it should be wrong."""
    database = scratch / f"{uuid4().hex}.duckdb"
    with duckdb.connect(database) as connection:
        connection.execute(f"create table accepted as {query}")
        connection.execute(NO_GAPS)
        described = connection.table("accepted")
        columns, found = tuple(described.columns), described.shape[0]
    return AcceptedRows(
        database=database,
        table="accepted",
        columns=columns,
        rows=found if rows is None else rows,
        sha256=uuid4().hex,
        etag=uuid4().hex,
    )


def batch(scratch: Path, number: int, *, count: int = 1_000) -> AcceptedRows:
    """Stage rows that all have the same number; there are `count` plus that number of them."""
    columns = f"lpad(i::varchar, 9, '0') as xid, {number}::bigint as batch"
    return accepted_rows(scratch, f"select {columns} from range({count + number}) t(i)")
