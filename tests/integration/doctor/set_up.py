"""An installation at work, for what `alumniq doctor` finds: its settings, ledger and gateway."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
import uvicorn
from typer.testing import CliRunner

from alumniq_pipelines.adapters.ledger.heartbeats import RECONCILE
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.cli.main import app
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import Load, LoadRequest, new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import open_buckets
from webhook_gateway.app import open_app
from webhook_gateway.server import server_config

TARGET = Target("iqu", Environment.QA, "warehouse")
START_SECONDS = 30


@dataclass
class SetUp:
    """An installation; `environment` has its variables, and `home` is its data folder."""

    environment: pytest.MonkeyPatch
    home: Path
    secrets: list[str] = field(default_factory=list)
    gateway: uvicorn.Server | None = None

    def set(self, **variables: str) -> None:
        """Set settings, by their names in lower case; an empty one counts as not set."""
        for name, value in variables.items():
            self.environment.setenv(f"ALUMNIQ_{name.upper()}", value)

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """Open the ledger."""
        with closing(Ledger.open(Settings().ledger)) as ledger:
            yield ledger

    def prepare(self) -> None:
        """Add a customer with a bucket, and let the daemon have a heartbeat."""
        with self.ledger() as ledger:
            ledger.customers.add(Customer("iqu", "IQU", "iqu-feeds"), datetime.now(UTC))
        self.prepare_heartbeat()
        open_buckets(Settings()).create("iqu-feeds")

    def prepare_heartbeat(self) -> None:
        """Let the daemon have a heartbeat now, by the ledger's clock."""
        with self.ledger() as ledger:
            ledger.heartbeats.record(RECONCILE)

    def execute(self, statement: str, *values: object) -> None:
        """Change the ledger's database by hand."""
        with self.ledger() as ledger, ledger.database.writing() as connection:
            connection.exec_driver_sql(statement, tuple(values))

    def accept(self, at: datetime) -> Load:
        """Accept a load at a time."""
        request = LoadRequest(new_job_id(), TARGET, "warehouse.csv", "e1", 9, "ada@iqu.example")
        with self.ledger() as ledger:
            return ledger.loads.accept(request, at)

    def start_gateway(self) -> None:
        """Serve the gateway from a thread, and wait until it responds."""
        settings = Settings()
        self.gateway = uvicorn.Server(server_config(settings, open_app(settings)))
        threading.Thread(target=self.gateway.run, daemon=True).start()
        deadline = time.monotonic() + START_SECONDS
        while not self.gateway.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def stop_gateway(self) -> None:
        """Stop the gateway, and wait until its port is free."""
        if self.gateway is not None:
            self.gateway.should_exit = True
            deadline = time.monotonic() + START_SECONDS
            while self.gateway.servers and any(s.sockets for s in self.gateway.servers):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            self.gateway = None


def doctor(*options: str) -> tuple[int, Mapping[str, Any]]:
    """Run the command in this process; return its exit code and its checks by name."""
    result = CliRunner().invoke(app, ["doctor", "--json", *options])
    assert result.exit_code in {0, 1}, result.output
    return result.exit_code, {check["name"]: check for check in json.loads(result.stdout)["checks"]}


def failed(checks: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Return the checks with something to do, each with the codes of what it found."""
    return [
        (name, [finding["code"] for finding in check["findings"]])
        for name, check in checks.items()
        if check["state"] == "failed"
    ]


def advice(checks: Mapping[str, Any]) -> str:
    """Return what is said about the checks with something to do."""
    return " ".join(
        f"{finding['detail']} {finding['advice']}"
        for check in checks.values()
        if check["state"] == "failed"
        for finding in check["findings"]
    )


def s3_client(endpoint: str) -> Any:
    """Return a client of the S3 server."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
