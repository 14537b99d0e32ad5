"""`alumniq key`: what a key is bound to, and how it is rotated."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.cli.main import app


@pytest.fixture(autouse=True)
def customer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin an installation with one customer."""
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(tmp_path))
    alumniq("customer", "add", "iqu", "--name", "IQ University")


def alumniq(*arguments: str, code: int = 0) -> Result:
    """Run a command."""
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code, result.output
    return result


def run_json(*arguments: str) -> Any:
    """Run a command with --json and parse what it prints."""
    return json.loads(alumniq(*arguments, "--json").stdout)


def test_a_key_is_bound_to_what_was_asked_for() -> None:
    bound = ("--feed", "warehouse", "--feed", "warehouse-degrees", "--network", "10.20.0.0/16")
    issued = run_json("key", "issue", "iqu", "qa", *bound, "--email", "it@example.edu")

    assert issued["feeds"] == ["warehouse", "warehouse-degrees"]
    assert issued["networks"] == ["10.20.0.0/16"]
    assert issued["email"] == "it@example.edu"


@pytest.mark.parametrize(
    "wrong",
    [("--feed", "warehuose"), ("--network", "10.20.0.1/16"), ("--email", "it@@example.edu")],
)
def test_what_cannot_be_bound_makes_no_key(wrong: tuple[str, str]) -> None:
    alumniq("key", "issue", "iqu", "qa", *wrong, code=2)
    assert run_json("key", "list") == []


def test_a_rotated_key_opens_the_same_and_the_old_one_ends_soon() -> None:
    old = run_json("key", "issue", "iqu", "qa", "--feed", "warehouse")
    new = run_json("key", "rotate", old["prefix"], "--overlap", "3")

    assert new["feeds"] == ["warehouse"]
    assert new["key"] != old["key"]
    listed = {key["prefix"]: key for key in run_json("key", "list")}
    assert listed[old["prefix"]]["replaced_by"] == new["prefix"]
    assert listed[old["prefix"]]["live"]
    assert listed[old["prefix"]]["expires_at"] < old["expires_at"]
    assert "replaced, ends" in alumniq("key", "list").stdout


def test_only_a_live_key_can_be_rotated() -> None:
    old = run_json("key", "issue", "iqu", "qa")
    alumniq("key", "revoke", old["prefix"])

    assert "alumniq key list" in alumniq("key", "rotate", old["prefix"], code=2).output
    alumniq("key", "rotate", "aq_test_none", code=2)
    assert len(run_json("key", "list")) == 1


def test_owner_and_staff_are_notified_of_every_key_that_a_command_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALUMNIQ_STAFF_EMAIL", "staff@alumniq.example")
    old = run_json("key", "issue", "iqu", "qa", "--email", "it@example.edu")
    new = run_json("key", "rotate", old["prefix"])

    with closing(Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")) as ledger:
        sent = [
            (notification.id, notification.notice.destination)
            for notification in ledger.notifications.find()
        ]
    assert sorted(sent) == sorted(
        (f"msg_{made['prefix']}-made-{number}", destination)
        for made in (old, new)
        for number, destination in enumerate(("it@example.edu", "staff@alumniq.example"), start=1)
    )


def test_a_key_is_rotated_twice_and_then_only_once_a_successor_is_revoked() -> None:
    old = run_json("key", "issue", "iqu", "qa")
    first, _ = (run_json("key", "rotate", old["prefix"]) for _ in range(2))

    assert first["prefix"] in alumniq("key", "rotate", old["prefix"], code=2).output
    alumniq("key", "revoke", first["prefix"])
    run_json("key", "rotate", old["prefix"])


@pytest.mark.parametrize(
    ("environment", "url"),
    [("qa", "https://qa-feeds.example.edu"), ("production", "https://feeds.example.edu")],
)
def test_a_new_key_is_shown_with_the_address_of_its_environment(
    monkeypatch: pytest.MonkeyPatch, environment: str, url: str
) -> None:
    monkeypatch.setenv("ALUMNIQ_PUBLIC_URL", "https://feeds.example.edu")
    monkeypatch.setenv("ALUMNIQ_QA_PUBLIC_URL", "https://qa-feeds.example.edu")
    issued = run_json("key", "issue", "iqu", environment)
    assert issued["url"] == url
    assert run_json("key", "rotate", issued["prefix"])["url"] == url
    shown = alumniq("key", "issue", "iqu", environment)
    assert f" UTC, at {url}. It is shown only once" in shown.stderr
    assert "http" not in shown.stdout, "a script reads the key alone"


def test_a_command_refuses_public_urls_that_cannot_be_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("ALUMNIQ_PUBLIC_URL", "ALUMNIQ_QA_PUBLIC_URL"):
        monkeypatch.setenv(name, "https://feeds.example.edu")
    refused = alumniq("key", "list", code=2)
    assert "ALUMNIQ_PUBLIC_URL has the same host" in refused.stderr
    assert "Traceback" not in refused.output
