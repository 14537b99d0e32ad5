"""The gateway for tests, in the process of the test or in a process of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.settings import Settings
from tests.strict_catalog import read_catalog
from webhook_gateway.app import create_app

NOW = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
"""The time of the clock of a gateway in the process of the test."""

WEBHOOK = "/api/v1/index.cfm/webhook/warehouse"
DAYS = "x-api-key-days-remaining"


@dataclass(frozen=True)
class Installation:
    """What a gateway depends on, with helpers to fill it."""

    settings: Settings
    ledger: Ledger
    buckets: FolderBuckets

    def customer(self, name: str = "iqu", now: datetime = NOW) -> "Caller":
        """Create a customer with a bucket and a QA key."""
        self.ledger.customers.add(Customer(name, name.upper(), f"{name}-feeds"), now)
        self.buckets.create(f"{name}-feeds")
        return self.caller(name, Environment.QA, now)

    def caller(self, name: str, environment: Environment, now: datetime = NOW) -> "Caller":
        """Create another key of a customer."""
        key, _ = self.ledger.keys.issue(name, environment, now)
        return Caller(self, name, environment, key)

    def loads(self) -> list[Load]:
        """List the accepted loads, newest first."""
        return list(self.ledger.loads.find(limit=1_000))


@dataclass(frozen=True)
class Caller:
    """A customer's integration staff, with one key."""

    installation: Installation
    name: str
    environment: Environment
    key: str

    def deliver(
        self,
        filename: str,
        content: bytes = b"xid\r\n1\r\n",
        *,
        modified_at: datetime | None = None,
    ) -> None:
        """Write a file to the customer's bucket."""
        bucket = self.installation.buckets.open(f"{self.name}-feeds")
        path = bucket.root / f"{self.environment}/warehouse/{filename}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if modified_at is not None:
            os.utime(path, (modified_at.timestamp(), modified_at.timestamp()))


def call(client: TestClient, caller: Caller, path: str = WEBHOOK, **options: Any) -> Any:
    """Send a call as documented, by default one that is accepted."""
    body = {"apiKey": caller.key, "filename": "warehouse.csv"} | options
    return client.post(path, json=body)


def errors(response: Any) -> list[str]:
    """Check that a refusal has the documented format and return its errors."""
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert list(body) == ["errors"]
    assert body["errors"]
    assert all(isinstance(error, str) and error for error in body["errors"])
    messages: list[str] = body["errors"]
    return messages


@pytest.fixture(scope="session")
def migrated_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate a SQLite file to copy for each test."""
    path = tmp_path_factory.mktemp("gateway") / "ledger.db"
    ledger = Ledger.open(f"sqlite:///{path}")
    ledger.migrate()
    ledger.close()
    return path


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """Read the field maps of the repository."""
    return read_catalog(Settings().schemas_dir)


@contextmanager
def create_installation(folder: Path, migrated_ledger: Path) -> Iterator[Installation]:
    """Create the data folder of a new installation."""
    settings = Settings(data_dir=folder / "var", gateway_port=_free_port())
    settings.buckets_dir.mkdir(parents=True)
    shutil.copy(migrated_ledger, settings.home / "ledger.db")
    ledger = Ledger.open(settings.ledger)
    yield Installation(settings, ledger, FolderBuckets(settings.buckets_dir))
    ledger.close()


@pytest.fixture
def installation(tmp_path: Path, migrated_ledger: Path) -> Iterator[Installation]:
    """Create the data folder of an installation for one test."""
    with create_installation(tmp_path, migrated_ledger) as installation:
        yield installation


@pytest.fixture
def caller(installation: Installation) -> Caller:
    """Create the customer of most tests, with a file in its bucket."""
    caller = installation.customer()
    caller.deliver("warehouse.csv")
    return caller


@pytest.fixture
def client(installation: Installation, catalog: Catalog) -> Iterator[TestClient]:
    """Return a client of a gateway in this process; unexpected errors give a response."""
    app = create_app(
        installation.settings,
        ledger=installation.ledger,
        buckets=installation.buckets,
        catalog=catalog,
        clock=lambda: NOW,
    )
    with TestClient(app, raise_server_exceptions=False, client=("127.0.0.1", 50_000)) as client:
        yield client


@dataclass(frozen=True)
class GatewayProcess:
    """A gateway in a process of its own."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self, seconds: float = 30) -> int:
        """Stop the gateway and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


@pytest.fixture
def gateway(installation: Installation) -> Iterator[GatewayProcess]:
    """Serve the test's installation."""
    with serve_installation(installation) as gateway:
        yield gateway


@contextmanager
def serve_installation(installation: Installation, **variables: str) -> Iterator[GatewayProcess]:
    """Serve an installation from a real uvicorn on a free port."""
    settings = installation.settings
    log = settings.home / "gateway.log"
    environment = {
        **os.environ,
        "ALUMNIQ_DATA_DIR": str(settings.data_dir),
        "ALUMNIQ_GATEWAY_PORT": str(settings.gateway_port),
        **variables,
    }
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "webhook_gateway"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        gateway = GatewayProcess(settings.gateway_url, process, log)
        try:
            _wait_until_live(gateway)
            yield gateway
        finally:
            process.kill()


def _wait_until_live(gateway: GatewayProcess, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and gateway.process.poll() is None:
        try:
            httpx.get(f"{gateway.url}/livez", trust_env=False).raise_for_status()
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        return
    pytest.fail(f"the gateway does not respond:\n{gateway.log.read_text()}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
