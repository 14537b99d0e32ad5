"""The yardstick of the whole system: a bare Dagster project that loads files and calls back.

Requests are rows of an SQLite table, a file becomes a DuckDB file, and a run status sensor calls
the caller back. It checks nothing, keeps no order, and forgets a callback that fails.

    dagster dev -m benchmarks.e2e_yardstick        with BARE_HOME set to an empty folder
"""

import os
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import duckdb

TABLES = 40
PARTITIONS = dg.StaticPartitionsDefinition([f"t{number:02}" for number in range(TABLES)])


def home_folder() -> Path:
    """Return the folder of the requests and of the loaded tables."""
    return Path(os.environ["BARE_HOME"])


def open_queue(home: Path) -> sqlite3.Connection:
    """Open the table of requests; creates it if there is none."""
    connection = sqlite3.connect(home / "requests.db", isolation_level=None, timeout=30)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    connection.execute(
        "create table if not exists request (id integer primary key, partition text, file text,"
        " callback text, requested integer not null default 0)"
    )
    return connection


@dg.asset(partitions_def=PARTITIONS)
def table(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Load the file of the run into the partition's DuckDB file."""
    home = home_folder()
    database = home / f"{context.partition_key}-{context.run.run_id}.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "create table loaded as select * from read_csv($file, all_varchar = true)",
            {"file": context.run.tags["bare/file"]},
        )
    database.replace(home / f"{context.partition_key}.duckdb")
    return dg.MaterializeResult()


load_table = dg.define_asset_job("load_table", selection=[table])


@dg.sensor(
    job=load_table, minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING
)
def requests() -> Iterator[dg.RunRequest]:
    """Request a run for every new row."""
    with closing(open_queue(home_folder())) as queue:
        rows = queue.execute(
            "select id, partition, file, callback from request where not requested order by id"
        ).fetchall()
        for number, partition, file, callback in rows:
            tags = {"bare/file": file, "bare/callback": callback, "bare/table": partition}
            yield dg.RunRequest(run_key=str(number), partition_key=partition, tags=tags)
        queue.executemany(
            "update request set requested = 1 where id = ?", [(number,) for number, *_ in rows]
        )


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    minimum_interval_seconds=1,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def callback(context: dg.RunStatusSensorContext) -> None:
    """Call the caller back."""
    url = context.dagster_run.tags["bare/callback"]
    request = urllib.request.Request(url, data=b'{"status": "SUCCESS"}')  # noqa: S310 - from us
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - from us
        response.read()


defs = dg.Definitions(
    assets=[table],
    jobs=[load_table],
    sensors=[requests, callback],
    executor=dg.in_process_executor,
)
