"""A mail server may take ten minutes for its answer: nobody else waits for it, nor does a tick."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.notifiers.callback import CallbackNotifier
from alumniq_pipelines.adapters.notifiers.mail import MailNotifier
from alumniq_pipelines.adapters.notifiers.smtp import SmtpTransport, Timeouts
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import JobId, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy
from alumniq_pipelines.core.notifications.load_outcome import notices_for
from alumniq_pipelines.core.notifications.notification import (
    Channel,
    NotificationState,
)
from alumniq_pipelines.services.delivery import (
    DeliverySummary,
    Notifier,
    Outbox,
    deliver_in_background,
)
from alumniq_pipelines.services.sending_queue import sending_queues
from tests.servers.receiver import Receiver
from tests.servers.smtp import MailServer

SLOW, QUICK = "slow@one.example", "quick@other.example"
SECONDS = 20
LEASE = timedelta(seconds=1.5)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    opened.migrate()
    opened.customers.add(Customer("iqu", "IQ University", "iqu"), datetime.now(UTC))
    yield opened
    opened.close()


def enqueue(ledger: Ledger, email: str, webhook: str = "") -> JobId:
    now, target = datetime.now(UTC), Target("iqu", Environment.QA, "warehouse")
    request = LoadRequest(
        new_job_id(), target, "w.csv", "e1", 1, notify_email=email, notify_webhook=webhook
    )
    load, failed = ledger.loads.accept(request, now), Outcome(LoadState.FAILED, ("Error",))
    ledger.loads.end(load.job_id, failed, notices_for(load, failed), now)
    return load.job_id


def states(ledger: Ledger, job_id: JobId) -> set[NotificationState]:
    return {notification.state for notification in ledger.notifications.of(job_id)}


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def release(mail_server: MailServer) -> Iterator[threading.Event]:
    """Keep the mail to SLOW waiting for the answer to its content."""
    released = threading.Event()

    def wait(message: EmailMessage) -> None:
        if message["To"] == SLOW:
            released.wait(SECONDS)

    mail_server.before_answer = wait
    yield released
    released.set()


Tick = Callable[[], DeliverySummary]


@pytest.fixture
def tick(ledger: Ledger, mail_server: MailServer) -> Tick:
    """Deliver as one tick after the other of one process, each for half a second."""
    queues = sending_queues()

    @contextmanager
    def open_sender() -> Iterator[tuple[Outbox, Mapping[Channel, Notifier]]]:
        transport = SmtpTransport("127.0.0.1", mail_server.port, "none")
        yield (
            ledger.notifications,
            {
                Channel.MAIL: MailNotifier(transport, "feeds@example.org"),
                Channel.CALLBACK: CallbackNotifier(AddressPolicy.of(["127.0.0.0/8"])),
            },
        )

    return lambda: deliver_in_background(
        open_sender,
        lambda: datetime.now(UTC),
        queues,
        time_budget=timedelta(seconds=0.5),
        lease=LEASE,
    )


def test_a_mail_whose_answer_takes_longer_than_a_tick_is_recorded_when_it_comes(
    ledger: Ledger, mail_server: MailServer, release: threading.Event, tick: Tick
) -> None:
    slow = enqueue(ledger, SLOW)
    begun = time.monotonic()
    assert tick() == DeliverySummary(in_progress=1)
    assert time.monotonic() - begun < SECONDS / 2
    assert tick() == DeliverySummary()  # claimed already, and not a second time
    release.set()
    wait_until(lambda: states(ledger, slow) == {NotificationState.DELIVERED})
    assert [message["To"] for message in mail_server.received] == [SLOW]


def test_a_slow_mail_keeps_no_other_mail_and_no_callback_waiting(
    ledger: Ledger, receiver: Receiver, release: threading.Event, tick: Tick
) -> None:
    slow = [enqueue(ledger, SLOW) for _ in range(5)]
    assert tick() == DeliverySummary(in_progress=5)
    others = enqueue(ledger, QUICK, receiver.url)
    tick()
    wait_until(lambda: states(ledger, others) == {NotificationState.DELIVERED})
    assert {state for job in slow for state in states(ledger, job)} == {NotificationState.PENDING}
    release.set()
    delivered = {NotificationState.DELIVERED}
    wait_until(lambda: all(states(ledger, job_id) == delivered for job_id in slow))


def test_the_mails_to_one_slow_domain_never_take_all_the_room_there_is(
    ledger: Ledger, receiver: Receiver, release: threading.Event, tick: Tick
) -> None:
    slow = [enqueue(ledger, SLOW) for _ in range(9)]
    assert tick() == DeliverySummary(in_progress=9)
    slow += [enqueue(ledger, SLOW) for _ in range(16)]
    assert tick() == DeliverySummary(in_progress=1)
    others = enqueue(ledger, QUICK, receiver.url)
    tick()
    wait_until(lambda: states(ledger, others) == {NotificationState.DELIVERED})
    release.set()
    delivered = {NotificationState.DELIVERED}
    wait_until(lambda: bool(tick()) and all(states(ledger, job) == delivered for job in slow))


def test_a_mail_that_takes_longer_than_its_lease_is_not_sent_a_second_time(
    ledger: Ledger, mail_server: MailServer, release: threading.Event, tick: Tick
) -> None:
    slow = enqueue(ledger, SLOW)
    tick()
    until = datetime.now(UTC) + 3 * LEASE
    wait_until(lambda: tick() == DeliverySummary() and datetime.now(UTC) > until)
    release.set()
    wait_until(lambda: states(ledger, slow) == {NotificationState.DELIVERED})
    assert [message["To"] for message in mail_server.received] == [SLOW]


def test_a_mail_whose_sender_has_died_is_sent_once_its_lease_is_over(
    ledger: Ledger, mail_server: MailServer, tick: Tick
) -> None:
    lost = enqueue(ledger, QUICK)
    assert ledger.notifications.claim(datetime.now(UTC), LEASE)
    assert tick() == DeliverySummary()
    wait_until(lambda: bool(tick()) and states(ledger, lost) == {NotificationState.DELIVERED})
    assert [message["To"] for message in mail_server.received] == [QUICK]


def test_the_answer_to_the_content_is_waited_for_as_long_as_the_rfc_says() -> None:
    assert Timeouts().content == 600  # RFC 5321, 4.5.3.2.6
