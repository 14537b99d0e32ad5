import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alumniq_pipelines.cli.main import app
from alumniq_pipelines.settings import REPOSITORY, Settings
from alumniq_pipelines.wiring import read_schemas, save_field_maps


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["feed", *arguments])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.stderr


def shown(*arguments: str, code: int = 0) -> str:
    """Return what a person sees: stdout and stderr."""
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["feed", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_feeds_are_listed_by_wave() -> None:
    listed = json.loads(run("list", "--json"))
    assert [feed["name"] for feed in listed][:4] == [
        "warehouse",
        "warehouse-degrees",
        "warehouse-designations",
        "warehouse-lookups",
    ]
    assert listed[0] == {
        "name": "warehouse",
        "job": "warehouse",
        "wave": 1,
        "title": "Warehouse",
        "columns": 34,
        "primary_key": ["xid"],
    }
    assert "warehouse-membership-summary" in run("list")


def test_a_feed_is_shown_with_its_rules_and_references() -> None:
    shown = " ".join(run("show", "warehouse-degrees").replace("│", " ").split())
    assert "Job warehouse-degrees, wave 1. UTF-8 with a header row; delimiter , and" in shown
    assert "xid string required, maxLength: 64 001234567 The person" in shown
    assert "classYear year minimum: 1800, maximum: 2100 1998 Year of graduation" in shown
    assert "isPreferred boolean default: false true Whether" in shown
    assert "degreeType → warehouse-lookups (code, where list is degreeType): warning" in shown


def test_a_feed_is_shown_as_its_descriptor() -> None:
    shown = json.loads(run("show", "warehouse", "--json"))
    assert shown["schema"]["fields"][0]["name"] == "xid"
    assert "trueValues" not in shown["schema"]["fields"][0]


def test_a_feed_with_columns_of_the_senders_own_says_so() -> None:
    assert "Your own columns are accepted if their names end in __c." in run("show", "warehouse-b")


def test_a_template_is_a_csv_file() -> None:
    rows = list(csv.reader(io.StringIO(run("template", "warehouse")), strict=True))
    assert len(rows[0]) == len(rows[1]) == 34


def test_a_data_package_holds_all_feeds() -> None:
    assert len(json.loads(run("package"))["resources"]) == 7


def test_an_unknown_feed_is_reported_with_the_known_ones() -> None:
    assert "There is no feed 'alumni'. Known feeds: warehouse," in run("show", "alumni", code=2)


def test_the_printed_json_schema_is_the_committed_one() -> None:
    committed = (REPOSITORY / "schemas" / "field-map.schema.json").read_text(encoding="utf-8")
    assert run("schema") == committed, "run: alumniq feed schema > schemas/field-map.schema.json"


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two broken field maps among the repository's, and one of them never was good."""
    folder = tmp_path / "schemas"
    shutil.copytree(REPOSITORY / "schemas", folder)
    monkeypatch.setenv("ALUMNIQ_SCHEMAS_DIR", str(folder))
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(tmp_path / "var"))
    settings = Settings()
    save_field_maps(settings, read_schemas(settings).good)
    (folder / "warehouse-b.yaml").write_text("x: 1")
    (folder / "new.yaml").write_text("y: 1")


@pytest.mark.usefixtures("broken")
def test_checking_lists_every_fault_of_every_file_and_fails() -> None:
    output = shown("check", code=1)
    assert "warehouse-b: broken (last good version in force)" in output
    assert "new: broken (disabled)" in output
    assert output.count("new.yaml, line 1: unknown key `y`") == 1
    assert "warehouse-b.yaml, line 1: unknown key `x`" in output
    found = json.loads(shown("check", "--json", code=1))
    assert found["good"] == 6
    assert [(feed["feed"], feed["disabled"]) for feed in found["broken"]] == [
        ("new", True),
        ("warehouse-b", False),
    ]


def test_checking_good_field_maps_says_so() -> None:
    assert shown("check") == "All 7 field maps are valid.\n"


@pytest.mark.usefixtures("broken")
def test_commands_about_one_feed_work_while_another_is_broken() -> None:
    assert "Warning" not in shown("show", "warehouse")
    assert "last good version is in force" in shown("show", "warehouse-b")
    output = shown("show", "new", code=2)
    assert "The feed new is disabled" in output
    assert "new.yaml, line 1" in output
    assert "the field map of new is broken; the feed is disabled" in shown("list")
