"""The two systems that are compared end to end: ours by `alumniq up`, and the bare project.

Both have 40 tables, the same `dagster.yaml` and a receiver for their callbacks.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.feeds.field_map import Threshold
from alumniq_pipelines.core.loads.customer import Customer, Subscription
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.settings import REPOSITORY, Settings
from benchmarks.e2e_yardstick import open_queue
from benchmarks.process_tree import commands, cpu_seconds
from tests.e2e.stack import free_port
from tests.servers.receiver import Receiver, serve

TABLES = 40
FEED = "warehouse-lookups"
ROWS = 200
START_SECONDS = 180
STOP_SECONDS = 60
LOAD_SECONDS = 900
NEVER_HELD = {kind: Threshold() for kind in ("added", "changed", "removed")}
"""Every file changes all rows of its table."""


class Unmeasurable(Exception):
    """The system did not do what was to be measured."""


@dataclass(frozen=True, kw_only=True)
class RunningSystem:
    """A system that takes loads; `submit` asks for one by its table, file and callback URL."""

    process: subprocess.Popen[bytes]
    receiver: Receiver
    dagster_home: Path
    folder: Path
    submit: Callable[[int, Path, str], None]

    def load(self, tables: Sequence[int]) -> float:
        """Submit a small file to each of the tables at once; return the seconds to all callbacks.

        Raises Unmeasurable if a callback is missing after 15 minutes, or reports a failure.
        """
        first = len(self.receiver.received)
        files = [self._write_file(first + index) for index in range(len(tables))]
        started = time.perf_counter()
        for table, file in zip(tables, files, strict=True):
            self.submit(table, file, f"{self.receiver.url}/{file.stem}")
        try:
            received = self.receiver.wait_for(first + len(files), LOAD_SECONDS)[first:]
        except AssertionError as error:
            raise Unmeasurable(error) from error
        seconds = time.perf_counter() - started
        outcomes = {call.path[1:]: json.loads(call.body)["status"] for call in received}
        if outcomes != {file.stem: "SUCCESS" for file in files}:
            raise Unmeasurable(outcomes)
        return seconds

    def cpu_seconds(self) -> float:
        """Return the processor time of all its processes so far, once no run's process is left."""
        until = time.monotonic() + STOP_SECONDS
        while self._has_workers() and time.monotonic() < until:
            time.sleep(0.1)
        return cpu_seconds(self.process.pid)

    def _has_workers(self) -> bool:
        # A code server starts runs by multiprocessing; ours forks them from a prepared process.
        lines = list(commands(self.process.pid))
        forked = sum("multiprocessing.forkserver" in line for line in lines)
        return forked > 1 or any("--multiprocessing-fork" in line for line in lines)

    def _write_file(self, number: int) -> Path:
        """Write a file whose rows differ from those of all other files."""
        path = self.folder / f"load-{number}.csv"
        lines = [
            f'"unit","{code:07}","Unit {code} of {number}","{code}","true"' for code in range(ROWS)
        ]
        header = '"list","code","description","sortOrder","isActive"'
        path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
        return path


@contextmanager
def our_system(folder: Path) -> Iterator[RunningSystem]:
    """Run ours on an empty folder, in the embedded profile, with a customer for each table."""
    settings = Settings(
        data_dir=folder / "data",
        gateway_port=free_port(),
        dagster_port=free_port(),
        callback_allowed_networks=("127.0.0.0/8",),
    )
    settings.home.mkdir(parents=True)
    keys = _add_customers(settings)
    environment = _environment(
        ALUMNIQ_DATA_DIR=f"{settings.home}",
        ALUMNIQ_GATEWAY_PORT=f"{settings.gateway_port}",
        ALUMNIQ_DAGSTER_PORT=f"{settings.dagster_port}",
        ALUMNIQ_CALLBACK_ALLOWED_NETWORKS='["127.0.0.0/8"]',
    )
    command = [sys.executable, "-c", "from alumniq_pipelines.cli.main import app; app()", "up"]
    url = f"{settings.gateway_url}/api/v1/index.cfm/webhook/{FEED}"
    client = httpx.Client(timeout=30)

    def submit(table: int, file: Path, callback: str) -> None:
        file.replace(settings.buckets_dir / _bucket(table) / "qa" / "warehouse" / file.name)
        call = {"apiKey": keys[table], "filename": file.name, "notifyWebhook": callback}
        client.post(url, json=call).raise_for_status()

    log = folder / "up.log"
    with client, serve() as receiver, _running(command, environment, log) as process:
        _wait_until(lambda: b"Everything is running" in log.read_bytes(), process, log)
        yield RunningSystem(
            process=process,
            receiver=receiver,
            dagster_home=settings.dagster_home,
            folder=folder,
            submit=submit,
        )


@contextmanager
def bare_project(folder: Path) -> Iterator[RunningSystem]:
    """Run the bare project on an empty folder, as `dagster dev` runs it."""
    home = folder / "dagster"
    home.mkdir()
    shutil.copy(REPOSITORY / "dagster.yaml", home)
    queue = open_queue(folder)
    port = free_port()
    command = [sys.executable, "-m", "dagster", "dev", "-m", "benchmarks.e2e_yardstick"]
    options = ["-h", "127.0.0.1", "-p", f"{port}", "--log-level", "warning"]
    environment = _environment(
        BARE_HOME=f"{folder}",
        DAGSTER_HOME=f"{home}",
        DAGSTER_RUN_STATUS_SENSOR_PROCESS_LIMIT="100",
    )

    def submit(table: int, file: Path, callback: str) -> None:
        row = (f"t{table:02}", str(file), callback)
        queue.execute("insert into request (partition, file, callback) values (?, ?, ?)", row)

    log = folder / "dev.log"
    with (
        closing(queue),
        serve() as receiver,
        _running([*command, *options], environment, log) as process,
    ):
        _wait_until(lambda: _serves(f"http://127.0.0.1:{port}/server_info"), process, log)
        yield RunningSystem(
            process=process, receiver=receiver, dagster_home=home, folder=folder, submit=submit
        )


def _add_customers(settings: Settings) -> Sequence[str]:
    """Add a customer for each table; return their API keys."""
    keys = []
    with closing(Ledger.open(settings.ledger)) as ledger:
        ledger.migrate()
        now = datetime.now(UTC)
        for table in range(TABLES):
            name = f"customer{table:02}"
            ledger.customers.add(Customer(name, name, _bucket(table)), now)
            FolderBuckets(settings.buckets_dir).create(_bucket(table))
            target = Target(name, Environment.QA, FEED)
            ledger.customers.subscribe(Subscription(target, thresholds=NEVER_HELD), now)
            keys.append(ledger.keys.issue(name, Environment.QA, now)[0])
    return keys


def _bucket(table: int) -> str:
    return f"alumniq-customer{table:02}"


def _environment(**own: str) -> Mapping[str, str]:
    """Return this process's environment without what belongs to another installation."""
    foreign = ("ALUMNIQ_", "DAGSTER_", "PYTHONDONTWRITE")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**inherited, "PYTHONPATH": str(REPOSITORY), **own}


@contextmanager
def _running(
    command: Sequence[str], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in a session of its own, and stop it as Ctrl-C does."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while not condition():
        if process.poll() is not None or time.monotonic() > until:
            raise Unmeasurable(log.read_text(errors="replace")[-6_000:])
        time.sleep(0.2)


def _serves(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.HTTPError:
        return False
