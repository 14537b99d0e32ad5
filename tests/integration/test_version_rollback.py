"""Rolling back from a bare shell: ledger, Dagster's records and warehouse in PostgreSQL."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.tables import audit
from alumniq_pipelines.cli.home import migrate, prepare_installation
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.settings import Settings, child_environment
from alumniq_pipelines.warehouse_wiring import open_warehouse
from tests.accepted_rows import batch
from tests.servers.postgres import PostgresServer
from tests.strict_catalog import read_catalog

TARGET = Target("iqu", Environment.QA, "warehouse")
COMMAND = ("version", "rollback", "iqu", "qa", "warehouse")
ALUMNIQ = Path(sys.executable).with_name("alumniq")


@dataclass(frozen=True)
class Shell:
    """A shell that has the settings, and no variables of Dagster."""

    settings: Settings
    server: PostgresServer
    ledger_name: str

    def alumniq(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        url = self.settings.warehouse_url
        assert url is not None
        bare = {
            name: value
            for name, value in child_environment(self.settings).items()
            if not name.startswith("DAGSTER_")
        }
        return subprocess.run(
            [ALUMNIQ, *words],
            env=bare | {"ALUMNIQ_WAREHOUSE_URL": url.get_secret_value()},
            capture_output=True,
            text=True,
            check=False,
        )

    def live(self) -> int:
        """Return the version that readers see."""
        found = open_warehouse(self.settings).live(TARGET)
        return found.number if found else 0

    def audit_entries(self) -> list[tuple[str, object]]:
        """Return the audit entries of rollbacks, in order."""
        with closing(Ledger.open(self.settings.ledger)) as ledger:
            wanted = select(audit).where(audit.c.action.like("version.rollback%"))
            with ledger.database.reading() as connection:
                rows = connection.execute(wanted.order_by(audit.c.id)).mappings()
                return [(row["action"], row["detail"]) for row in rows]

    def execute(self, statement: str) -> None:
        """Execute a statement in the ledger's database."""
        with self.server.connect(self.ledger_name) as connection:
            connection.execute(statement.encode())


@pytest.fixture
def shell(tmp_path: Path, postgres_server: PostgresServer) -> Iterator[Shell]:
    """An installation in PostgreSQL that `alumniq up` has set up, with three versions."""
    ledger, warehouse = postgres_server.create(), postgres_server.create()
    settings = Settings(
        data_dir=tmp_path / "var",
        ledger_url=postgres_server.url(ledger),
        warehouse="postgres",
        warehouse_url=postgres_server.url(warehouse),
    )
    migrate(settings)
    prepare_installation(settings)
    with closing(Ledger.open(settings.ledger)) as opened:
        opened.customers.add(Customer("iqu", "IQ University", "iqu"), datetime.now(UTC))
    field_map = read_catalog(settings.schemas_dir).feed("warehouse")
    for number in (3, 5, 8):
        open_warehouse(settings).publish(
            TARGET,
            field_map,
            batch(tmp_path, number, count=1_000),
            number=number,
            job_id=new_job_id(),
            now=datetime(2026, 11, 25, 3, tzinfo=UTC) + timedelta(days=number),
        )
    yield Shell(settings, postgres_server, ledger)
    for name in (ledger, warehouse):
        postgres_server.drop(name)


def test_a_rollback_works_from_a_shell_that_has_only_the_settings(shell: Shell) -> None:
    done = shell.alumniq(*COMMAND)
    assert (done.returncode, done.stderr) == (0, "")
    assert "version 8 (1,008 rows) was live; version 5 (1,005 rows) is live now" in done.stdout
    assert "To go back one version further, run the same command again without --to." in done.stdout
    assert shell.live() == 5
    (_, requested), (action, done_) = shell.audit_entries()
    assert requested == {"from": 8, "to": 5}
    assert action == "version.rollback"
    assert isinstance(done_, dict)
    assert {"from": 8, "to": 5, "rows": 1_005}.items() <= done_.items()


def test_a_rollback_that_is_not_possible_explains_why_and_changes_nothing(shell: Shell) -> None:
    unknown = shell.alumniq(*COMMAND, "--to", "4")
    assert unknown.returncode == 2
    assert "Version 4 of iqu/qa/warehouse does not exist or is no longer stored." in unknown.stderr
    assert "Stored versions: 8, 5, 3." in unknown.stderr
    again = shell.alumniq(*COMMAND, "--to", "8")
    assert again.returncode == 0
    assert "Version 8 of iqu/qa/warehouse is already live; nothing was changed." in again.stdout
    assert shell.live() == 8
    assert shell.audit_entries() == []


def test_a_rollback_needs_nothing_of_dagster(shell: Shell) -> None:
    shell.execute("ALTER SCHEMA dagster RENAME TO away")
    (shell.settings.dagster_home / "dagster.yaml").write_text("storage: {nonsense: {}}\n")
    done = shell.alumniq(*COMMAND)
    assert (done.returncode, done.stderr) == (0, "")
    assert shell.live() == 5


def test_where_the_audit_log_cannot_be_written_nothing_is_moved(shell: Shell) -> None:
    shell.execute("ALTER TABLE audit RENAME TO audit_away")
    failed = shell.alumniq(*COMMAND)
    assert failed.returncode == 2
    assert "The ledger cannot be read or written at the moment" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert shell.live() == 8


def test_what_cannot_be_recorded_after_the_move_is_a_warning_that_says_it_was_made(
    shell: Shell,
) -> None:
    shell.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the disk is full' USING ERRCODE = '53100'; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON audit FOR EACH ROW "
        "WHEN (NEW.action = 'version.rollback') EXECUTE FUNCTION refuse()"
    )
    done = shell.alumniq(*COMMAND)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "version 5 (1,005 rows) is live now" in done.stdout
    assert "Version 5 of iqu/qa/warehouse is live" in done.stderr
    assert "in the audit log" in done.stderr
    assert "Do not repeat the command" in done.stderr
    assert shell.live() == 5


def test_each_of_two_rollbacks_reports_the_version_before_it(shell: Shell) -> None:
    first = json.loads(shell.alumniq(*COMMAND, "--json").stdout)
    second = json.loads(shell.alumniq(*COMMAND, "--json").stdout)
    assert [(answer["was_live"], answer["number"]) for answer in (first, second)] == [
        (8, 5),
        (5, 3),
    ]
    third = shell.alumniq(*COMMAND)
    assert third.returncode == 2
    assert "older than the live one" in third.stderr
    assert shell.live() == 3
