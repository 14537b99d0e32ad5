"""`alumniq staff`, as typed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alumniq_pipelines.cli.main import app

PASSWORD = "correct horse battery staple"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ALUMNIQ_STAFF_PASSWORD", PASSWORD)
    return CliRunner()


def test_an_account_is_made_listed_and_disabled(run: CliRunner) -> None:
    assert run.invoke(app, ["staff", "add", "ada@example.edu"]).exit_code == 0
    listed = run.invoke(app, ["staff", "list", "--json"])
    assert [account["name"] for account in json.loads(listed.stdout)] == ["ada@example.edu"]
    assert run.invoke(app, ["staff", "disable", "ada@example.edu"]).exit_code == 0
    again = run.invoke(app, ["staff", "disable", "ada@example.edu"])
    assert again.exit_code == 2
    assert "no staff account" in again.stderr


def test_a_short_password_is_refused(run: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALUMNIQ_STAFF_PASSWORD", "short")
    result = run.invoke(app, ["staff", "add", "ada"])
    assert result.exit_code == 2
    assert "fewer than 12 characters" in result.stderr


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 101])
def test_a_name_nobody_can_type_is_refused(run: CliRunner, name: str) -> None:
    assert run.invoke(app, ["staff", "add", name]).exit_code == 2


def test_an_empty_list_says_how_to_add_an_account(run: CliRunner) -> None:
    assert "alumniq staff add" in run.invoke(app, ["staff", "list"]).stdout
