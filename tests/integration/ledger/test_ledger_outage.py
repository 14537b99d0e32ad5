"""What becomes of a ledger that is away, foreign, or addressed wrongly."""

import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from alumniq_pipelines.adapters.ledger import database
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.tables import REVISION
from alumniq_pipelines.core.loads.load import JobId, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.problems.outage import LedgerUnavailable
from alumniq_pipelines.core.problems.setup import ForeignRevision, UnusableLedgerUrl
from tests.integration.ledger.conftest import NOW, Accept
from tests.servers.postgres import PostgresServer

TARGET = Target("iqu", Environment.QA, "warehouse")
SECRET = "secret-key"
ROOT = Path(__file__).resolve().parents[3]
ENDLESS = """
import sys
from datetime import UTC, datetime
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.load import LoadRequest, new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target

ledger = Ledger.open(sys.argv[1])
target = Target("iqu", Environment.QA, "warehouse")
while True:
    request = LoadRequest(new_job_id(), target, "warehouse.csv", None, None)
    ledger.loads.accept(request, datetime.now(UTC))
    print(request.job_id, flush=True)
    with ledger.database.writing() as connection:
        connection.exec_driver_sql("UPDATE loads SET state = 'failed'")
        connection.exec_driver_sql("UPDATE loads SET state = 'queued'")
"""
CALLS: dict[str, Callable[[Ledger], object]] = {
    "accept": lambda ledger: ledger.loads.accept(
        LoadRequest(new_job_id(), TARGET, SECRET, None, None), NOW
    ),
    "find": lambda ledger: ledger.loads.find(),
    "end": lambda ledger: ledger.loads.end(JobId("J"), Outcome(LoadState.FAILED), [], NOW),
    "key": lambda ledger: ledger.keys.find(SECRET, NOW),
    "ping": lambda ledger: ledger.ping(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_unavailable_ledger_is_an_outage_and_shows_no_values(
    call: Callable[[Ledger], object], tmp_path: Path
) -> None:
    for url in (
        f"sqlite:///{tmp_path / 'missing' / 'ledger.db'}",
        f"postgresql+psycopg://ada:secret-word@/ledger?host={tmp_path}",
    ):
        ledger = Ledger.open(url)
        with pytest.raises(LedgerUnavailable) as caught:
            call(ledger)
        output = "".join(traceback.format_exception(caught.value))
        assert "secret" not in output
        assert "Error" in str(caught.value) or "SQLITE_CANTOPEN" in str(caught.value)
        ledger.close()


def test_a_restart_of_the_server_costs_no_call(
    postgres_server: PostgresServer, postgres_template: str
) -> None:
    name = postgres_server.create(postgres_template)
    ledger = Ledger.open(postgres_server.url(name))
    assert ledger.loads.find() == []
    with postgres_server.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
    assert ledger.loads.find() == []
    ledger.close()
    postgres_server.drop(name)


def test_a_file_that_is_no_database_is_an_outage(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("This is no database. " * 100)
    ledger = Ledger.open(f"sqlite:///{path}")
    with pytest.raises(LedgerUnavailable, match="SQLITE_NOTADB"):
        ledger.migrate()
    ledger.close()


def test_a_lock_that_never_opens_is_an_outage_after_a_while(
    sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_TIMEOUT_SECONDS", 0.1)
    path = tmp_path / "ledger.db"
    path.write_bytes(sqlite_template.read_bytes())
    ledger = Ledger.open(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnavailable, match="SQLITE_BUSY"):
        ledger.loads.end(JobId("J"), Outcome(LoadState.FAILED), [], NOW)
    other.execute("COMMIT")
    assert not ledger.loads.end(JobId("J"), Outcome(LoadState.FAILED), [], NOW)
    other.close()
    ledger.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ledger.db",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://ada:secret-word@host/ledger",
        "postgresql+psycopg2://ada:secret-word@host/ledger",
        "postgresql://ada:secret-word@host",
        "postgresql://ada:secret-word@host:port/ledger",
    ],
)
def test_an_unusable_address_is_reported_without_repeating_it(url: str) -> None:
    with pytest.raises(UnusableLedgerUrl) as caught:
        Ledger.open(url)
    assert "secret" not in "".join(traceback.format_exception(caught.value))


def test_an_empty_database_has_no_revision(empty_url: str) -> None:
    ledger = Ledger.open(empty_url)
    with pytest.raises(ForeignRevision, match="revision none"):
        ledger.ping()
    ledger.migrate()
    ledger.ping()
    ledger.close()


def test_tables_of_a_newer_release_are_left_alone(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    with ledger.database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        connection.exec_driver_sql("DELETE FROM host_values WHERE name = 'tables-usable-since'")
    for call in (ledger.ping, ledger.migrate):
        with pytest.raises(ForeignRevision, match=f"9999.*{REVISION}"):
            call()
    assert ledger.loads.get(load.job_id) == load


def test_what_was_accepted_outlives_a_kill_and_what_was_half_done_does_not(
    ledger: Ledger, ledger_url: str, target: Target
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS, ledger_url], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        output = [process.stdout.readline().strip() for _ in range(30)]
        process.kill()
        output += process.stdout.read().split()
    stored = ledger.loads.find(target=target, limit=10_000)
    assert {load.job_id for load in stored} >= set(output)
    assert {load.state for load in stored} == {LoadState.QUEUED}
    assert ledger.queue.request(stored[-1], NOW)
