"""While our own mail server refuses us, one mail tries it now and then, and the others wait."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from alumniq_pipelines.core.notifications.failure_cause import FailureCause
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    DeliveryResult,
    Notice,
    Notification,
)
from alumniq_pipelines.services.sending_queue import MAX_PAUSE_SECONDS, PAUSE_SECONDS, SendingQueue
from tests.pending_notifications import pending

NOW = datetime(2026, 3, 1, tzinfo=UTC)
REFUSED = DeliveryResult(delivered=False, detail="refused", cause=FailureCause.CHANNEL)
SENT = DeliveryResult(delivered=True, detail="sent")
BOUNCED = DeliveryResult(delivered=False, detail="no such mailbox", permanent=True)


def mail(address: str = "you@example.edu") -> Notification:
    notice = Notice(Channel.MAIL, address, "Text.", "S", audience=Audience.CUSTOMER)
    return pending(notice, NOW)


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: float = 1_000.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> SendingQueue:
    return SendingQueue([Channel.MAIL], 3, 2, clock)


def fail(queue: SendingQueue, attempts: int = 1) -> None:
    for _ in range(attempts):
        queue.end(mail(), REFUSED)


def test_no_more_than_the_limit_are_in_flight(queue: SendingQueue) -> None:
    assert queue.reserve() == 3
    assert queue.reserve() == 0
    queue.end(mail(), SENT)
    assert queue.reserve() == 1


def test_room_for_which_nothing_is_due_is_given_back(queue: SendingQueue) -> None:
    queue.give_back(queue.reserve() - 1)
    assert queue.reserve() == 2


def test_after_a_refusal_one_attempt_tries_it_once_the_pause_is_over(
    queue: SendingQueue, clock: Clock
) -> None:
    queue.reserve()
    fail(queue, 3)
    assert queue.reserve() == 0
    clock.now += PAUSE_SECONDS
    assert queue.reserve() == 1
    assert queue.reserve() == 0
    fail(queue)
    clock.now += PAUSE_SECONDS
    assert queue.reserve() == 0  # the second pause is longer
    clock.now += PAUSE_SECONDS
    assert queue.reserve() == 1


@pytest.mark.parametrize("result", [SENT, BOUNCED])
def test_all_go_again_once_the_server_takes_mail_or_refuses_a_recipient(
    queue: SendingQueue, clock: Clock, result: DeliveryResult
) -> None:
    queue.reserve()
    fail(queue, 3)
    clock.now += PAUSE_SECONDS
    assert queue.reserve() == 1
    queue.end(mail(), result)
    assert queue.reserve() == 3


def test_a_pause_is_never_longer_than_five_minutes(queue: SendingQueue, clock: Clock) -> None:
    for _ in range(20):
        assert queue.reserve() > 0
        fail(queue)
        clock.now += MAX_PAUSE_SECONDS
    assert queue.reserve() == 1


def test_a_try_for_which_nothing_was_due_costs_no_pause(queue: SendingQueue, clock: Clock) -> None:
    queue.reserve()
    fail(queue, 3)
    clock.now += PAUSE_SECONDS
    queue.give_back(queue.reserve())
    assert queue.reserve() == 1


def test_no_more_are_claimed_than_the_busiest_domain_may_still_get(queue: SendingQueue) -> None:
    assert queue.max_to_claim(3) == 2
    queue.start(mail("a@slow.example"))
    assert queue.max_to_claim(3) == 1
    queue.start(mail("b@slow.example"))  # excluded from now on
    assert queue.max_to_claim(1) == 1
    assert queue.max_to_claim(3) == 2


def test_one_domain_gets_no_more_than_its_share(queue: SendingQueue) -> None:
    queue.start(mail("a@Slow.example"))
    assert queue.busy_domains() == []
    queue.start(mail("b@slow.example"))
    assert queue.busy_domains() == ["slow.example"]
    queue.end(mail("a@slow.example"), SENT)
    assert queue.busy_domains() == []
