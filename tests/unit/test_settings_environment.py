"""Settings on their way to child processes."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from alumniq_pipelines.core.problems.settings import SecretFileUnreadable, UnusableSettings
from alumniq_pipelines.settings import Settings, child_environment
from alumniq_pipelines.settings_faults import unknown_variables


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def child_of(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Read the settings that a child process would read."""
    with monkeypatch.context() as patched:
        for name, value in child_environment(settings).items():
            patched.setenv(name, value)
        return Settings()


def test_a_child_has_the_settings_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(
        data_dir=Path("here"),
        gateway_port=8181,
        retry_seconds=0.5,
        callback_allowed_networks=("10.0.0.0/8", "fd00::/8"),
        smtp_username="feeds",
    )
    expected = settings.model_copy(update={"data_dir": settings.home})
    assert child_of(settings, monkeypatch) == expected


def test_what_a_parent_chose_wins_over_dotenv_and_secret_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("ALUMNIQ_LEDGER_URL=sqlite:///dotenv.db\n")
    (tmp_path / "url").write_text("sqlite:///file.db")
    monkeypatch.setenv("ALUMNIQ_LEDGER_URL_FILE", str(tmp_path / "url"))
    chosen = Settings(ledger_url="sqlite:///chosen.db")
    environment_of_child = child_environment(chosen)
    monkeypatch.delenv("ALUMNIQ_LEDGER_URL_FILE")
    assert "ALUMNIQ_LEDGER_URL_FILE" not in environment_of_child
    assert child_of(chosen, monkeypatch).ledger == "sqlite:///chosen.db"


def test_a_secret_is_not_written_into_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALUMNIQ_SMTP_PASSWORD", raising=False)
    settings = Settings(smtp_password=SecretStr("correct horse"))
    assert "ALUMNIQ_SMTP_PASSWORD" not in child_environment(settings)


def test_settings_that_are_not_valid_are_all_named_and_no_value_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALUMNIQ_GATEWAY_PORT", "open-sesame")
    monkeypatch.setenv("ALUMNIQ_BUCKET", "open-sesame")
    with pytest.raises(UnusableSettings) as refused:
        Settings()
    assert refused.value.detail == (
        "A setting cannot be used: ALUMNIQ_GATEWAY_PORT: input should be a valid integer, unable "
        "to parse string as an integer; ALUMNIQ_BUCKET: input should be 'folder' or 's3'."
    )


def test_a_list_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALUMNIQ_CALLBACK_ALLOWED_NETWORKS", "10.20.0.0/16")
    with pytest.raises(UnusableSettings, match=r"ALUMNIQ_CALLBACK_ALLOWED_NETWORKS: .* be JSON"):
        Settings()


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_secret_file_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    secret = tmp_path / "key"
    if content is not None:
        secret.write_bytes(content)
    monkeypatch.setenv("ALUMNIQ_SIGNING_KEY_FILE", str(secret))
    with pytest.raises(SecretFileUnreadable, match=f"ALUMNIQ_SIGNING_KEY_FILE names .*{secret}"):
        Settings()


def test_unknown_variables_are_found_wherever_they_are_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith("ALUMNIQ_"):
            monkeypatch.delenv(name)
    for name in ("GATEWAY_PORT", "SIGNING_KEY_FILE", "STAFF_PASSWORD", "WAREHOSE", "TEAM_SIZE"):
        monkeypatch.setenv(f"ALUMNIQ_{name}", "1")
    (tmp_path / ".env").write_text("ALUMNIQ_MAIL_FORM=x\nOTHER=1\n")
    found = {problem.detail.split()[0]: problem.advice for problem in unknown_variables(Settings)}
    assert found == {
        "ALUMNIQ_MAIL_FORM": "Did you mean ALUMNIQ_MAIL_FROM? Rename it.",
        "ALUMNIQ_TEAM_SIZE": "Remove it, or write it as in alumniq_pipelines/settings.py.",
        "ALUMNIQ_WAREHOSE": "Did you mean ALUMNIQ_WAREHOUSE? Rename it.",
    }
