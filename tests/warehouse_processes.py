"""Processes that publish to a warehouse and read from it until they are killed.

`python -m tests.warehouse_processes publish PLACE` publishes one version after another and prints
each number once it is live; the place is a folder, or the URL of a database. `... fresh PLACE` and
`... held PLACE` read, connecting anew each time or once, and print the number of each version seen.
A reader that finds anything but one whole version ends with an error.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Warehouse
from tests.accepted_rows import accepted_rows, small_field_map

ROOT = Path(__file__).resolve().parents[1]
MEMBERS = Target("iqu", Environment.QA, "members")
ROWS = 2_000

EVERYTHING_TWICE = """
    select
        (select min(batch::bigint) from members),
        (select max(batch::bigint) from members),
        (select count(*) from members),
        (select count(*) from members a join members b using (xid) where a.batch = b.batch)
"""


def publish_next(warehouse: Warehouse, scratch: Path) -> int:
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
        job_id=JobId(f"job-{number}"),
        now=datetime.now(UTC),
    )
    return number


def whole_version(found: tuple[object, ...]) -> int:
    """Return the number of the one version that a reader saw; raises ValueError on a mixture."""
    lowest, highest, count, joined = (int(str(value)) for value in found)
    if not (lowest == highest and count == joined == ROWS + lowest):
        message = f"Not one whole version: {found}"
        raise ValueError(message)
    return lowest


@contextmanager
def process(role: str, location: str) -> Iterator[subprocess.Popen[str]]:
    """Run one of these processes, and kill it at the end."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.warehouse_processes", role, location],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def first_line(running: subprocess.Popen[str]) -> str:
    """Wait until a process has done something."""
    assert running.stdout is not None
    line = running.stdout.readline()
    assert line, running.stderr and running.stderr.read()
    return line


def rest(running: subprocess.Popen[str]) -> list[int]:
    """Kill a process and return what it printed; fail if it has ended before."""
    assert running.poll() is None, running.stderr and running.stderr.read()
    running.kill()
    output, _ = running.communicate()
    return [int(line) for line in output.splitlines(keepends=True) if line.endswith("\n")]


def reader(location: str) -> Any:
    """Connect as readers do."""
    if location.startswith("postgresql"):
        url = location.replace("+psycopg", "")
        return psycopg.connect(url, autocommit=True, options="-c search_path=iqu_qa")
    return duckdb.connect(f"{location}/iqu/qa/catalog.duckdb", read_only=True)


def read(location: str, *, held: bool) -> None:
    """Read until killed."""
    shared = reader(location) if held else None
    while True:
        connection = shared or reader(location)
        rows = connection.execute(EVERYTHING_TWICE).fetchall()
        sys.stdout.write(f"{whole_version(rows[0])}\n")
        sys.stdout.flush()
        if shared is None:
            connection.close()


def open_store(location: str) -> Warehouse:
    """Open the warehouse at a location."""
    if location.startswith("postgresql"):
        return PostgresWarehouse(location, versions_kept=2)
    return DuckDBWarehouse(Path(location), versions_kept=2)


def publish(warehouse: Warehouse) -> None:
    """Publish until killed."""
    with tempfile.TemporaryDirectory() as scratch:
        while True:
            sys.stdout.write(f"{publish_next(warehouse, Path(scratch))}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "publish":
        publish(open_store(sys.argv[2]))
    else:
        read(sys.argv[2], held=sys.argv[1] == "held")
