"""Delivery from the ledger to a real receiver: reliable, and no receiver delays another."""

import json
import logging
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.notifiers.callback import CallbackNotifier
from alumniq_pipelines.adapters.notifiers.mail import MailNotifier
from alumniq_pipelines.adapters.notifiers.smtp import SmtpTransport
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy
from alumniq_pipelines.core.notifications.load_outcome import notices_for
from alumniq_pipelines.core.notifications.notification import (
    RETRY_DELAYS,
    Channel,
    DeliveryResult,
    Notification,
    NotificationState,
)
from alumniq_pipelines.core.problems.outage import LedgerUnavailable
from alumniq_pipelines.services.delivery import DeliverySummary, deliver_due
from alumniq_pipelines.telemetry.logs import json_formatter
from tests.servers import receiver as behaviour
from tests.servers.receiver import Receiver
from tests.servers.smtp import MailServer

START = datetime(2026, 3, 1, tzinfo=UTC)
FAILED = Outcome(LoadState.FAILED, ("Error message 1",))
CALLBACKS = CallbackNotifier(AddressPolicy.of(["127.0.0.0/8"]), seconds=1.0)


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime = START

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    opened.migrate()
    opened.customers.add(Customer("iqu", "IQ University", "iqu"), START)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def enqueue(ledger: Ledger, url: str) -> Notification:
    """End a load that requested a callback, which is then due at once."""
    target = Target("iqu", Environment.QA, "warehouse")
    request = LoadRequest(new_job_id(), target, "warehouse.csv", "e1", 1, notify_webhook=url)
    load = ledger.loads.accept(request, START)
    assert ledger.loads.end(load.job_id, FAILED, notices_for(load, FAILED), START)
    return ledger.notifications.of(load.job_id)[0]


def state(ledger: Ledger, notification: Notification) -> NotificationState:
    assert notification.job_id
    return ledger.notifications.of(notification.job_id)[0].state


def deliver_callbacks(ledger: Ledger, clock: Clock, *, in_flight: int = 64) -> DeliverySummary:
    return deliver_due(
        ledger.notifications, {Channel.CALLBACK: CALLBACKS}, clock, in_flight=in_flight
    )


def test_a_pending_notification_arrives_and_is_marked_delivered(
    ledger: Ledger, clock: Clock, receiver: Receiver
) -> None:
    enqueued = enqueue(ledger, receiver.url)
    assert deliver_callbacks(ledger, clock) == DeliverySummary(delivered=1, failed=0)
    assert receiver.received[0].body == enqueued.notice.body.encode()
    assert state(ledger, enqueued) is NotificationState.DELIVERED
    assert deliver_callbacks(ledger, clock) == DeliverySummary()


def test_every_attempt_sends_the_same_bytes_under_the_same_id(
    ledger: Ledger, clock: Clock, receiver: Receiver
) -> None:
    enqueued = enqueue(ledger, receiver.url)
    receiver.answers.extend([behaviour.status(500), behaviour.status(302), behaviour.never_answer])
    for _ in range(4):
        deliver_callbacks(ledger, clock)
        clock.now += timedelta(hours=3)
    assert {request.body for request in receiver.received} == {enqueued.notice.body.encode()}
    assert {request.headers["webhook-id"] for request in receiver.received} == {enqueued.id}
    details = [result.detail for _, result in ledger.notifications.attempts(enqueued.id)]
    assert details == ["HTTP 500", "HTTP 302", "no-answer 1", "HTTP 200"]
    assert state(ledger, enqueued) is NotificationState.DELIVERED


def test_a_failed_attempt_is_not_repeated_before_its_time(
    ledger: Ledger, clock: Clock, receiver: Receiver
) -> None:
    enqueue(ledger, receiver.url)
    receiver.answers.append(behaviour.status(500))
    assert deliver_callbacks(ledger, clock) == DeliverySummary(failed=1)
    clock.now += RETRY_DELAYS[1] - timedelta(milliseconds=1)
    assert deliver_callbacks(ledger, clock) == DeliverySummary()
    clock.now += RETRY_DELAYS[1]
    assert deliver_callbacks(ledger, clock) == DeliverySummary(delivered=1)


@pytest.mark.parametrize("jump", [timedelta(hours=-5), timedelta(days=-400), timedelta(days=30)])
def test_a_clock_that_jumps_delays_at_most_and_loses_nothing(
    ledger: Ledger, clock: Clock, receiver: Receiver, jump: timedelta
) -> None:
    enqueued = enqueue(ledger, receiver.url)
    receiver.answers.append(behaviour.status(500))
    deliver_callbacks(ledger, clock)
    clock.now += jump
    deliver_callbacks(ledger, clock)
    clock.now = START + timedelta(hours=1)
    deliver_callbacks(ledger, clock)
    assert state(ledger, enqueued) is NotificationState.DELIVERED
    assert [request.headers["webhook-id"] for request in receiver.received] == [enqueued.id] * 2


def test_one_refused_recipient_does_not_stop_the_mail_to_the_others(
    ledger: Ledger, clock: Clock, mail_server: MailServer
) -> None:
    target = Target("iqu", Environment.QA, "warehouse")
    both = "gone@example.edu, you@example.edu"
    request = LoadRequest(new_job_id(), target, "warehouse.csv", "e1", 1, notify_email=both)
    load = ledger.loads.accept(request, START)
    ledger.loads.end(load.job_id, FAILED, notices_for(load, FAILED), START)
    mail_server.refused["gone@example.edu"] = "550 no such mailbox"
    post = SmtpTransport("127.0.0.1", mail_server.port, "none")
    notifier = MailNotifier(post, "Feeds <feeds@example.org>")
    assert deliver_due(ledger.notifications, {Channel.MAIL: notifier}, clock) == DeliverySummary(
        1, 1
    )
    states = {
        notification.notice.destination: notification.state
        for notification in ledger.notifications.of(load.job_id)
    }
    assert states == {
        "gone@example.edu": NotificationState.GIVEN_UP,
        "you@example.edu": NotificationState.DELIVERED,
    }
    assert [message["To"] for message in mail_server.received] == ["you@example.edu"]


def test_a_receiver_that_never_accepts_it_is_given_up_after_the_last_retry(
    ledger: Ledger, clock: Clock, receiver: Receiver
) -> None:
    enqueued = enqueue(ledger, receiver.url)
    receiver.by_path["/"] = behaviour.status(500)
    for _ in range(len(RETRY_DELAYS) + 3):
        deliver_callbacks(ledger, clock)
        clock.now += timedelta(days=2)
    assert len(receiver.received) == len(RETRY_DELAYS)
    assert state(ledger, enqueued) is NotificationState.GIVEN_UP


def test_a_receiver_that_is_gone_is_given_up_at_once(
    ledger: Ledger, clock: Clock, receiver: Receiver
) -> None:
    enqueued = enqueue(ledger, receiver.url)
    receiver.answers.append(behaviour.status(410))
    assert deliver_callbacks(ledger, clock) == DeliverySummary(failed=1)
    assert state(ledger, enqueued) is NotificationState.GIVEN_UP


def test_several_senders_at_once_send_each_notification_once(
    ledger: Ledger, clock: Clock, receiver: Receiver
) -> None:
    enqueued = [enqueue(ledger, receiver.url) for _ in range(40)]
    summary: list[DeliverySummary] = []
    senders = [
        threading.Thread(
            target=lambda: summary.append(deliver_callbacks(ledger, clock, in_flight=8))
        )
        for _ in range(3)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert sum(result.delivered for result in summary) == len(enqueued)
    ids = [request.headers["webhook-id"] for request in receiver.received]
    assert sorted(ids) == sorted(result.id for result in enqueued)


def test_slow_and_failing_receivers_delay_no_other(
    ledger: Ledger, clock: Clock, receiver: Receiver
) -> None:
    receiver.by_path["/slow"] = behaviour.never_answer
    receiver.by_path["/failing"] = behaviour.status(500)
    slow = [enqueue(ledger, f"{receiver.url}/slow") for _ in range(10)]
    failing = [enqueue(ledger, f"{receiver.url}/failing") for _ in range(10)]
    for _ in range(80):
        enqueue(ledger, receiver.url)
    begun = time.monotonic()
    summary = deliver_callbacks(ledger, clock, in_flight=16)
    assert summary == DeliverySummary(delivered=80, failed=len(slow) + len(failing))
    assert time.monotonic() - begun < 10  # what the slow ones alone take one after the other


def test_what_becomes_due_during_a_slow_delivery_is_sent_beside_it(
    ledger: Ledger, clock: Clock, receiver: Receiver
) -> None:
    slow = enqueue(ledger, f"{receiver.url}/slow")
    later: list[Notification] = []

    def enqueue_another(handler: BaseHTTPRequestHandler, closing: threading.Event) -> None:
        later.append(enqueue(ledger, receiver.url))
        behaviour.never_answer(handler, closing)

    receiver.by_path["/slow"] = enqueue_another
    patient = CallbackNotifier(CALLBACKS.addresses, seconds=3.0)
    summary = deliver_due(ledger.notifications, {Channel.CALLBACK: patient}, clock)
    assert summary == DeliverySummary(delivered=1, failed=1)
    [(_, late)] = ledger.notifications.attempts(slow.id)
    assert not late.delivered
    assert state(ledger, later[0]) is NotificationState.DELIVERED


class FaultyNotifier:
    """A notifier with a bug."""

    async def deliver(self, notification: Notification) -> DeliveryResult:
        """Raise an error whose text could contain a customer's data."""
        message = f"secret of {notification.notice.destination}"
        raise KeyError(message)


def test_a_bug_in_a_notifier_is_a_failed_attempt_and_its_text_is_not_stored(
    ledger: Ledger, clock: Clock, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    enqueued = enqueue(ledger, receiver.url)
    with caplog.at_level(logging.ERROR):
        summary = deliver_due(ledger.notifications, {Channel.CALLBACK: FaultyNotifier()}, clock)
    assert summary == DeliverySummary(failed=1)
    [(_, result)] = ledger.notifications.attempts(enqueued.id)
    assert result == DeliveryResult(delivered=False, detail="our-fault")
    assert "in deliver" in caplog.text
    assert "secret" not in caplog.text


def test_what_a_delivery_logs_names_its_load(
    ledger: Ledger, clock: Clock, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    enqueued = enqueue(ledger, receiver.url)
    caplog.handler.setFormatter(json_formatter())
    deliver_due(ledger.notifications, {Channel.CALLBACK: FaultyNotifier()}, clock)
    [line] = caplog.text.splitlines()
    assert json.loads(line)["job_id"] == enqueued.job_id


@dataclass
class LosingOutbox:
    """The outbox of a ledger that becomes unavailable after some records."""

    ledger: Ledger
    records: int
    recorded: list[str] = field(default_factory=list)

    def claim(
        self,
        now: datetime,
        lease: timedelta,
        limit: int,
        channels: Collection[Channel],
        except_domains: Collection[str],
    ) -> Sequence[Notification]:
        """Claim due notifications."""
        return self.ledger.notifications.claim(now, lease, limit, channels, except_domains)

    def renew(self, notification: Notification, until: datetime) -> Notification:
        """Extend a lease."""
        return self.ledger.notifications.renew(notification, until)

    def record(self, notification: Notification, result: DeliveryResult, now: datetime) -> None:
        """Record a result while the ledger is available."""
        if len(self.recorded) >= self.records:
            reason = "OperationalError"
            raise LedgerUnavailable(reason)
        self.recorded.append(notification.id)
        self.ledger.notifications.record(notification, result, now)


def test_what_was_sent_but_not_recorded_is_sent_again_once_the_lease_is_over(
    ledger: Ledger, clock: Clock, receiver: Receiver
) -> None:
    for _ in range(3):
        enqueue(ledger, receiver.url)
    losing = LosingOutbox(ledger, records=1)
    with pytest.raises(LedgerUnavailable):
        deliver_due(losing, {Channel.CALLBACK: CALLBACKS}, clock, in_flight=1)
    assert deliver_callbacks(ledger, clock).delivered < 3
    clock.now += timedelta(minutes=10)
    deliver_callbacks(ledger, clock)
    summary = {json.loads(request.body)["jobId"] for request in receiver.received}
    assert len(summary) == 3
    assert deliver_callbacks(ledger, clock) == DeliverySummary()
