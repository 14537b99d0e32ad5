"""From the command that creates a secret to the receiver that verifies with it."""

import json
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook
from typer.testing import CliRunner

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.cli.main import app
from alumniq_pipelines.core.loads.load import LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.notifications.load_outcome import notices_for
from alumniq_pipelines.core.notifications.notification import NotificationState
from alumniq_pipelines.services.delivery import deliver_due
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import open_notifiers
from tests.servers.receiver import Receiver

FAILED = Outcome(LoadState.FAILED, ("Error message 1",))


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ALUMNIQ_CALLBACK_ALLOWED_NETWORKS", '["127.0.0.0/8"]')
    return Settings()


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    alumniq("customer", "add", "iqu", "--name", "IQ University")
    with closing(Ledger.open(settings.ledger)) as opened:
        yield opened


def alumniq(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == code, result.output
    return result.output if code else result.stdout


def rotated(*words: str) -> str:
    output = alumniq("customer", "signing-secret", "rotate", "iqu", "--json", *words)
    secret: str = json.loads(output)["secret"]
    return secret


def send(ledger: Ledger, settings: Settings, url: str) -> NotificationState:
    """End a load that requested a callback, and make one delivery attempt."""
    now = datetime.now(UTC)
    target = Target("iqu", Environment.QA, "warehouse")
    request = LoadRequest(new_job_id(), target, "warehouse.csv", "e1", 1, notify_webhook=url)
    load = ledger.loads.accept(request, now)
    ledger.loads.end(load.job_id, FAILED, notices_for(load, FAILED), now)
    deliver_due(ledger.notifications, open_notifiers(settings, ledger), lambda: now)
    [sent] = ledger.notifications.of(load.job_id)
    return sent.state


def test_callbacks_are_signed_once_a_customer_has_a_secret(
    ledger: Ledger, settings: Settings, receiver: Receiver
) -> None:
    assert send(ledger, settings, receiver.url) is NotificationState.DELIVERED
    assert "webhook-signature" not in receiver.received[0].headers
    old = rotated()
    new = rotated()
    assert send(ledger, settings, receiver.url) is NotificationState.DELIVERED
    request = receiver.received[1]
    for secret in (old, new):
        assert Webhook(secret).verify(request.body, dict(request.headers))["status"] == "FAILED"
    alumniq("customer", "signing-secret", "stop", "iqu")
    send(ledger, settings, receiver.url)
    assert "webhook-signature" not in receiver.received[2].headers


def test_a_secret_is_stored_nowhere_and_its_key_file_is_private(
    ledger: Ledger, settings: Settings
) -> None:
    secret = rotated()
    assert stat.S_IMODE(settings.signing_key_file.stat().st_mode) == 0o600
    for path in settings.home.rglob("*"):
        if path.is_file():
            assert secret.removeprefix("whsec_").encode() not in path.read_bytes(), path
    assert secret not in repr(ledger.signing.live("iqu", datetime.now(UTC)))


def test_rather_than_unsigned_nothing_is_sent_while_the_key_is_missing(
    ledger: Ledger, settings: Settings, receiver: Receiver
) -> None:
    rotated()
    key = settings.signing_key_file.read_text()
    settings.signing_key_file.unlink()
    assert send(ledger, settings, receiver.url) is NotificationState.PENDING
    assert receiver.received == []
    settings.signing_key_file.write_text(key)
    assert send(ledger, settings, receiver.url) is NotificationState.DELIVERED


@pytest.mark.usefixtures("ledger")
def test_only_an_existing_customer_gets_a_secret_and_otherwise_no_key_is_created(
    settings: Settings,
) -> None:
    output = alumniq("customer", "signing-secret", "rotate", "nobody", code=2)
    assert "alumniq customer add nobody" in output
    assert not settings.signing_key_file.exists()


@pytest.mark.usefixtures("ledger")
def test_a_key_that_is_no_key_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALUMNIQ_SIGNING_KEY", "not hex")
    output = alumniq("customer", "signing-secret", "rotate", "iqu", code=2)
    assert "ALUMNIQ_SIGNING_KEY" in output
