"""What `alumniq doctor` lists after a restore, and that it lists nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.cli.main import app
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable
from tests.counterparts.restored_system import KEPT, SqliteStore, System, add_customer

ONLY = ("--only", "agreement")


def test_the_doctor_lists_what_differs_and_reconciles_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(tmp_path))
    add_customer(SqliteStore(tmp_path).url)
    system = System(tmp_path, SqliteStore(tmp_path), DuckDBWarehouse(tmp_path / "warehouse", KEPT))
    system.play("load a, hold b, accept c")
    system.back_up()
    system.play("approve b, run c, load d")
    system.lose_and_restore()

    found = differences(doctor(*ONLY, "--json", exit_code=1))
    assert [(entry["code"], entry["is_warning"]) for entry in found] == [
        ("load-numbers", False),
        ("unknown-load", False),
        ("unfinished-load", False),
        ("unfinished-load", False),
        ("notification", True),
    ]
    text = CliRunner().invoke(app, ["doctor", *ONLY]).stdout
    assert f"unknown-load: {system.names['d']}: " in text
    assert "alumniq doctor --repair" in text

    repaired = doctor("--repair", "--json", exit_code=0)
    assert repaired["done"] == [
        "New loads get numbers above 4.",
        "Recorded version 4 of iqu/qa/members.",
        "Recorded version 3 of iqu/qa/members.",
        "Recorded version 2 of iqu/qa/members.",
        f"Ended the load {system.names['b']} as published.",
        f"Ended the load {system.names['c']} as published.",
    ]
    assert system.outcomes() == {
        "a": "published",
        "b": "published",
        "c": "published",
        "d": "unknown",
    }
    assert [entry["code"] for entry in differences(repaired)] == ["unknown-load", "notification"]


def test_a_system_that_lost_nothing_differs_in_nothing(system: System) -> None:
    system.play("load a, hold b, load c, rollback a, load d")
    assert system.differences() == []
    assert system.check().repair("pat", system.clock()) == []


@pytest.mark.parametrize(
    ("script", "differs"),
    [
        ("load a, load b, rollback a, forget b", "missing-version b"),
        ("load a, load b, rollback a, forget b, load c", "(missing-version b)"),
    ],
    ids=["newest", "older"],
)
def test_a_version_that_the_warehouse_lost_is_named_until_a_later_one_is_there(
    system: System, script: str, differs: str
) -> None:
    system.play(script)
    assert system.differences() == [differs]


@pytest.mark.parametrize(
    ("store", "read"),
    [("warehouse", "versions"), ("warehouse", "highest_number"), ("archive", "list_files")],
)
def test_loads_that_run_while_the_doctor_compares_are_no_differences(
    system: System, monkeypatch: pytest.MonkeyPatch, store: str, read: str
) -> None:
    """Loads are published just before and just after it reads a store for the first time."""
    system.play("load a")

    def read_between_loads(opened: Any, *arguments: Any) -> Any:
        monkeypatch.undo()
        system.play("load b")
        found = getattr(opened, read)(*arguments)
        system.play("load c")
        return found

    monkeypatch.setattr(type(getattr(system, store)), read, read_between_loads)
    assert system.differences() == []
    assert set(system.published) == set("abc")


def test_a_load_that_is_being_published_is_left_to_its_run(system: System) -> None:
    system.play("load a, accept b, publish b")
    assert system.differences() == ["(unfinished-load b)"]
    done = system.check().repair("pat", system.clock())
    assert done == ["Recorded version 2 of iqu/qa/members."]
    system.play("record b")
    assert system.differences() == []


def test_a_warehouse_that_cannot_be_read_is_not_taken_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(tmp_path))
    add_customer(SqliteStore(tmp_path).url)
    system = System(tmp_path, SqliteStore(tmp_path), DuckDBWarehouse(tmp_path / "warehouse", KEPT))
    system.play("load a")
    (tmp_path / "warehouse").rename(tmp_path / "unmounted")
    (tmp_path / "warehouse").symlink_to(tmp_path / "warehouse")
    with pytest.raises(WarehouseUnavailable):
        system.warehouse.highest_number()
    found = {check["name"]: check for check in doctor(*ONLY, "--json", exit_code=1)["checks"]}
    assert [finding["code"] for finding in found["warehouse"]["findings"]] == [
        "warehouse-unreadable"
    ]
    assert found["agreement"]["state"] == "not-checked"
    result = CliRunner().invoke(app, ["doctor", "--repair"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "The warehouse cannot be" in result.stderr
    assert str(tmp_path) not in result.stderr


def doctor(*options: str, exit_code: int) -> Any:
    """Run the command and return what it prints as JSON."""
    result = CliRunner().invoke(app, ["doctor", *options])
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout)


def differences(printed: Any) -> Any:
    """Return what the last check found."""
    assert printed["checks"][-1]["name"] == "agreement"
    return printed["checks"][-1]["findings"]
