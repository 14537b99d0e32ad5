import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.schema_upgrade import alembic_config
from alumniq_pipelines.adapters.ledger.tables import REVISION, metadata
from tests.integration.ledger.conftest import Accept

ROOT = Path(__file__).resolve().parents[3]


def test_the_migrations_and_the_tables_agree(ledger: Ledger) -> None:
    with ledger.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_newest_migration_is_what_the_code_works_on(ledger: Ledger) -> None:
    with ledger.database.reading() as connection:
        scripts = ScriptDirectory.from_config(alembic_config(connection))
    assert scripts.get_heads() == [REVISION]


def test_migrating_again_changes_nothing(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    ledger.migrate()
    assert ledger.loads.find() == [load]


def test_migrations_lead_back_to_an_empty_database(ledger: Ledger) -> None:
    with ledger.database.writing() as connection:
        command.downgrade(alembic_config(connection), "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
    ledger.migrate()
    assert ledger.loads.find() == []


def test_a_migrated_ledger_opens_during_a_write(ledger: Ledger, ledger_url: str) -> None:
    other = Ledger.open(ledger_url)
    with ledger.database.writing() as connection:
        connection.exec_driver_sql("UPDATE loads SET attempts = 4")
        other.migrate()
        other.ping()
    other.close()


def test_a_new_ledger_makes_its_folder_and_writes_ahead(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'a' / 'b' / 'ledger.db'}")
    ledger.migrate()
    with ledger.database.reading() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        values = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    assert values == ["wal", 2, 1, 30_000]
    ledger.close()


def test_the_switch_to_write_ahead_logging_waits_for_a_running_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite refuses the switch at once, without its usual waiting, where another is at work."""
    path = tmp_path / "ledger.db"
    ledger = Ledger.open(f"sqlite:///{path}")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr("time.sleep", lambda _: other.rollback())
        ledger.migrate()
    ledger.ping()
    ledger.close()


def test_alembics_own_command_finds_the_migrations(ledger: Ledger, ledger_url: str) -> None:
    output = subprocess.run(
        [sys.executable, "-m", "alembic", "-x", f"ledger={ledger_url}", "current"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert output.strip() == f"{REVISION} (head)"
    ledger.ping()
