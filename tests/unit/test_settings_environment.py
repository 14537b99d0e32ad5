"""Settings on their way to child processes."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from alumniq_pipelines.settings import Settings, child_environment


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
