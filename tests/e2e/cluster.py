"""The cluster profile: roles on hosts of their own, which share PostgreSQL, Redis and S3 alone."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import httpx
from cryptography.fernet import Fernet
from pydantic import SecretStr

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.feeds.field_map import Threshold
from alumniq_pipelines.core.loads.bucket import folder_of
from alumniq_pipelines.core.loads.customer import Customer, Subscription
from alumniq_pipelines.core.loads.load import JobId, Load
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.settings import REPOSITORY, Settings
from benchmarks.process_tree import descendants
from tests.chaos.sent_files import MAX_REJECTED, SentFile
from tests.e2e.stack import free_port
from tests.servers.postgres import PostgresServer, run_server, serve
from tests.servers.receiver import Receiver
from tests.servers.receiver import serve as serve_receiver
from tests.servers.redis import RedisServer, run_redis
from tests.servers.s3_faults import Answer, S3Faults, serve_faults

ALUMNIQ = Path(sys.executable).with_name("alumniq")
FEED = "warehouse-lookups"
START_SECONDS, LOAD_SECONDS = 240, 400
NEVER_HELD = {kind: Threshold() for kind in ("added", "changed", "removed")}
"""Every file changes all rows of its table."""
AWAY = Answer(503, "ServiceUnavailable", "Away.")
GATEWAYS = ("gateway-1", "gateway-2")
DAGSTER = "dagster"


@dataclass
class Cluster:
    """Hosts, each with a data folder of its own, and what they share."""

    folder: Path
    environment: dict[str, str]
    ledger: Ledger
    postgres: "StoppablePostgres"
    redis: RedisServer
    s3: S3Faults
    receiver: Receiver
    s3_endpoint: str
    keys: dict[Target, str]
    gateways: dict[str, int]
    hosts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, host: str, roles: str) -> None:
        """Start some roles on a host, and wait until they are ready."""
        home = self.folder / host
        home.mkdir(exist_ok=True)
        log = home / "log"
        begun = log.stat().st_size if log.exists() else 0
        own = {"ALUMNIQ_DATA_DIR": str(self.data_of(host))}
        if host in self.gateways:
            own["ALUMNIQ_GATEWAY_PORT"] = str(self.gateways[host])
        with log.open("ab") as output:
            process = self.hosts[host] = subprocess.Popen(
                [ALUMNIQ, "up", "--only", roles],
                cwd=REPOSITORY,
                env=self.environment | own,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        until = time.monotonic() + START_SECONDS
        while b"Everything is running" not in log.read_bytes()[begun:]:
            is_starting = process.poll() is None and time.monotonic() < until
            assert is_starting, log.read_text(errors="replace")[-4_000:]
            time.sleep(0.2)

    def data_of(self, host: str) -> Path:
        """Return the data folder of a host."""
        return self.folder / host / "data"

    def kill(self, host: str) -> None:
        """End a host as a power cut does: all of its processes at once, with nothing said."""
        process = self.hosts.pop(host)
        for pid in descendants(process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def stop(self, *hosts: str) -> None:
        """Stop some hosts, or all, as their service managers do."""
        stopping = [self.hosts.pop(host) for host in hosts or list(self.hosts)]
        for process in stopping:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in stopping:
            process.wait(90)

    def terminate(self, host: str) -> None:
        """Send SIGTERM to all processes of a host at once, as it shuts down."""
        process = self.hosts.pop(host)
        for pid in descendants(process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        process.wait(90)

    def upload(self, sent: SentFile) -> None:
        """Deliver a file."""
        s3_client(self.s3_endpoint).put_object(
            Bucket=bucket_of(sent.target.customer),
            Key=folder_of(sent.target.environment) + sent.filename,
            Body=sent.content.encode(),
        )

    def call(self, host: str, sent: SentFile) -> JobId:
        """Call the webhook of a gateway for a file; raises httpx.HTTPError."""
        response = httpx.post(
            f"http://127.0.0.1:{self.gateways[host]}/api/v1/index.cfm/webhook/{FEED}",
            json={
                "apiKey": self.keys[sent.target],
                "filename": sent.filename,
                "notifyEmail": "crm@example.edu",
                "notifyWebhook": f"{self.receiver.url}/{sent.filename}",
            },
            headers={"Idempotency-Key": sent.filename},
            timeout=30,
        )
        return JobId(response.raise_for_status().json()["jobId"])

    def cancel(self, host: str, job_id: JobId, target: Target) -> bool:
        """Cancel a load as its customer does; return whether that was confirmed."""
        try:
            response = httpx.post(
                f"http://127.0.0.1:{self.gateways[host]}/api/v1/loads/{job_id}/cancel",
                headers={"Authorization": f"Bearer {self.keys[target]}"},
                timeout=30,
            )
        except httpx.HTTPError:
            return False
        return response.is_success

    def wait_for(self, job_ids: Sequence[JobId], seconds: float = LOAD_SECONDS) -> list[Load]:
        """Wait until all loads have ended."""
        until = time.monotonic() + seconds
        while True:
            loads = [load for job_id in job_ids if (load := self.ledger.loads.get(job_id))]
            if all(load.is_final for load in loads):
                return loads
            waiting = {load.job_id: load.state for load in loads if not load.is_final}
            assert time.monotonic() < until, f"{waiting}\n{self.logs()}"
            time.sleep(0.5)

    def logs(self) -> str:
        """Return the ends of the logs of all hosts."""
        return "\n".join(
            f"--- {log.parent.name}\n{log.read_text(errors='replace')[-3_000:]}"
            for log in sorted(self.folder.glob("*/log"))
        )

    def settings(self) -> Settings:
        """Return the settings of the host of Dagster's programs, as far as tests need them."""
        return Settings(
            data_dir=self.data_of(DAGSTER),
            ledger_url=self.environment["ALUMNIQ_LEDGER_URL"],
            warehouse="postgres",
            warehouse_url=SecretStr(self.environment["ALUMNIQ_WAREHOUSE_URL"]),
        )

    @contextmanager
    def s3_away(self) -> Iterator[None]:
        """Let S3 fail every request."""
        self.s3.answers.update(
            {
                "HEAD object": AWAY,
                "GET object": AWAY,
                "PUT object": AWAY,
                "HEAD bucket": AWAY,
                "LIST": AWAY,
            }
        )
        yield
        self.s3.answers.clear()


class StoppablePostgres:
    """A server of its own that goes away and comes back with its data."""

    def __init__(self, home: Path) -> None:
        """Make it and start it."""
        self._home, self._running = home, ExitStack()
        self.server: PostgresServer = self._running.enter_context(run_server(home))

    def stop(self) -> None:
        """End it, with all connections."""
        self._running.close()

    def start(self) -> None:
        """Start it again."""
        self._running.enter_context(serve(self._home))


def bucket_of(customer: str) -> str:
    """Return the name of a customer's bucket."""
    return f"{customer}-feeds"


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
        "ALUMNIQ_WORKER_PROCESSES": "1",
        "ALUMNIQ_MAX_CONCURRENT_RUNS": "8",
        "ALUMNIQ_MAX_CUSTOMER_RUNS": "4",
        "ALUMNIQ_RETRY_SECONDS": "2",
        "ALUMNIQ_CALLBACK_ALLOWED_NETWORKS": '["127.0.0.0/8"]',
        "ALUMNIQ_CALLS_PER_MINUTE": "0",
        "ALUMNIQ_ADDRESS_CALLS_PER_MINUTE": "0",
    }


@contextmanager
def running_cluster(
    folder: Path,
    s3_endpoint: str,
    customers: Sequence[str],
    workers: Sequence[str],
    dagster: str = "code,daemon",
    **settings: str,
) -> Iterator[Cluster]:
    """Run two gateways, some of Dagster's programs and hosts of workers for some customers.

    `settings` replace variables of the environment by name.
    """
    # Not below pytest's folder: its path may be too long for a socket, and closed to other users.
    database = Path(tempfile.mkdtemp(prefix="postgres-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, database)
        postgres = StoppablePostgres(database)
        stack.callback(postgres.stop)
        ledger_url, warehouse_url = (
            postgres.server.url(postgres.server.create()) for _ in ("ledger", "warehouse")
        )
        redis = stack.enter_context(run_redis())
        receiver = stack.enter_context(serve_receiver())
        s3 = stack.enter_context(serve_faults(s3_endpoint))
        environment = environment_of_all(ledger_url, warehouse_url, s3.url, redis.url) | settings
        for bucket in ("cluster-archive", "cluster-logs", *map(bucket_of, customers)):
            s3_client(s3_endpoint).create_bucket(Bucket=bucket)
        operator = environment | {"ALUMNIQ_DATA_DIR": str(folder / "operator" / "data")}
        subprocess.run([ALUMNIQ, "migrate"], env=operator, check=True, cwd=REPOSITORY)
        ledger = stack.enter_context(closing(Ledger.open(ledger_url)))
        cluster = Cluster(
            folder=folder,
            environment=environment,
            ledger=ledger,
            postgres=postgres,
            redis=redis,
            s3=s3,
            receiver=receiver,
            s3_endpoint=s3_endpoint,
            keys=_add_customers(ledger, customers),
            gateways={host: free_port() for host in GATEWAYS},
        )
        stack.callback(cluster.stop)
        for host in GATEWAYS:
            cluster.start(host, "gateway")
        cluster.start(DAGSTER, dagster)
        for host in workers:
            cluster.start(host, "worker")
        yield cluster


def _add_customers(ledger: Ledger, customers: Sequence[str]) -> dict[Target, str]:
    """Add customers and return the keys of their tables."""
    keys, now = {}, datetime.now(UTC)
    for name in customers:
        ledger.customers.add(Customer(name, name.upper(), bucket_of(name)), now)
        for environment in Environment:
            target = Target(name, environment, FEED)
            ledger.customers.subscribe(Subscription(target, MAX_REJECTED, NEVER_HELD), now)
            keys[target], _ = ledger.keys.issue(name, environment, now)
    return keys
