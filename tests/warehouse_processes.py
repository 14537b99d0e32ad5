"""Processes that publish to a DuckDB warehouse and read from it without end, to be killed.

`python -m tests.warehouse_processes publish FOLDER` publishes one version after another and prints
each number once it is live. `... fresh FOLDER` and `... held FOLDER` read, opening the catalog anew
each time or once, and print the number of each version seen. A reader that finds anything but one
whole version ends with an error.
"""

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from alumniq_pipelines.adapters.warehouse.duckdb_warehouse import DuckDBWarehouse
from alumniq_pipelines.core.load import new_job_id
from alumniq_pipelines.core.target import Environment, Target
from tests.accepted_rows import accepted_rows, small_field_map

MEMBERS = Target("iqu", Environment.QA, "members")
ROWS = 2_000

EVERYTHING_TWICE = """
    select
        (select min(batch) from members),
        (select max(batch::bigint) from members),
        (select count(*) from members),
        (select count(*) from members a join members b using (xid) where a.batch = b.batch)
"""


def publish_next(warehouse: DuckDBWarehouse, scratch: Path) -> int:
    """Publish the version after the live one; each has other columns than the one before."""
    live = warehouse.live(MEMBERS)
    number = live.number + 1 if live else 1
    columns = (
        f"{number}::integer as batch, i::varchar as xid",
        f"i::varchar as xid, {number}::bigint as batch, 'more' as more",
        f"i::varchar as xid, '{number}' as batch",
    )
    rows = accepted_rows(scratch, f"select {columns[number % 3]} from range({ROWS + number}) t(i)")
    warehouse.publish(
        MEMBERS,
        small_field_map("members"),
        rows,
        number=number,
        job_id=new_job_id(),
        now=datetime.now(UTC),
    )
    return number


def whole_version(found: tuple[object, ...]) -> int:
    """Answer the number of the one version that a reader saw; raises ValueError on a mixture."""
    lowest, highest, count, joined = (int(str(each)) for each in found)
    if not (lowest == highest and count == joined == ROWS + lowest):
        message = f"Not one whole version: {found}"
        raise ValueError(message)
    return lowest


def read(catalog: Path, *, held: bool) -> None:
    """Read until killed."""
    kept = duckdb.connect(catalog, read_only=True) if held else None
    while True:
        connection = kept or duckdb.connect(catalog, read_only=True)
        rows = connection.execute(EVERYTHING_TWICE).fetchall()
        sys.stdout.write(f"{whole_version(rows[0])}\n")
        sys.stdout.flush()
        if kept is None:
            connection.close()


def publish(folder: Path) -> None:
    """Publish until killed."""
    warehouse = DuckDBWarehouse(folder, versions_kept=2)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        while True:
            sys.stdout.write(f"{publish_next(warehouse, Path(scratch))}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    role, place = sys.argv[1], Path(sys.argv[2])
    if role == "publish":
        publish(place)
    else:
        read(place / "iqu/qa/catalog.duckdb", held=role == "held")
