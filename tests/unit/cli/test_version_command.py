import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.tables import audit
from alumniq_pipelines.cli.main import app
from alumniq_pipelines.core.loads.load import new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.warehouse_wiring import open_warehouse
from tests.accepted_rows import batch
from tests.strict_catalog import read_catalog

TARGET = Target("iqu", Environment.QA, "warehouse")
NAMES = ["iqu", "qa", "warehouse"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["version", *arguments], terminal_width=200)


@pytest.fixture(params=["duckdb", "postgres"])
def settings(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ALUMNIQ_WAREHOUSE", request.param)
    if request.param == "postgres":
        monkeypatch.setenv("ALUMNIQ_WAREHOUSE_URL", request.getfixturevalue("postgres_url"))
    CliRunner().invoke(app, ["customer", "add", "iqu", "--name", "IQ University"])
    return Settings()


@pytest.fixture
def published(settings: Settings, tmp_path: Path) -> Sequence[int]:
    for number in (3, 5, 8):
        open_warehouse(settings).publish(
            TARGET,
            read_catalog(settings.schemas_dir).feed("warehouse"),
            batch(tmp_path, number, count=1_000),
            number=number,
            job_id=new_job_id(),
            now=datetime(2026, 11, 25, 3, tzinfo=UTC) + timedelta(days=number),
        )
    return (8, 5, 3)


def live(settings: Settings) -> int:
    found = open_warehouse(settings).live(TARGET)
    return found.number if found else 0


def test_versions_are_listed_with_the_live_one_marked(published: Sequence[int]) -> None:
    output = json.loads(run("list", *NAMES, "--json").stdout)
    assert [version["number"] for version in output] == list(published)
    assert [version["live"] for version in output] == [True, False, False]
    shown = run("list", *NAMES).stdout
    assert "live" in shown
    assert "1,008" in shown


def test_rolling_back_is_one_move_to_the_next_older_and_can_be_undone(
    settings: Settings, published: Sequence[int]
) -> None:
    newest, older, oldest = published
    said = run("rollback", *NAMES).stdout
    assert live(settings) == older
    assert f"alumniq version rollback iqu qa warehouse --to {newest}" in said
    assert json.loads(run("rollback", *NAMES, "--json").stdout)["number"] == oldest
    assert "older than the live one" in run("rollback", *NAMES).stderr
    assert live(settings) == oldest
    assert run("rollback", *NAMES, "--to", str(newest)).exit_code == 0
    assert live(settings) == newest


@pytest.mark.usefixtures("published")
def test_rolling_back_is_written_into_the_audit_trail(settings: Settings) -> None:
    run("rollback", *NAMES, "--to", "3")
    ledger = Ledger.open(settings.ledger)
    with ledger.database.reading() as connection:
        wanted = select(audit).where(audit.c.action == "version.rollback")
        [entry] = connection.execute(wanted).mappings()
    ledger.close()
    assert entry["subject"] == "iqu/qa/warehouse"
    assert {"from": 8, "to": 3}.items() <= entry["detail"].items()
    assert set(entry["detail"]) == {"from", "to", "rows", "relation", "job_id"}, "For Dagster."


@pytest.mark.usefixtures("published")
def test_a_feed_whose_field_map_is_broken_can_be_rolled_back(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schemas = tmp_path / "schemas"
    schemas.mkdir()
    (schemas / "warehouse.yaml").write_text("[", encoding="utf-8")
    monkeypatch.setenv("ALUMNIQ_SCHEMAS_DIR", str(schemas))
    assert run("rollback", *NAMES).exit_code == 0
    assert live(settings) == 5
    assert run("list", *NAMES).exit_code == 0


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["iqu", "qa", "warehouse", "--to", "4"], "Stored versions: 8, 5, 3"),
        (["nobody", "qa", "warehouse"], "no customer 'nobody'"),
        (["iqu", "qa", "warehous"], "no feed 'warehous'"),
        (["iqu", "production", "warehouse"], "Stored versions: none"),
    ],
)
def test_what_cannot_be_rolled_back_to_is_said(
    settings: Settings, arguments: Sequence[str], output: str
) -> None:
    result = run("rollback", *arguments)
    assert result.exit_code == 2
    assert output in result.stderr
    assert live(settings) == 8
