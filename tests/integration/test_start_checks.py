"""A host whose tables, keys, field maps or queue are wrong says so at its start, and ends."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.tables import REVISION
from alumniq_pipelines.cli.main import app
from alumniq_pipelines.core.problems.hosts import FieldMapsDiffer, HostValuesMissing, KeyDiffers
from alumniq_pipelines.core.problems.problem import SetupProblem
from alumniq_pipelines.core.problems.settings import UnusableBackend, UnusableBroker
from alumniq_pipelines.settings import REPOSITORY, Settings
from alumniq_pipelines.start_checks import check_start, record_host_values
from tests.cluster_settings import ENCRYPTION_KEY, cluster_settings
from tests.e2e.stack import free_port
from tests.servers.broken_receiver import refuse
from tests.servers.postgres import PostgresServer

NEW_KEY = Fernet.generate_key().decode()
BARE_PROGRAMS = {
    "gateway": ["webhook_gateway"],
    "code server": ["alumniq_pipelines.defs.code_server", "api", "grpc", "-s", "code.sock"],
    "worker": ["celery", "--app", "alumniq_pipelines.defs.celery_worker", "worker"],
}


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, postgres_url: str) -> dict[str, str]:
    """Set what hosts share, and migrate the ledger as their operator does."""
    settings = cluster_settings(
        postgres_url, "postgresql:///unused", "http://127.0.0.1:9", "redis://127.0.0.1:9/0"
    )
    for name, value in {**settings, "ALUMNIQ_DATA_DIR": str(tmp_path / "data")}.items():
        monkeypatch.setenv(name, value)
    with closing(Ledger.open(postgres_url)) as ledger:
        ledger.migrate()
        record_host_values(Settings(), ledger, anew=True)
    return settings


def run_bare(program: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    broker = os.environ["ALUMNIQ_CELERY_BROKER_URL"]
    return subprocess.run(
        [sys.executable, "-m", *BARE_PROGRAMS[program]],
        env={
            **os.environ,
            "DAGSTER_CELERY_BROKER_URL": broker,
            "DAGSTER_CELERY_BACKEND_URL": broker,
            "PYTHONPATH": str(REPOSITORY),
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("program", BARE_PROGRAMS)
def test_a_program_that_is_started_bare_refuses_the_tables_of_another_release(
    program: str, shared: Mapping[str, str], tmp_path: Path
) -> None:
    """A gateway responded 503 for ever, and a worker failed load after load."""
    set_revision(shared["ALUMNIQ_LEDGER_URL"], "0001")
    done = run_bare(program, tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        f"The ledger's tables are at revision 0001; this release needs {REVISION}. "
        "Upgrade them: alumniq migrate."
    )


def set_revision(url: str, revision: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("update alembic_version set version_num = %s", [revision])


def test_a_gateway_starts_while_its_database_is_away_and_works_once_it_is_back(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    port = free_port()
    url = postgres_server.url("not_there_yet")
    process = subprocess.Popen(
        [sys.executable, "-m", "webhook_gateway"],
        env={
            **os.environ,
            "ALUMNIQ_DATA_DIR": str(tmp_path),
            "ALUMNIQ_LEDGER_URL": url,
            "ALUMNIQ_GATEWAY_PORT": str(port),
        },
        stderr=subprocess.DEVNULL,
    )
    try:
        assert ready(port, process) == 503
        with postgres_server.connect() as connection:
            connection.execute("create database not_there_yet")
        with closing(Ledger.open(url)) as ledger:
            ledger.migrate()
        assert ready(port, process) == 200
    finally:
        process.kill()
        process.wait()
        with postgres_server.connect() as connection:
            connection.execute("drop database if exists not_there_yet with (force)")


def ready(port: int, process: "subprocess.Popen[bytes]") -> int:
    """Return the status of /readyz, once the gateway responds."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code
        except httpx.TransportError:
            assert process.poll() is None
            assert time.monotonic() < deadline


def other_field_map(folder: Path) -> str:
    """Copy the field maps, and change one of them."""
    shutil.copytree(REPOSITORY / "schemas", folder / "schemas")
    with (folder / "schemas" / "warehouse.yaml").open("a") as file:
        file.write("# another comment\n")
    return str(folder / "schemas")


def test_a_host_that_is_like_the_others_starts(shared: Mapping[str, str]) -> None:
    check_start(Settings(**as_settings(shared)))


def as_settings(variables: Mapping[str, str]) -> dict[str, Any]:
    return {name.removeprefix("ALUMNIQ_").lower(): value for name, value in variables.items()}


@pytest.mark.parametrize(
    ("change", "problem", "names"),
    [
        ({"ALUMNIQ_SIGNING_KEY": "5b" * 32}, KeyDiffers, "ALUMNIQ_SIGNING_KEY"),
        ({"ALUMNIQ_ENCRYPTION_KEY": NEW_KEY}, KeyDiffers, "ALUMNIQ_ENCRYPTION_KEY"),
        ({"ALUMNIQ_SCHEMAS_DIR": "other"}, FieldMapsDiffer, "all hosts: warehouse[.]"),
    ],
)
def test_a_host_that_differs_is_refused_with_what_differs(
    shared: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    change: dict[str, str],
    problem: type[SetupProblem],
    names: str,
) -> None:
    if "ALUMNIQ_SCHEMAS_DIR" in change:
        change = {"ALUMNIQ_SCHEMAS_DIR": other_field_map(tmp_path)}
    with pytest.raises(problem, match=names) as refused:
        check_start(Settings(**as_settings({**shared, **change})))
    assert "alumniq migrate" in str(refused.value)
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    done = run_bare("gateway", tmp_path)
    assert (done.returncode, done.stderr) == (2, f"{refused.value}\n")


def test_a_host_without_an_encryption_key_is_refused_and_none_is_made(
    shared: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALUMNIQ_ENCRYPTION_KEY")
    del shared["ALUMNIQ_ENCRYPTION_KEY"]
    settings = Settings(**as_settings(shared))
    with pytest.raises(KeyDiffers):
        check_start(settings)
    assert not settings.encryption_key_file.exists()


def test_nothing_recorded_is_no_agreement(shared: dict[str, str], postgres_url: str) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("delete from host_values where name = 'signing-key'")
    with pytest.raises(HostValuesMissing, match="alumniq migrate"):
        check_start(Settings(**as_settings(shared)))


def test_keys_are_rotated_host_by_host_without_a_stop(shared: dict[str, str]) -> None:
    """First every host can decrypt by the new key, then it is recorded; the old one may go."""

    def start(keys: str) -> None:
        check_start(Settings(**as_settings({**shared, "ALUMNIQ_ENCRYPTION_KEY": keys})))

    both = f"{NEW_KEY}\n{ENCRYPTION_KEY}"
    start(both)
    start(ENCRYPTION_KEY)
    with closing(Ledger.open(shared["ALUMNIQ_LEDGER_URL"])) as ledger:
        changed = Settings(**as_settings({**shared, "ALUMNIQ_ENCRYPTION_KEY": both}))
        record_host_values(changed, ledger, anew=True)
    start(both)
    start(f"{ENCRYPTION_KEY}\n{NEW_KEY}")
    with pytest.raises(KeyDiffers):
        start(ENCRYPTION_KEY)


def test_what_is_recorded_reveals_no_key(shared: dict[str, str]) -> None:
    with closing(Ledger.open(shared["ALUMNIQ_LEDGER_URL"])) as ledger:
        recorded = "".join(ledger.host_values.all().values())
    assert len(recorded) > 100
    assert shared["ALUMNIQ_SIGNING_KEY"] not in recorded
    assert shared["ALUMNIQ_ENCRYPTION_KEY"] not in recorded


def test_one_machine_may_change_its_keys_and_field_maps(tmp_path: Path) -> None:
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")) as ledger:
        ledger.migrate()
        record_host_values(Settings(data_dir=tmp_path), ledger, anew=False)
    changed = Settings(data_dir=tmp_path, schemas_dir=Path(other_field_map(tmp_path)))
    check_start(changed)


@pytest.mark.parametrize(
    "url", ["amqp://guest@rabbit//", "memory://", "sentinel://:secret@host/0", "127.0.0.1:6379"]
)
def test_a_queue_that_is_not_redis_is_refused(shared: dict[str, str], url: str) -> None:
    with pytest.raises(UnusableBroker) as refused:
        check_start(Settings(**as_settings({**shared, "ALUMNIQ_CELERY_BROKER_URL": url})))
    assert url not in str(refused.value)


@pytest.mark.parametrize("url", ["rpc://", "cache+memory://", "file:///results", "db+sqlite:///r"])
def test_a_store_of_results_that_loses_them_is_refused(shared: dict[str, str], url: str) -> None:
    with pytest.raises(UnusableBackend, match="ALUMNIQ_CELERY_BACKEND_URL"):
        check_start(Settings(**as_settings({**shared, "ALUMNIQ_CELERY_BACKEND_URL": url})))


@pytest.mark.parametrize("url", ["rediss://:p@host/1", "db+postgresql://u:p@host/n"])
def test_redis_and_a_database_keep_results(shared: dict[str, str], url: str) -> None:
    check_start(Settings(**as_settings({**shared, "ALUMNIQ_CELERY_BACKEND_URL": url})))


def test_a_worker_names_a_queue_that_does_not_respond(
    shared: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with refuse() as port:
        monkeypatch.setenv("ALUMNIQ_CELERY_BROKER_URL", f"redis://:secret@127.0.0.1:{port}/0")
        CliRunner().invoke(app, ["migrate"], catch_exceptions=False)
        done = CliRunner().invoke(app, ["up", "--only", "worker"])
    assert shared
    assert done.exit_code == 2
    assert f"The Redis server at 127.0.0.1:{port} does not respond (ConnectionError)." in (
        done.stderr
    )
    assert "secret" not in done.output
