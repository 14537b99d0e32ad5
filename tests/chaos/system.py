"""The system under test: `alumniq up` for several customers, and what they need to use it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.cli.home import exclusive_use, migrate
from alumniq_pipelines.core.feeds.field_map import Threshold
from alumniq_pipelines.core.loads.customer import Customer, Subscription
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.problems.setup import AlreadyUp
from alumniq_pipelines.fault_points import POINTS, RECORDS, FaultPoint
from alumniq_pipelines.settings import REPOSITORY, Settings
from tests.chaos.dagster_api import DagsterApi
from tests.chaos.processes import Processes
from tests.chaos.sent_files import MAX_REJECTED
from tests.e2e.stack import free_port
from tests.servers.receiver import Receiver

FEED = "warehouse-lookups"
CUSTOMERS = ("abc", "iqu", "xyz")
HELD_CUSTOMER = "xyz"
"""Its loads are held if they remove many rows; every file of the storm changes every row."""
NEVER_HELD = {kind: Threshold() for kind in ("added", "changed", "removed")}
SOMETIMES_HELD = NEVER_HELD | {"removed": Threshold(percent=40)}

FAULT_PROBABILITY = 0.012
"""Of a crash at each fault point: about one attempt in six dies of one."""
COMMAND_SECONDS = 180
PROGRAM = "from alumniq_pipelines.cli.main import app; app()"


@dataclass
class System:
    """A running installation and its customers' keys."""

    settings: Settings
    ledger: Ledger
    receiver: Receiver
    keys: dict[Target, str]
    process: subprocess.Popen[bytes]
    environment: dict[str, str] = field(repr=False)
    fault_records: Path

    def __post_init__(self) -> None:
        """Find its processes and its Dagster."""
        self.processes = Processes(self.settings.home)
        self.dagster = DagsterApi(f"http://127.0.0.1:{self.settings.dagster_port}")

    @property
    def targets(self) -> list[Target]:
        """All targets that customers send files for."""
        return list(self.keys)

    def command(self, *arguments: str) -> bool:
        """Run an `alumniq` command as staff do; return whether it succeeded."""
        environment = {
            name: value for name, value in self.environment.items() if name not in {POINTS, RECORDS}
        }
        try:
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, *arguments],
                cwd=REPOSITORY,
                env=environment,
                capture_output=True,
                check=False,
                timeout=COMMAND_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def has_exited(self) -> bool:
        """Whether none of its processes is left: the last one holds the data folder's lock."""
        try:
            with exclusive_use(self.settings):
                return True
        except AlreadyUp:
            return False

    def stop(self) -> None:
        """Stop it as Ctrl-C does, and wait until it has exited."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)


@contextmanager
def running_system(
    folder: Path, receiver: Receiver, *, ledger_url: str = "", warehouse_url: str = ""
) -> Iterator[System]:
    """Set up an installation in an empty folder and run it; all its processes end afterwards.

    Its ledger and its warehouse are files, or empty PostgreSQL databases.
    """
    settings = Settings(
        data_dir=folder / "data",
        ledger_url=ledger_url,
        warehouse="postgres" if warehouse_url else "duckdb",
        warehouse_url=SecretStr(warehouse_url) if warehouse_url else None,
        gateway_port=free_port(),
        dagster_port=free_port(),
        retry_seconds=2,
        callback_allowed_networks=("127.0.0.0/8",),
        calls_per_minute=0,
        address_calls_per_minute=0,
    )
    settings.home.mkdir(parents=True)
    records = folder / "fault-points"
    records.mkdir()
    environment = _environment(settings, records)
    ledger = Ledger.open(settings.ledger)
    keys = _customers(settings, ledger)
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "up"],
            cwd=REPOSITORY,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait_until_running(process, folder / "up.log")
        yield System(settings, ledger, receiver, keys, process, environment, records)
    finally:
        process.kill()  # its guard ends whatever is left
        process.wait()
        ledger.close()


def _wait_until_running(process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 180
    while b"Everything is running" not in log.read_bytes():
        if process.poll() is not None or time.monotonic() > until:
            raise AssertionError(log.read_text(errors="replace")[-6_000:])
        time.sleep(0.2)


def _customers(settings: Settings, ledger: Ledger) -> dict[Target, str]:
    migrate(settings)
    now = datetime.now(UTC)
    keys = {}
    for name in CUSTOMERS:
        ledger.customers.add(Customer(name, f"{name} University", f"alumniq-{name}"), now)
        FolderBuckets(settings.buckets_dir).create(f"alumniq-{name}")
        thresholds = SOMETIMES_HELD if name == HELD_CUSTOMER else NEVER_HELD
        for environment in Environment:
            target = Target(name, environment, FEED)
            ledger.customers.subscribe(Subscription(target, MAX_REJECTED, thresholds), now)
            keys[target], _ = ledger.keys.issue(name, environment, now)
    return keys


def _environment(settings: Settings, records: Path) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ALUMNIQ_", "DAGSTER_", "PYTEST_", "PYTHONDONTWRITE", "COV"))
    }
    warehouse_url = settings.warehouse_url.get_secret_value() if settings.warehouse_url else ""
    return inherited | {
        "ALUMNIQ_DATA_DIR": str(settings.home),
        "ALUMNIQ_LEDGER_URL": settings.ledger_url,
        "ALUMNIQ_WAREHOUSE": settings.warehouse,
        "ALUMNIQ_WAREHOUSE_URL": warehouse_url,
        "ALUMNIQ_GATEWAY_PORT": str(settings.gateway_port),
        "ALUMNIQ_DAGSTER_PORT": str(settings.dagster_port),
        "ALUMNIQ_RETRY_SECONDS": str(settings.retry_seconds),
        "ALUMNIQ_CALLBACK_ALLOWED_NETWORKS": '["127.0.0.0/8"]',
        "ALUMNIQ_CALLS_PER_MINUTE": "0",
        "ALUMNIQ_ADDRESS_CALLS_PER_MINUTE": "0",
        "PYTHONPATH": str(REPOSITORY),
        POINTS: ",".join(f"{point}:{FAULT_PROBABILITY}" for point in FaultPoint),
        RECORDS: str(records),
    }
