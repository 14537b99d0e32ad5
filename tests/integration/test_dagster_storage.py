"""Dagster's own records beside a ledger in PostgreSQL."""

from pathlib import Path

import dagster as dg
import pytest

from alumniq_pipelines.cli.dagster_storage import URL
from alumniq_pipelines.cli.home import migrate, prepare_installation
from alumniq_pipelines.cli.programs import programs_environment
from alumniq_pipelines.settings import Settings
from tests.servers.postgres import PostgresServer


def tables_by_schema(server: PostgresServer, database: str) -> dict[str, set[str]]:
    with server.connect(database) as connection:
        rows = connection.execute("SELECT schemaname, tablename FROM pg_tables").fetchall()
    found: dict[str, set[str]] = {}
    for schema, table in rows:
        found.setdefault(schema, set()).add(table)
    return found


def test_with_a_ledger_in_postgresql_dagsters_records_are_there_in_a_schema_of_their_own(
    tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = postgres_server.create()
    settings = Settings(data_dir=tmp_path, ledger_url=postgres_server.url(database))
    migrate(settings)
    prepare_installation(settings)
    prepare_installation(settings)
    tables = tables_by_schema(postgres_server, database)
    assert {"runs", "event_logs", "alembic_version"} <= tables["dagster"]
    assert {"loads", "notifications", "alembic_version"} <= tables["public"]
    assert "runs" not in tables["public"]
    configuration = (settings.dagster_home / "dagster.yaml").read_text(encoding="utf-8")
    assert database not in configuration, "The address may hold a password."
    monkeypatch.setenv(URL, programs_environment(settings)[URL])
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        instance.add_dynamic_partitions("feeds/warehouse", ["iqu.qa"])
        assert instance.get_dynamic_partitions("feeds/warehouse") == ["iqu.qa"]
        instance.report_runless_asset_event(dg.AssetMaterialization("recorded"))
        assert instance.get_latest_materialization_event(dg.AssetKey("recorded"))
    assert not list(settings.dagster_home.rglob("*.db"))


def test_the_address_reaches_dagsters_programs_by_their_environment_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, ledger_url="postgresql://ada:s3cret@db/ledger")
    url = programs_environment(settings)[URL]
    assert url.startswith("postgresql+psycopg2://ada:s3cret@db/ledger?")
    assert URL not in programs_environment(Settings(data_dir=tmp_path))
