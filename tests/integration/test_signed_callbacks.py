"""Signed callbacks, verified by the official package as a receiver would."""

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from alumniq_pipelines.adapters.notifiers.callback import (
    CallbackNotifier,
    SecretsLookup,
    no_secrets,
)
from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    Notice,
)
from alumniq_pipelines.core.notifications.signing import (
    SigningSalt,
    derive_secret,
    new_key,
    new_salt,
    signature_header,
)
from tests.pending_notifications import pending
from tests.servers.receiver import Received, Receiver

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BODY = '{"jobId": "J", "status": "SUCCESS", "errors": null, "executionCompleted": true}'
TEXT = st.characters(codec="utf-8")
LOOPBACK = AddressPolicy.of(["127.0.0.0/8"])


def a_secret() -> str:
    return derive_secret(new_key(), SigningSalt(customer="iqu", salt=new_salt(), created_at=NOW))


def received(receiver: Receiver, secrets: SecretsLookup) -> Received:
    notice = Notice(Channel.CALLBACK, receiver.url, BODY, audience=Audience.CUSTOMER)
    due = pending(notice, NOW, notification_id="msg_1")
    assert asyncio.run(CallbackNotifier(LOOPBACK, secrets=secrets).deliver(due)).delivered
    return receiver.received[-1]


def verified(secret: str, request: Received) -> bool:
    try:
        Webhook(secret).verify(request.body, dict(request.headers))
    except WebhookVerificationError:
        return False
    return True


def test_a_receiver_verifies_a_callback_with_its_secret(receiver: Receiver) -> None:
    secret = a_secret()
    request = received(receiver, lambda _: [secret])
    assert verified(secret, request)
    assert not verified(a_secret(), request)


def test_both_secrets_verify_while_one_replaces_the_other(receiver: Receiver) -> None:
    old, new = a_secret(), a_secret()
    request = received(receiver, lambda _: [new, old])
    assert verified(old, request)
    assert verified(new, request)


def test_without_a_secret_a_callback_has_no_signature(receiver: Receiver) -> None:
    assert "webhook-signature" not in received(receiver, no_secrets).headers


@given(st.text(TEXT), st.text(TEXT))
def test_we_sign_as_the_official_package_does(name: str, body: str) -> None:
    secret, now = a_secret(), datetime.now(UTC)
    assert signature_header(name, now, body, [secret]) == Webhook(secret).sign(name, now, body)


def test_secrets_differ_by_customer_by_salt_and_by_installation() -> None:
    keys, salts = [new_key(), new_key()], [new_salt(), new_salt()]
    made = {
        derive_secret(key, SigningSalt(customer=customer, salt=salt, created_at=NOW))
        for key in keys
        for salt in salts
        for customer in ("abc", "iqu")
    }
    assert len(made) == 8


@pytest.mark.parametrize("change", [b"SUCCESS", b"true"])
def test_a_changed_body_is_not_verified(receiver: Receiver, change: bytes) -> None:
    secret = a_secret()
    request = received(receiver, lambda _: [secret])
    forged = Received(request.path, request.headers, request.body.replace(change, b"FAILED"))
    assert not verified(secret, forged)
