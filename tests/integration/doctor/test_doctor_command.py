"""The command `alumniq doctor`: what it prints, which checks it runs, and how it exits."""

import pytest
from typer.testing import CliRunner

from alumniq_pipelines.cli.installation_check.catalog import CHECKS
from alumniq_pipelines.cli.main import app
from tests.integration.doctor.set_up import SetUp, doctor


def run(*options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["doctor", *options])
    return result.exit_code, result.output


def test_a_person_reads_marks_with_each_fix_below(embedded: SetUp) -> None:
    embedded.set(gatway_port="8080", staff_email="")
    embedded.execute("update alembic_version set version_num = '0001'")
    exit_code, text = run()
    lines = text.splitlines()
    assert (
        lines[lines.index("✗ Settings") + 2]
        == "    → Did you mean ALUMNIQ_GATEWAY_PORT? Rename it."
    )
    assert lines[lines.index("✗ Ledger's tables") + 2] == "    → Upgrade them: alumniq migrate."
    assert "! Channels to staff" in lines
    assert "✓ Ledger" in lines
    assert [line for line in lines if line.startswith("- Not checked because of")] == [
        line for line in lines if line.startswith("- Not checked because of Ledger's tables: ")
    ]
    assert lines[-1] == "To do: Settings, Ledger's tables. Warnings: 1."
    assert exit_code == 1


def test_a_healthy_installation_ends_with_nothing_to_do(embedded: SetUp) -> None:
    assert embedded.gateway
    exit_code, text = run()
    assert text.splitlines()[-1].startswith("Nothing to do.")
    assert exit_code == 0


def test_some_checks_run_with_what_they_need(embedded: SetUp) -> None:
    assert embedded.gateway
    _, checks = doctor("--only", "daemon, staff-channels")
    assert set(checks) == {
        *("profile", "data-folder", "ledger", "revision", "dagster-home", "dagster-tables"),
        *("daemon", "staff-channels"),
    }


def test_an_unknown_check_is_named_with_all_that_there_are() -> None:
    exit_code, text = run("--only", "fonts")
    assert exit_code == 2
    assert "There is no check 'fonts'. Checks: settings, profile, data-folder," in text


def test_settings_that_cannot_be_read_are_the_one_thing_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALUMNIQ_GATEWAY_PORT", "no-number")
    exit_code, checks = doctor()
    assert (exit_code, list(checks)) == (1, ["settings"])
    assert "no-number" not in str(checks)


def test_a_check_needs_only_earlier_ones_and_has_a_name_of_its_own() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    for position, check in enumerate(CHECKS):
        assert set(check.needs) <= set(names[:position]), check.name
