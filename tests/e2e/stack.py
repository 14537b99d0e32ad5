"""The whole system as processes: a real gateway, a real Dagster daemon with its code server."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import httpx
from dagster import DagsterEventType

from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.customer import Customer, Subscription
from alumniq_pipelines.core.loads.load import JobId, Load
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.settings import REPOSITORY, Settings
from tests.servers.receiver import Receiver, serve

FEED = "warehouse-lookups"
CUSTOMER = "iqu"

Found = TypeVar("Found")


@dataclass
class Stack:
    """The installation under test: its processes, and what its staff and its customer can see."""

    settings: Settings
    environment: dict[str, str]
    receiver: Receiver
    ledger: Ledger
    key: str
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    # Processes

    def start_gateway(self) -> None:
        """Start the gateway and wait until it is ready."""
        self.start("gateway", "-c", "from webhook_gateway.server import main; main()")
        self.wait_for("the gateway to be ready", self._is_ready, seconds=60)

    def start_daemon(self) -> None:
        """Start the daemon and wait until its sensors tick."""
        before = datetime.now(UTC).timestamp()
        workspace = str(REPOSITORY / "workspace.yaml")
        self.start("daemon", "-m", "dagster._daemon", "run", "-w", workspace)
        self.wait_for("the sensors to tick", lambda: self._ticked_since(before), seconds=60)

    def kill(self, name: str) -> None:
        """Kill a process and everything it started, as a power cut does."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """Stop everything, gracefully at first."""
        for process in self.processes.values():
            os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def start(self, name: str, *arguments: str) -> None:
        """Start a Python program in a process group of its own, with a log file."""
        with self.log_of(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=REPOSITORY,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def log_of(self, name: str) -> Path:
        """Return the file that a process writes its log to."""
        return self.settings.home / f"{name}.log"

    # The customer's side

    @property
    def folder(self) -> Path:
        """The customer's bucket."""
        return self.settings.buckets_dir / CUSTOMER

    def put(self, filename: str, content: str) -> None:
        """Deliver a file to QA."""
        (self.folder / "qa" / "warehouse" / filename).write_text(content, encoding="utf-8")

    def post(self, filename: str, feed: str = FEED, **options: object) -> JobId:
        """Call the webhook, with a callback URL whose path is the load's own."""
        response = httpx.post(
            f"{self.settings.gateway_url}/api/v1/index.cfm/webhook/{feed}",
            json={
                "apiKey": self.key,
                "filename": filename,
                "notifyEmail": "crm@example.edu",
                "notifyWebhook": f"{self.receiver.url}/{filename}",
                **options,
            },
            timeout=30,
        )
        assert response.status_code == 200, response.text
        return JobId(response.json()["jobId"])

    def cancel(self, job_id: JobId) -> None:
        """Cancel a queued load, as its customer does."""
        response = httpx.post(
            f"{self.settings.gateway_url}/api/v1/loads/{job_id}/cancel",
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=30,
        )
        assert response.status_code == 200, response.text

    def callbacks(self, job_id: JobId) -> list[dict[str, Any]]:
        """List the callbacks that arrived for a load."""
        bodies = [json.loads(callback.body) for callback in list(self.receiver.received)]
        return [body for body in bodies if body["jobId"] == job_id]

    def wait_for_callback(self, job_id: JobId, seconds: float = 60) -> dict[str, Any]:
        """Wait for the callback of a load."""
        what = f"the callback of {job_id}"
        return self.wait_for(what, lambda: self.callbacks(job_id), seconds=seconds)[0]

    def mails(self, job_id: JobId) -> list[str]:
        """List the subjects of the mails about a load."""
        paths = self.settings.mail_dir.glob(f"*{job_id}*.eml")
        messages = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]
        return [str(message["Subject"]) for message in messages]

    # The staff's side

    def load(self, job_id: JobId) -> Load:
        """Return a load from the ledger."""
        found = self.ledger.loads.get(job_id)
        assert found, job_id
        return found

    def worker_of(self, job_id: JobId) -> int:
        """Wait until an attempt at the load has begun, and return its process id."""
        load = self.wait_for(
            f"an attempt at {job_id}",
            lambda: found if (found := self.load(job_id)).run_id else None,
        )
        with self.instance() as instance:
            events = instance.all_logs(load.run_id or "", of_type=DagsterEventType.ENGINE_EVENT)
            pids = [re.search(r"Started process for run \(pid: (\d+)\)", e.message) for e in events]
        return next(int(pid.group(1)) for pid in pids if pid)

    def rows(self) -> int:
        """Count the rows of the live version."""
        from alumniq_pipelines.warehouse_wiring import open_warehouse  # noqa: PLC0415 - DuckDB waits

        _, [[count]] = open_warehouse(self.settings).query(
            CUSTOMER, "qa", "select count(*) from warehouse_lookups"
        )
        assert isinstance(count, int)
        return count

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """Open Dagster's records."""
        with dg.DagsterInstance.from_config(self.environment["DAGSTER_HOME"]) as opened:
            yield opened

    def wait_for(
        self, what: str, condition: Callable[[], Found | None], *, seconds: float = 60
    ) -> Found:
        """Poll until something is found; fail with the ends of all logs when time is up."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = condition()
            if found:
                return found
            time.sleep(0.1)
        logs = "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-6_000:]}"
            for path in sorted(self.settings.home.glob("*.log"))
        )
        message = f"Waited {seconds:g} seconds for {what}.\n{logs}"
        raise AssertionError(message)

    def _is_ready(self) -> bool:
        try:
            response = httpx.get(f"{self.settings.gateway_url}/readyz", timeout=5)
        except httpx.TransportError:
            return False
        return response.status_code == 200

    def _ticked_since(self, since: float) -> bool:
        with self.instance() as instance:
            states = instance.all_instigator_state()
        data = [state.instigator_data for state in states if state.name == "load_requests"]
        return any(
            (getattr(instigator, "last_tick_timestamp", 0) or 0) > since for instigator in data
        )


@contextmanager
def running_stack(folder: Path, schemas: Path = REPOSITORY / "schemas") -> Iterator[Stack]:
    """Set up an installation in an empty folder, start it, and stop it at the end."""
    with serve() as receiver:
        settings = Settings(
            data_dir=folder,
            schemas_dir=schemas,
            gateway_port=free_port(),
            retry_seconds=2,
            monitor_seconds=5,
            staff_email="ops@example.org",
        )
        ledger = Ledger.open(settings.ledger)
        key = _customer(settings, ledger)
        stack = Stack(settings, _environment(settings), receiver, ledger, key)
        try:
            stack.start_gateway()
            stack.start_daemon()
            yield stack
        finally:
            stack.stop()
            ledger.close()


def _customer(settings: Settings, ledger: Ledger) -> str:
    ledger.migrate()
    now = datetime.now(UTC)
    ledger.customers.add(Customer(CUSTOMER, "Inter-Quad University", CUSTOMER), now)
    ledger.customers.subscribe(Subscription(Target(CUSTOMER, Environment.QA, FEED)), now)
    FolderBuckets(settings.buckets_dir).create(CUSTOMER)
    key, _ = ledger.keys.issue(CUSTOMER, Environment.QA, now)
    return key


def _environment(settings: Settings) -> dict[str, str]:
    home = settings.home / "dagster"
    home.mkdir()
    shutil.copy(REPOSITORY / "dagster.yaml", home)
    # Two processes that find no storage would both create it, and Dagster could not open it again.
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert not instance.all_instigator_state()
    own = {
        "ALUMNIQ_DATA_DIR": str(settings.home),
        "ALUMNIQ_SCHEMAS_DIR": str(settings.schemas_dir),
        "ALUMNIQ_STAFF_EMAIL": settings.staff_email,
        "ALUMNIQ_GATEWAY_PORT": str(settings.gateway_port),
        "ALUMNIQ_RETRY_SECONDS": str(settings.retry_seconds),
        "ALUMNIQ_MONITOR_SECONDS": str(settings.monitor_seconds),
        "ALUMNIQ_CALLBACK_ALLOWED_NETWORKS": '["127.0.0.0/8"]',
        "DAGSTER_HOME": str(home),
    }
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ALUMNIQ_", "DAGSTER_", "PYTEST_", "PYTHONDONTWRITE"))
    }
    return inherited | own


def free_port() -> int:
    """Return a port that no process listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
