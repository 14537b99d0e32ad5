"""Chat messages and heartbeats over real sockets, through the outbox."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from alumniq_pipelines.adapters.notifiers import http
from alumniq_pipelines.adapters.notifiers.chat import ChatNotifier
from alumniq_pipelines.adapters.notifiers.heartbeat import HeartbeatNotifier
from alumniq_pipelines.adapters.notifiers.teams import TeamsNotifier
from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    DeliveryResult,
    Notice,
    Notification,
    NotificationState,
)
from alumniq_pipelines.core.notifications.staff import STAFF_CHAT
from alumniq_pipelines.defs.resources import open_ledger
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import open_notifiers
from tests.servers import receiver as behaviour
from tests.servers.receiver import Receiver

LOOPBACK = AddressPolicy.of(["127.0.0.0/8"])
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def due(channel: Channel, destination: str, body: str = "") -> Notification:
    notice = Notice(channel, destination, body, audience=Audience.STAFF)
    return Notification(
        id="n1",
        job_id=None,
        notice=notice,
        state=NotificationState.PENDING,
        attempts=0,
        created_at=NOW,
        next_attempt_at=NOW,
        incident_id=1,
    )


def chat(url: str | None) -> DeliveryResult:
    notice = STAFF_CHAT.notice("Away", "The bucket is away.")
    message = due(Channel.CHAT, notice.destination, notice.body)
    return asyncio.run(ChatNotifier(url).deliver(message))


def test_a_chat_gets_json_that_slack_takes_also_in_our_own_network(receiver: Receiver) -> None:
    assert chat(f"{receiver.url}/services/T0/B0/s3cret").delivered
    [request] = receiver.received
    assert request.method == "POST"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == {"text": "*Away*\nThe bucket is away."}


def test_a_chat_that_is_down_is_tried_again_and_one_that_is_gone_is_not(
    receiver: Receiver,
) -> None:
    receiver.answers.append(behaviour.status(503))
    assert chat(receiver.url) == DeliveryResult(delivered=False, detail="HTTP 503")
    assert chat(None).permanent


def test_the_url_of_a_chat_is_shown_nowhere() -> None:
    assert "s3cret" not in repr(Settings(staff_webhook="https://hooks.example.org/s3cret"))
    assert "s3cret" not in repr(ChatNotifier("https://hooks.example.org/s3cret"))
    assert "s3cret" not in repr(Settings(staff_teams_webhook="https://teams.example.org/s3cret"))
    assert "s3cret" not in repr(TeamsNotifier("https://teams.example.org/s3cret"))


def test_a_heartbeat_is_a_bare_get(receiver: Receiver) -> None:
    beat = due(Channel.HEARTBEAT, f"{receiver.url}/ping/abc/start")
    assert asyncio.run(HeartbeatNotifier(LOOPBACK).deliver(beat)).delivered
    [request] = receiver.received
    assert (request.method, request.path, request.body) == ("GET", "/ping/abc/start", b"")
    assert "content-type" not in request.headers


@pytest.mark.parametrize("url", ["{}/x", "http://localhost:1/x", "http://169.254.169.254/x"])
def test_a_heartbeat_reaches_no_address_that_a_callback_may_not(
    receiver: Receiver, url: str
) -> None:
    beat = due(Channel.HEARTBEAT, url.format(receiver.url))
    result = asyncio.run(HeartbeatNotifier(AddressPolicy()).deliver(beat))
    assert result == DeliveryResult(delivered=False, detail="address-not-allowed")
    assert receiver.received == []


def test_every_channel_has_its_notifier(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with open_ledger(settings) as ledger:
        assert set(open_notifiers(settings, ledger)) == set(Channel)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_our_own_list_of_authorities_that_cannot_be_read_is_held_against_no_receiver(
    receiver: Receiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    content: str | None,
) -> None:
    authorities = tmp_path / "authorities.pem"
    if content is not None:
        authorities.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(authorities))
    monkeypatch.setattr(http, "_tls", httpx.create_ssl_context)
    result = asyncio.run(HeartbeatNotifier(LOOPBACK).beat(receiver.url))
    assert result == DeliveryResult(delivered=False, detail="our-fault")
    assert "create_ssl_context" in caplog.text
    assert receiver.received == []
