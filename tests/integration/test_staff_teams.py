"""Microsoft Teams for staff, from the settings through the outbox to a real receiver."""

import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.cli.main import app
from alumniq_pipelines.core.monitoring.incident import Condition, Kind
from alumniq_pipelines.core.notifications.incidents import opened_notices
from alumniq_pipelines.core.notifications.notification import (
    RETRY_DELAYS,
    Channel,
    Notification,
    NotificationState,
)
from alumniq_pipelines.services.delivery import deliver_due
from alumniq_pipelines.services.load_actions import resend
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import open_notifiers, staff_of
from tests.servers import receiver as behaviour
from tests.servers.receiver import Receiver

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECRET = (
    "/workflows/0a1b/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Frun&sig=s3cret"
)
"""As Workflows writes it: what must be secret is in the query."""


@pytest.fixture
def settings(tmp_path: Path, receiver: Receiver) -> Settings:
    """Settings of an installation whose staff use Teams only."""
    return Settings(
        data_dir=tmp_path / "var", staff_teams_webhook=SecretStr(f"{receiver.url}{SECRET}")
    )


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    settings.home.mkdir(mode=0o700)
    opened = Ledger.open(settings.ledger)
    opened.migrate()
    yield opened
    opened.close()


def notify(ledger: Ledger, settings: Settings) -> list[Notification]:
    """Notify staff of an incident and return what is due."""
    condition = Condition(
        key="bucket",
        kind=Kind.BUCKET_UNAVAILABLE,
        title="The store is away",
        detail="It is *away*.",
    )
    ledger.incidents.open(condition, NOW)
    ids = [incident.id for incident in ledger.incidents.list_open()]
    ledger.incidents.notify(ids, NOW, lambda found: opened_notices(found, staff_of(settings)))
    return list(ledger.notifications.find())


def deliver(ledger: Ledger, settings: Settings, now: datetime = NOW) -> None:
    deliver_due(ledger.notifications, open_notifiers(settings, ledger), lambda: now)


def only(ledger: Ledger) -> Notification:
    [notification] = ledger.notifications.find()
    return notification


@pytest.mark.parametrize("code", [200, 202])
def test_a_card_arrives_at_the_webhook_of_the_settings_also_in_our_own_network(
    ledger: Ledger, settings: Settings, receiver: Receiver, code: int
) -> None:
    notify(ledger, settings)
    receiver.answers.append(behaviour.status(code))
    deliver(ledger, settings)
    [request] = receiver.received
    assert (request.method, request.path) == ("POST", SECRET)
    assert request.headers["content-type"] == "application/json"
    [attachment] = json.loads(request.body)["attachments"]
    blocks = [block["text"] for block in attachment["content"]["body"] if "text" in block]
    assert blocks == ["The store is away", "It is \\*away\\*."]
    assert only(ledger).state is NotificationState.DELIVERED


def test_mail_a_chat_and_teams_are_notified_side_by_side(
    ledger: Ledger, settings: Settings, receiver: Receiver
) -> None:
    every = settings.model_copy(
        update={
            "staff_email": "ops@alumniq.example",
            "staff_webhook": SecretStr(f"{receiver.url}/chat"),
        }
    )
    assert {notification.notice.channel for notification in notify(ledger, every)} == {
        Channel.MAIL,
        Channel.CHAT,
        Channel.TEAMS,
    }
    deliver(ledger, every)
    assert {request.path for request in receiver.received} == {"/chat", SECRET}
    bodies = {request.path: json.loads(request.body) for request in receiver.received}
    assert set(bodies["/chat"]) == {"text"}
    assert bodies[SECRET]["type"] == "message"
    [mail] = settings.mail_dir.glob("*.eml")
    assert "Staff: The store is away" in mail.read_text()


def test_teams_that_is_down_gets_the_same_bytes_again(
    ledger: Ledger, settings: Settings, receiver: Receiver
) -> None:
    notify(ledger, settings)
    receiver.answers.append(behaviour.status(503))
    deliver(ledger, settings)
    waiting = only(ledger)
    assert (waiting.state, waiting.attempts) == (NotificationState.PENDING, 1)
    assert waiting.next_attempt_at - NOW >= RETRY_DELAYS[1]
    deliver(ledger, settings, waiting.next_attempt_at)
    first, second = receiver.received
    assert first.body == second.body
    assert only(ledger).state is NotificationState.DELIVERED


def test_teams_that_asks_for_time_gets_it(
    ledger: Ledger, settings: Settings, receiver: Receiver
) -> None:
    notify(ledger, settings)
    receiver.answers.append(behaviour.status(429, Retry_After="1800"))
    deliver(ledger, settings)
    assert only(ledger).next_attempt_at - NOW >= timedelta(minutes=30)
    deliver(ledger, settings, NOW + timedelta(minutes=29))
    assert len(receiver.received) == 1


def test_what_is_pending_for_a_webhook_that_was_unset_is_given_up(
    ledger: Ledger, settings: Settings, receiver: Receiver
) -> None:
    notify(ledger, settings)
    deliver(ledger, settings.model_copy(update={"staff_teams_webhook": None}))
    assert only(ledger).state is NotificationState.GIVEN_UP
    assert receiver.received == []
    [(_, result)] = ledger.notifications.attempts(only(ledger).id)
    assert result.detail == "no-webhook"


def test_staff_send_a_card_again_with_the_same_bytes(
    ledger: Ledger, settings: Settings, receiver: Receiver
) -> None:
    [sent] = notify(ledger, settings)
    deliver(ledger, settings)
    resend(ledger, sent.id, "staff ada", NOW)
    deliver(ledger, settings)
    first, second = receiver.received
    assert first.body == second.body


def test_the_webhook_reaches_no_log_no_ledger_and_no_command(
    ledger: Ledger,
    settings: Settings,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    [sent] = notify(ledger, settings)
    receiver.answers.extend([behaviour.status(400), behaviour.raw(b"nonsense\r\n\r\n")])
    deliver(ledger, settings)
    deliver(ledger, settings, NOW + timedelta(days=1))
    away = settings.model_copy(
        update={"staff_teams_webhook": SecretStr("http://s3cret.invalid/s3cret")}
    )
    deliver(ledger, away, NOW + timedelta(days=2))
    assert len(ledger.notifications.attempts(sent.id)) == 3
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("ALUMNIQ_STAFF_TEAMS_WEBHOOK", f"{receiver.url}{SECRET}")
    shown = CliRunner().invoke(app, ["notification", "show", sent.id]).output
    assert re.search(r"teams to staff", shown)
    files = [path.read_bytes() for path in settings.home.rglob("*") if path.is_file()]
    assert files
    assert not [text for text in files if b"s3cret" in text]
    assert "s3cret" not in shown + caplog.text
