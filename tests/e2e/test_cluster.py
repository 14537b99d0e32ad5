"""The cluster profile: roles on hosts of their own, which share PostgreSQL, Redis and S3 alone."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from cryptography.fernet import Fernet

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import JobId, Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.settings import REPOSITORY
from benchmarks.process_tree import descendants
from tests.e2e.stack import free_port
from tests.servers.postgres import PostgresServer
from tests.servers.receiver import Receiver, serve
from tests.servers.redis import RedisServer, run_redis

ALUMNIQ = Path(sys.executable).with_name("alumniq")
FEED = "warehouse-lookups"
HEADER = '"list","code","description","sortOrder","isActive"\n'
START_SECONDS, LOAD_SECONDS = 240, 400

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


@dataclass
class Cluster:
    """Hosts, each with a data folder of its own, and what they share."""

    folder: Path
    environment: dict[str, str]
    ledger: Ledger
    redis: RedisServer
    receiver: Receiver
    s3_endpoint: str
    keys: dict[str, str]
    hosts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, host: str, roles: str) -> None:
        """Start some roles on a host, and wait until they are ready."""
        home = self.folder / host
        home.mkdir(exist_ok=True)
        log = home / "log"
        with log.open("ab") as output:
            self.hosts[host] = subprocess.Popen(
                [ALUMNIQ, "up", "--only", roles],
                cwd=REPOSITORY,
                env=self.environment | {"ALUMNIQ_DATA_DIR": str(home / "data")},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        until = time.monotonic() + START_SECONDS
        while b"Everything is running" not in log.read_bytes():
            running = self.hosts[host].poll() is None and time.monotonic() < until
            assert running, log.read_text(errors="replace")[-4_000:]
            time.sleep(0.2)

    def kill(self, host: str) -> None:
        """End a host as a power cut does: all of its processes at once, with nothing said."""
        process = self.hosts.pop(host)
        for pid in descendants(process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """Stop all hosts as their service managers do."""
        for process in self.hosts.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.hosts.values():
            process.wait(60)

    def send(self, customer: str, number: int, rows: int = 50) -> JobId:
        """Deliver a file with a row more for each number before it, and call the webhook."""
        units = range(rows + number)
        lines = "".join(f'"unit","{n}","Unit {n}","{n}","true"\n' for n in units)
        name = f"lookups-{number}.csv"
        s3_client(self.s3_endpoint).put_object(
            Bucket=f"{customer}-feeds",
            Key=f"qa/warehouse/{name}",
            Body=(HEADER + lines).encode(),
        )
        response = httpx.post(
            f"http://127.0.0.1:{self.environment['ALUMNIQ_GATEWAY_PORT']}/api/v1/index.cfm/webhook/{FEED}",
            json={
                "apiKey": self.keys[customer],
                "filename": name,
                "notifyWebhook": f"{self.receiver.url}/{customer}/{number}",
            },
            timeout=60,
        )
        return JobId(response.raise_for_status().json()["jobId"])

    def wait_for(self, job_ids: list[JobId], seconds: float = LOAD_SECONDS) -> list[Load]:
        """Wait until all loads have ended."""
        until = time.monotonic() + seconds
        while True:
            loads = [load for job_id in job_ids if (load := self.ledger.loads.get(job_id))]
            if all(load.is_final for load in loads):
                return loads
            assert time.monotonic() < until, {load.job_id: load.state for load in loads}
            time.sleep(0.5)


def s3_client(endpoint: str) -> Any:
    """Return a client of the S3 server."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )


def environment_of_all(ledger: str, warehouse: str, s3_endpoint: str, redis: str) -> dict[str, str]:
    """Return the settings that all hosts share."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ALUMNIQ_", "DAGSTER_", "PYTEST_", "COV"))
    }
    return inherited | {
        "ALUMNIQ_LEDGER_URL": ledger,
        "ALUMNIQ_WAREHOUSE": "postgres",
        "ALUMNIQ_WAREHOUSE_URL": warehouse,
        "ALUMNIQ_BUCKET": "s3",
        "ALUMNIQ_S3_ENDPOINT_URL": s3_endpoint,
        "ALUMNIQ_S3_ACCESS_KEY_ID": "key",
        "ALUMNIQ_S3_SECRET_ACCESS_KEY": "secret",
        "ALUMNIQ_ARCHIVE_BUCKET": "cluster-archive",
        "ALUMNIQ_COMPUTE_LOGS_BUCKET": "cluster-logs",
        "ALUMNIQ_SIGNING_KEY": "5a" * 32,
        "ALUMNIQ_ENCRYPTION_KEY": Fernet.generate_key().decode(),
        "ALUMNIQ_LAUNCHER": "celery",
        "ALUMNIQ_CELERY_BROKER_URL": redis,
        "ALUMNIQ_CODE_SERVER": f"127.0.0.1:{free_port()}",
        "ALUMNIQ_GATEWAY_PORT": str(free_port()),
        "ALUMNIQ_WORKER_PROCESSES": "1",
        "ALUMNIQ_RETRY_SECONDS": "2",
        "ALUMNIQ_CALLBACK_ALLOWED_NETWORKS": '["127.0.0.0/8"]',
        "ALUMNIQ_CALLS_PER_MINUTE": "0",
        "ALUMNIQ_ADDRESS_CALLS_PER_MINUTE": "0",
    }


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer, s3_endpoint: str
) -> Iterator[Cluster]:
    """Two customers; a gateway, Dagster's programs and two hosts of workers."""
    folder = tmp_path_factory.mktemp("cluster")
    ledger_name, warehouse_name = postgres_server.create(), postgres_server.create()
    ledger_url, warehouse_url = map(postgres_server.url, (ledger_name, warehouse_name))
    with ExitStack() as stack:
        redis = stack.enter_context(run_redis())
        receiver = stack.enter_context(serve())
        environment = environment_of_all(ledger_url, warehouse_url, s3_endpoint, redis.url)
        for bucket in ("cluster-archive", "cluster-logs", "iqu-feeds", "ocu-feeds"):
            s3_client(s3_endpoint).create_bucket(Bucket=bucket)
        operator = environment | {"ALUMNIQ_DATA_DIR": str(folder / "operator" / "data")}
        subprocess.run([ALUMNIQ, "migrate"], env=operator, check=True, cwd=REPOSITORY)
        ledger = stack.enter_context(closing(Ledger.open(ledger_url)))
        keys = {}
        for customer in ("iqu", "ocu"):
            now = datetime.now(UTC)
            ledger.customers.add(Customer(customer, customer.upper(), f"{customer}-feeds"), now)
            keys[customer], _ = ledger.keys.issue(customer, Environment.QA, now)
        made = Cluster(folder, environment, ledger, redis, receiver, s3_endpoint, keys)
        stack.callback(made.stop)
        made.start("gateway-1", "gateway")
        made.start("dagster", "code,daemon")
        made.start("worker-1", "worker")
        made.start("worker-2", "worker")
        yield made
    for name in (ledger_name, warehouse_name):
        postgres_server.drop(name)


def test_loads_of_two_customers_are_carried_out_by_workers_on_other_hosts(cluster: Cluster) -> None:
    sent = [cluster.send(customer, n) for n in range(3) for customer in ("iqu", "ocu")]
    loads = cluster.wait_for(sent)
    assert {load.state for load in loads} == {LoadState.SUCCEEDED}
    notified = Counter(request.path for request in cluster.receiver.wait_for(len(sent)))
    assert notified == Counter(f"/{customer}/{n}" for n in range(3) for customer in ("iqu", "ocu"))


def test_a_host_that_vanishes_in_mid_load_loses_nothing(cluster: Cluster) -> None:
    """Its load is tried again elsewhere, and ends once."""
    sent = [cluster.send(customer, 10, rows=1_500_000) for customer in ("iqu", "ocu")]
    until = time.monotonic() + LOAD_SECONDS
    while not all(cluster.ledger.attempts.of(job_id) for job_id in sent):
        assert time.monotonic() < until
        time.sleep(0.1)
    cluster.kill("worker-1")
    loads = cluster.wait_for(sent)
    assert {load.state for load in loads} == {LoadState.SUCCEEDED}
    results = [
        [attempt.result for attempt in cluster.ledger.attempts.of(job_id)] for job_id in sent
    ]
    published = AttemptResult.PUBLISHED
    assert sorted(results, key=len) == [[published], [AttemptResult.LOST, published]]
