"""How ticks, pages and storage fare with 2,000 customers, 1,000,000 past loads and 14,000 waiting.

Each tick of a sensor is timed with work and idle, on SQLite and on PostgreSQL, beside 20,000 past
runs in Dagster's own SQLite storage. Ticks wait for work; that waiting is left out. Writes the
tables of docs/scale.md, and exits with 1 if a tick takes longer than 2 seconds, or a page longer
than 300 ms.

    python -m benchmarks.scale [--customers 2000] [--past 1000000] [--rounds 3]
        [--engines sqlite postgresql]
"""

import argparse
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import dagster as dg
from dagster import DagsterRunStatus
from sqlalchemy import update

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.tables import watches
from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.defs.partitions import missing_partitions
from alumniq_pipelines.defs.sensors import polling
from alumniq_pipelines.defs.sensors.reconciler import RunReconciler
from alumniq_pipelines.files.private_files import private_umask
from alumniq_pipelines.services.load_actions import cancel
from alumniq_pipelines.settings import REPOSITORY, Settings
from alumniq_pipelines.wiring import open_buckets, read_schemas
from benchmarks.growth import Growth, measure_growth
from benchmarks.queue_bench import Bench, Measurement, ms
from benchmarks.queue_rows import Installation, add_runs, fill
from tests.servers.postgres import run_server

PAST_RUNS = 20_000
STOPPING = 50
BUDGET_SECONDS = 2.0
EXCEPTION = "most deliveries are missed: first tick"
"""Looks into 2,000 buckets, once: it has a limit of its own, EXAMINE_SECONDS."""
OUTSTANDING = (12, 100)
"""The default of `max_outstanding`, and a limit for many workers."""
HOUR = timedelta(hours=1)
PAGE = REPOSITORY / "docs" / "scale.md"
START, START_OF_GROWTH = "<!-- measured -->", "<!-- growth -->"
END = "<!-- end -->"


def time_requests(bench: Bench, limit: int) -> None:
    """Time the request sensor and its parts."""
    queue, feeds = bench.ledger.queue, bench.catalog.feeds

    def next_loads() -> Sequence[Load]:
        return queue.next_loads(feeds, limit, datetime.now(UTC))

    def request_all() -> None:
        for load in chosen:
            queue.request(load, datetime.now(UTC))

    bench.reset()
    chosen = next_loads()
    situation = f"{limit} of {bench.waiting:,} are next"
    bench.measure("queue: next loads", situation, next_loads)
    bench.measure("queue: request them", situation, request_all, bench.reset)
    targets = [load.target for load in chosen]
    bench.measure(
        "queue: missing partitions",
        situation,
        lambda: missing_partitions(targets, bench.catalog, bench.instance),
    )
    bench.measure("load_requests", situation, partial(bench.tick, "load_requests"), bench.reset)
    bench.reset(next_attempt_at=datetime.now(UTC) + HOUR)
    tick = partial(bench.tick, "load_requests")
    bench.measure("load_requests", f"{bench.waiting:,} wait for a later try", tick)
    bench.reset()
    bench.request(limit, DagsterRunStatus.QUEUED)
    bench.measure("load_requests", f"{limit} are outstanding: no room", tick)


def time_reconciling(bench: Bench, limit: int) -> None:
    """Time the reconcile sensor with outstanding loads."""

    def prepare(status: DagsterRunStatus, *, begun: bool) -> None:
        bench.reset()
        bench.request(limit, status, begun=begun)

    tick = partial(bench.tick, "reconcile")
    for status, begun, situation in (
        (DagsterRunStatus.STARTED, True, "at work"),
        (DagsterRunStatus.FAILURE, False, "failed to start"),
        (DagsterRunStatus.FAILURE, True, "lost their worker"),
    ):
        again = partial(prepare, status, begun=begun)
        bench.measure("reconcile", f"{limit} runs {situation}", tick, again)


def time_stopping(bench: Bench) -> None:
    """Time the part of the reconcile sensor that stops the runs of canceled loads."""

    def prepare() -> None:
        bench.reset()
        for load in bench.request(STOPPING, DagsterRunStatus.QUEUED):
            cancel(bench.ledger, load.job_id, "bench", datetime.now(UTC), gateway_url="")

    def mark() -> None:
        prepare()
        reconciler.stop_runs()

    reconciler = RunReconciler(bench.ledger, bench.instance, bench.settings)
    situation = f"{STOPPING} canceled loads"
    bench.measure(
        "reconcile: stop runs", f"{situation}, runs queued", reconciler.stop_runs, prepare
    )
    bench.measure("reconcile: stop runs", f"{situation}, runs over", reconciler.stop_runs, mark)


def time_monitoring(bench: Bench) -> None:
    """Time the monitoring sensor: calm, and when everything is late."""
    tick = partial(bench.tick, "silence")

    def set_late(hours: int) -> None:
        accepted_at = datetime.now(UTC) - hours * HOUR
        bench.reset(accepted_at=accepted_at)
        bench.request(12, DagsterRunStatus.STARTED, begun=True)

    def end_watching(since: timedelta) -> None:
        with bench.ledger.database.writing() as connection:
            now = datetime.now(UTC)
            connection.execute(update(watches).values(since=now - since, grace_seconds=60))

    count = f"{bench.waiting:,}"
    bench.reset()
    bench.measure("silence", f"{count} watches, {count} loads wait", tick)
    bench.reset(accepted_at=datetime.now(UTC) - HOUR)
    situation = f"{count} loads wait for an hour, none runs: first tick"
    bench.measure("silence", situation, tick, rounds=1)
    bench.measure("silence", "the same: next ticks", tick)
    set_late(5)
    situation = f"{count} loads wait for five hours: first tick"
    bench.measure("silence", situation, tick, rounds=1)
    bench.measure("silence", "the same: next ticks", tick)
    bench.reset()
    end_watching(timedelta(days=30))
    bench.measure("silence", EXCEPTION, tick, rounds=1)
    bench.measure("silence", "the same: next ticks", tick)


def time_others(bench: Bench) -> None:
    """Time the sensors that look for something to do in what is past."""
    bench.reset()
    for sensor in ("partitions", "holds", "notifications"):
        bench.measure(sensor, "idle", partial(bench.tick, sensor))


def time_idle(bench: Bench) -> None:
    """Time the sensors of the queue when nothing waits."""
    bench.reset(state=LoadState.FAILED, ended_at=datetime.now(UTC))
    for sensor in ("load_requests", "reconcile", "silence"):
        bench.measure(sensor, "idle: nothing waits", partial(bench.tick, sensor))


def measure(bench: Bench) -> None:
    """Time everything on one installation."""
    for limit in OUTSTANDING:
        bench.set_max_outstanding(limit)
        time_requests(bench, limit)
        time_reconciling(bench, limit)
    time_stopping(bench)
    time_others(bench)
    time_idle(bench)
    time_monitoring(bench)


@contextmanager
def open_bench(folder: Path, url: str, size: argparse.Namespace) -> Iterator[Bench]:
    """Write an installation into a folder, and its ledger into a database."""
    settings = Settings(
        data_dir=folder, ledger_url=url, max_outstanding=12, staff_email="ops@example.org"
    )
    settings.dagster_home.mkdir(parents=True)
    shutil.copy(REPOSITORY / "dagster.yaml", settings.dagster_home)
    ledger = Ledger.open(settings.ledger)
    ledger.migrate()
    catalog = read_schemas(settings).catalog
    made = Installation(
        catalog=catalog, customers=size.customers, past=size.past, now=datetime.now(UTC)
    )
    started = time.perf_counter()
    newest = fill(ledger, made)
    seconds = time.perf_counter() - started
    print(f"{size.past:,} past loads in {seconds:.0f} s")
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        started = time.perf_counter()
        add_runs(instance, made.targets, PAST_RUNS)
        for request in missing_partitions(made.targets, catalog, instance):
            instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
        seconds = time.perf_counter() - started
        print(f"{PAST_RUNS:,} past runs in {seconds:.0f} s")
        yield Bench(
            settings=settings,
            ledger=ledger,
            instance=instance,
            catalog=catalog,
            resources={"ledger": ledger, "notifiers": {}, "buckets": open_buckets(settings)},
            newest_past=newest,
            waiting=len(made.targets),
            rounds=size.rounds,
        )
    ledger.close()


@contextmanager
def server_url(engine: str) -> Iterator[str]:
    """Yield the URL of an empty PostgreSQL database, or nothing for SQLite's file."""
    if engine == "sqlite":
        yield ""
        return
    home = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        with run_server(home) as server:
            yield server.url(server.create())
    finally:
        shutil.rmtree(home)


def write_page(
    results: dict[str, list[Measurement]],
    growth: dict[str, list[Growth]],
    size: argparse.Namespace,
) -> None:
    """Put the tables into docs/scale.md, in place of those it had."""
    version = importlib.metadata.version
    made = (
        f"Measured on {datetime.now(UTC):%d %B %Y}: {os.cpu_count()} cores, load average "
        f"{os.getloadavg()[0]:.0f}; {size.customers:,} customers, {size.past:,} past loads, "
        f"{PAST_RUNS:,} past runs; Python {platform.python_version()}, Dagster "
        f"{version('dagster')}, SQLAlchemy {version('sqlalchemy')}."
    )
    head = " | ".join(f"{engine}, ms | CPU" for engine in results)
    ticks = [f"| tick or part | situation | {head} |", f"|---|---|{'---|---|' * len(results)}"]
    for row in zip(*results.values(), strict=True):
        cells = " | ".join(f"{ms(found.seconds)} | {ms(found.cpu)}" for found in row)
        ticks.append(f"| `{row[0].subject}` | {row[0].situation} | {cells} |")
    figures = [
        f"| what | before | {' | '.join(growth)} | limit |",
        f"|---|---|{'---|' * len(growth)}---|",
    ]
    for found in zip(*growth.values(), strict=True):
        cells = " | ".join(f"{figure.value:,.1f} {figure.unit}".strip() for figure in found)
        limit = "" if found[0].limit is None else f"{found[0].limit:,.0f} {found[0].unit}"
        figures.append(f"| {found[0].subject} | {found[0].before} | {cells} | {limit} |")
    put_into_page(START, [made, "", *ticks])
    put_into_page(START_OF_GROWTH, [made, "", *figures])


def put_into_page(start: str, lines: Sequence[str]) -> None:
    """Replace what is on the page between a mark and the next end."""
    before, rest = PAGE.read_text("utf-8").split(start)
    after = rest.split(END, 1)[1]
    body = "\n".join(lines)
    PAGE.write_text(f"{before}{start}\n{body}\n{END}{after}", "utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure on each engine, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--past", type=int, default=1_000_000)
    parser.add_argument("--customers", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engines", nargs="+", default=["sqlite", "postgresql"])
    options = parser.parse_args(arguments)
    polling.TICK_SECONDS = 0.0  # a tick without work ends at once
    results, growth = {}, {}
    for engine in options.engines:
        print(engine, flush=True)
        with (
            tempfile.TemporaryDirectory() as home,
            server_url(engine) as url,
            open_bench(Path(home) / "data", url, options) as bench,
        ):
            measure(bench)
            results[engine] = bench.found
            growth[engine] = measure_growth(bench)
    write_page(results, growth, options)
    slow = [
        f"{engine}: {found.subject}, {found.situation}"
        for engine, measurements in results.items()
        for found in measurements
        if found.seconds > BUDGET_SECONDS and found.situation != EXCEPTION
    ] + [
        f"{engine}: {figure.subject}, {figure.value:,.1f} {figure.unit}"
        for engine, figures in growth.items()
        for figure in figures
        if figure.limit is not None and figure.value > figure.limit
    ]
    print("\n".join(["Beyond its limit:", *slow]) if slow else "All within their limits.")
    return 1 if slow else 0


if __name__ == "__main__":
    with private_umask():
        sys.exit(main())
