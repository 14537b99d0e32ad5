"""How many small loads a minute: Dagster's default launcher against warm Celery workers.

The default launcher starts the runs in processes of the code server: with Dagster's own code server
in a new Python each, with ours in one that is forked from a prepared process. All on this machine,
with the same PostgreSQL, Redis and S3 server and the same limits, one after the other and never at
the same time; which one is first alternates. It needs a quiet machine.

    python -m benchmarks.e2e_cluster [--rounds 3] [--quick]
"""

import argparse
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

from moto.server import ThreadedMotoServer

from alumniq_pipelines.files.private_files import private_umask
from alumniq_pipelines.settings import REPOSITORY
from benchmarks.results import write_section
from tests.chaos.sent_files import SentFile
from tests.e2e.cluster import DAGSTER, Cluster, running_cluster

ROWS = 200
CUSTOMERS = [f"customer{number:02}" for number in range(20)]
"""With two tables each: no load waits for another one of its table."""
WORKERS = (2, 4)
MAX_RUNS = 8
DAGSTERS = "default launcher, Dagster's code server"
LAUNCHERS = {
    DAGSTERS: 0,
    "default launcher, our code server": 0,
    **{f"{count} Celery workers": count for count in WORKERS},
}
LOAD_SECONDS = 900

SECTION_TEMPLATE = """\
Loads a minute of {loads} small loads of {rows} rows at once, each of a table of its own: Dagster's
default launcher, with its own code server and with ours, beside Celery workers (processes) on the
same machine, with PostgreSQL, Redis and S3: medians of {rounds} rounds, {date}, on {cpus}
processors with a load average of {average} at the end. The budget is 3 times the first.

{table}
"""


def measure(cluster: Cluster, loads: int, warm: int) -> float:
    """Return the loads a minute, from the first request to the last callback, of a warm cluster."""
    _load(cluster, "warm", warm)
    seconds = _load(cluster, "load", loads)
    return loads / seconds * 60


def _load(cluster: Cluster, name: str, loads: int) -> float:
    """Deliver a file for each load, then ask for all loads; return the seconds until all ended."""
    targets = list(cluster.keys)
    files = [
        SentFile(targets[number % len(targets)], f"{name}-{number}.csv", ROWS, 0)
        for number in range(loads)
    ]
    for sent in files:
        cluster.upload(sent)
    before = len(cluster.receiver.received)
    started = time.perf_counter()
    for sent in files:
        cluster.call("gateway-1", sent)
    cluster.receiver.wait_for(before + loads, LOAD_SECONDS)
    return time.perf_counter() - started


def measure_round(number: int, loads: int) -> Mapping[str, float]:
    """Run the cluster once with each launcher."""
    figures = {}
    for name in list(LAUNCHERS)[:: 1 if number % 2 else -1]:
        workers, server = LAUNCHERS[name], ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        with (
            tempfile.TemporaryDirectory(prefix="e2e-cluster-") as folder,
            running_cluster(
                Path(folder),
                f"http://{host}:{port}",
                CUSTOMERS,
                ["worker"] if workers else [],
                "daemon" if name == DAGSTERS else "code,daemon",
                ALUMNIQ_LAUNCHER="celery" if workers else "local",
                ALUMNIQ_WORKER_PROCESSES=str(workers or 1),
                ALUMNIQ_MAX_CONCURRENT_RUNS=str(MAX_RUNS),
            ) as cluster,
            _code_server(cluster) if name == DAGSTERS else nullcontext(),
        ):
            figures[name] = measure(cluster, loads, warm=max(workers, 2))
        server.stop()
        print(f"round {number}, {name}: {figures[name]:.1f} loads a minute", flush=True)
    return figures


@contextmanager
def _code_server(cluster: Cluster) -> Iterator[None]:
    """Run Dagster's own code server."""
    environment = cluster.environment | {"ALUMNIQ_DATA_DIR": str(cluster.data_of(DAGSTER))}
    host, _, port = environment["ALUMNIQ_CODE_SERVER"].partition(":")
    server = [sys.executable, "-m", "dagster", "api", "grpc", "-h", host, "-p", port]
    location = ["-m", "alumniq_pipelines.definitions", "--location-name", "alumniq_pipelines"]
    with subprocess.Popen(
        [sys.executable, "-m", "alumniq_pipelines.cli.run_pod", *server, *location],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        yield
        process.terminate()


def format_table(rounds: Sequence[Mapping[str, float]]) -> str:
    """Return the medians, and the medians of the rounds' ratios, as a table."""
    lines = ["| | loads a minute | ratio |", "|---|---|---|"]
    base = next(iter(LAUNCHERS))
    for name in LAUNCHERS:
        median = statistics.median(figures[name] for figures in rounds)
        ratio = statistics.median(figures[name] / figures[base] for figures in rounds)
        lines.append(f"| {name} | {median:.0f} | {ratio:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure in rounds, print the table, and write it down unless it was quick."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.e2e_cluster")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one small round, to try it out")
    chosen = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request to S3
    loads, count = (4, 1) if chosen.quick else (2 * len(CUSTOMERS), chosen.rounds)
    table = format_table([measure_round(number, loads) for number in range(1, count + 1)])
    print(table)
    if not chosen.quick:
        section = SECTION_TEMPLATE.format(
            loads=loads,
            rows=ROWS,
            rounds=count,
            date=f"{datetime.now(UTC):%Y-%m-%d}",
            cpus=os.cpu_count(),
            average=" ".join(f"{average:.1f}" for average in os.getloadavg()),
            table=table,
        )
        write_section("Celery workers", section)


if __name__ == "__main__":
    with private_umask():
        main()
