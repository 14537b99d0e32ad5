"""Two installations that are in order: an embedded one, and one of the hosts of a cluster."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery

from alumniq_pipelines.cli.home import migrate, prepare_installation
from alumniq_pipelines.settings import Settings
from tests.cluster_settings import ENCRYPTION_KEY, SIGNING_KEY, cluster_settings
from tests.e2e.stack import free_port
from tests.integration.doctor.set_up import SetUp, s3_client
from tests.servers.postgres import PostgresServer
from tests.servers.redis import PASSWORD, RedisServer, run_redis
from tests.servers.s3 import empty_s3

WORKER_SECONDS = 60
COMMON = {"ALUMNIQ_STAFF_EMAIL": "staff@alumniq.example"}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run without settings of the machine."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("ALUMNIQ_", "DAGSTER_")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def embedded_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the data folder of an embedded installation once: Dagster's tables take seconds."""
    home = tmp_path_factory.mktemp("embedded") / "data"
    prepare_installation(Settings(data_dir=home))
    return home


@pytest.fixture
def embedded(
    embedded_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[SetUp]:
    """Copy an embedded installation, and serve its gateway."""
    home = tmp_path / "data"
    shutil.copytree(embedded_home, home)
    set_up = SetUp(monkeypatch, home)
    for name, value in COMMON.items():
        monkeypatch.setenv(name, value)
    set_up.set(data_dir=str(home), gateway_port=str(free_port()))
    set_up.prepare()
    set_up.start_gateway()
    yield set_up
    set_up.stop_gateway()


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """Run a Redis with a Celery worker."""
    with run_redis() as server:
        command = [sys.executable, "-m", "celery", "--broker", server.url, "worker"]
        with subprocess.Popen([*command, "--pool", "solo"], stderr=subprocess.DEVNULL) as worker:
            try:
                wait_for_worker(server.url)
                yield server
            finally:
                worker.kill()


def wait_for_worker(url: str) -> None:
    app = Celery(broker=url, set_as_current=False)
    deadline = time.monotonic() + WORKER_SECONDS
    with app.connection_for_write() as connection:
        while not app.control.ping(timeout=0.5, limit=1, connection=connection):
            assert time.monotonic() < deadline


@pytest.fixture(scope="session")
def migrated_cluster(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """Migrate a ledger once; return its database, to be cloned, and a data folder."""
    name = postgres_server.create()
    home = tmp_path_factory.mktemp("cluster") / "data"
    values = cluster_settings(postgres_server.url(name), "postgresql:///none", "", "redis://none")
    with pytest.MonkeyPatch.context() as environment:
        for variable, value in values.items():
            environment.setenv(variable, value)
        migrate(Settings(data_dir=home))
    return name, home


@pytest.fixture
def cluster(
    migrated_cluster: tuple[str, Path],
    postgres_server: PostgresServer,
    s3_endpoint: str,
    redis: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[SetUp]:
    """Set up one of several hosts, with a gateway, beside a worker elsewhere."""
    template, home = migrated_cluster
    ledger, warehouse = postgres_server.create(template), postgres_server.create()
    urls = postgres_server.url(ledger), postgres_server.url(warehouse)
    for name, value in {**COMMON, **cluster_settings(*urls, s3_endpoint, redis.url)}.items():
        monkeypatch.setenv(name, value)
    shutil.copytree(home, tmp_path / "data")
    set_up = SetUp(monkeypatch, tmp_path / "data", [SIGNING_KEY, ENCRYPTION_KEY, PASSWORD])
    port = free_port()
    set_up.set(
        data_dir=str(set_up.home),
        gateway_port=str(port),
        public_url=f"http://127.0.0.1:{port}",
    )
    client = s3_client(s3_endpoint)
    empty_s3(s3_endpoint)  # other tests may have left buckets of the same names
    for bucket in ("cluster-archive", "cluster-logs"):
        client.create_bucket(Bucket=bucket)
    set_up.prepare()
    set_up.start_gateway()
    yield set_up
    set_up.stop_gateway()
    empty_s3(s3_endpoint)
    for name in (ledger, warehouse):
        postgres_server.drop(name)
