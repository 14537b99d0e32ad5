"""The system under test: `alumniq up` for several customers, and its processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.cli.home import exclusive_use
from alumniq_pipelines.core.feeds.field_map import Threshold
from alumniq_pipelines.core.loads.customer import Customer, Subscription
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.problems.setup import AlreadyUp
from alumniq_pipelines.settings import REPOSITORY, Settings
from tests.e2e.stack import free_port
from tests.servers.receiver import Receiver

NEVER_HELD = {kind: Threshold() for kind in ("added", "changed", "removed")}
"""Every file of the storm changes every row; holds are not what it tests."""

FEED = "warehouse-lookups"
CUSTOMERS = ("abc", "iqu", "xyz")

PARTS = {
    "gateway": "-m webhook_gateway",
    "code server": "dagster api grpc",
    "daemon": "dagster._daemon",
    "worker": "api execute_run",
}
"""What is killed, and how its command line is recognised; notifications are sent by a sensor in
the code server."""


@dataclass
class System:
    """A running installation, and what its customers need to use it."""

    settings: Settings
    ledger: Ledger
    receiver: Receiver
    keys: dict[Target, str]
    process: subprocess.Popen[bytes]

    @property
    def targets(self) -> list[Target]:
        """All targets that customers send files for."""
        return list(self.keys)

    def is_ready(self) -> bool:
        """Whether the gateway accepts loads."""
        try:
            response = httpx.get(f"{self.settings.gateway_url}/readyz", timeout=5)
        except httpx.HTTPError:
            return False
        return response.is_success

    def kill(self, part: str, choice: int) -> bool:
        """Kill one of the part's processes; return False if it has none at this time."""
        pids = self._pids(PARTS[part])
        if not pids:
            return False
        with suppress(ProcessLookupError):
            os.kill(pids[choice % len(pids)], signal.SIGKILL)
        return True

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

    def _pids(self, part: str) -> list[int]:
        """Find processes of this installation by their command line and data folder."""
        home = f"ALUMNIQ_DATA_DIR={self.settings.home}\0".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if part in command and home in (process / "environ").read_bytes():
                    found.append(int(process.name))
        return sorted(found)


@contextmanager
def running_system(folder: Path, receiver: Receiver, ledger_url: str = "") -> Iterator[System]:
    """Set up an installation in an empty folder and run it; all its processes end afterwards.

    Its ledger is SQLite, or an empty PostgreSQL database.
    """
    settings = Settings(
        data_dir=folder / "data",
        ledger_url=ledger_url,
        gateway_port=free_port(),
        dagster_port=free_port(),
        retry_seconds=2,
        callback_allowed_networks=("127.0.0.0/8",),
    )
    settings.home.mkdir(parents=True)
    ledger = Ledger.open(settings.ledger)
    keys = _customers(settings, ledger)
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", "from alumniq_pipelines.cli.main import app; app()", "up"],
            cwd=REPOSITORY,
            env=_environment(settings),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + 180
        while b"Everything is running" not in (folder / "up.log").read_bytes():
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError((folder / "up.log").read_text(errors="replace")[-6_000:])
            time.sleep(0.2)
        yield System(settings, ledger, receiver, keys, process)
    finally:
        process.kill()  # its guard ends whatever is left
        process.wait()
        ledger.close()


def _customers(settings: Settings, ledger: Ledger) -> dict[Target, str]:
    ledger.migrate()
    now = datetime.now(UTC)
    keys = {}
    for name in CUSTOMERS:
        ledger.customers.add(Customer(name, f"{name} University", f"alumniq-{name}"), now)
        FolderBuckets(settings.buckets_dir).create(f"alumniq-{name}")
        for environment in Environment:
            target = Target(name, environment, FEED)
            ledger.customers.subscribe(Subscription(target, thresholds=NEVER_HELD), now)
            keys[target], _ = ledger.keys.issue(name, environment, now)
    return keys


def _environment(settings: Settings) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ALUMNIQ_", "DAGSTER_", "PYTEST_", "PYTHONDONTWRITE", "COV"))
    }
    return inherited | {
        "ALUMNIQ_DATA_DIR": str(settings.home),
        "ALUMNIQ_LEDGER_URL": settings.ledger_url,
        "ALUMNIQ_GATEWAY_PORT": str(settings.gateway_port),
        "ALUMNIQ_DAGSTER_PORT": str(settings.dagster_port),
        "ALUMNIQ_RETRY_SECONDS": str(settings.retry_seconds),
        "ALUMNIQ_CALLBACK_ALLOWED_NETWORKS": '["127.0.0.0/8"]',
        "PYTHONPATH": str(REPOSITORY),
    }
