from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.tables import audit
from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.notifications.failure_cause import FailureCause
from alumniq_pipelines.core.notifications.notification import (
    MAX_CHANNEL_OUTAGE,
    RETRY_DELAYS,
    Audience,
    Channel,
    DeliveryResult,
    Notice,
    Notification,
    NotificationState,
    next_attempt_at,
)
from alumniq_pipelines.core.problems.outage import LedgerUnavailable
from tests.integration.ledger.conftest import NOW, Accept

LEASE = timedelta(minutes=2)
SECOND = timedelta(seconds=1)
CALLBACK = Notice(
    Channel.CALLBACK,
    "https://iqu.example/done",
    '{"status": "SUCCESS"}',
    audience=Audience.CUSTOMER,
)
DELIVERED = DeliveryResult(delivered=True, detail="200")
FAILED = DeliveryResult(delivered=False, detail="500")

Enqueue = Callable[[int], None]


@pytest.fixture
def enqueue(ledger: Ledger, accept: Accept) -> Enqueue:
    """End a load with so many notifications."""

    def enqueue_notifications(limit: int) -> None:
        ledger.loads.end(accept().job_id, Outcome(LoadState.SUCCEEDED), [CALLBACK] * limit, NOW)

    return enqueue_notifications


def only(ledger: Ledger) -> Notification:
    (load,) = ledger.loads.find()
    (notification,) = ledger.notifications.of(load.job_id)
    return notification


def test_a_new_notification_is_due_at_once(ledger: Ledger, enqueue: Enqueue) -> None:
    enqueue(1)
    (claimed,) = ledger.notifications.claim(NOW, LEASE)
    assert claimed.notice == CALLBACK
    assert claimed.state is NotificationState.PENDING
    assert (claimed.attempts, claimed.created_at, claimed.next_attempt_at) == (0, NOW, NOW)


def test_the_ledger_takes_every_channel_without_a_migration(ledger: Ledger, accept: Accept) -> None:
    notices = [Notice(channel, "somewhere", "text", audience=Audience.STAFF) for channel in Channel]
    ledger.loads.end(accept().job_id, Outcome(LoadState.SUCCEEDED), notices, NOW)
    claimed = ledger.notifications.claim(NOW, LEASE)
    assert {notification.notice.channel for notification in claimed} == set(Channel)


def test_nobody_else_gets_a_notification_until_the_lease_is_over(
    ledger: Ledger, enqueue: Enqueue
) -> None:
    enqueue(1)
    (claimed,) = ledger.notifications.claim(NOW, LEASE)
    assert ledger.notifications.claim(NOW + LEASE - SECOND, LEASE) == []
    (again,) = ledger.notifications.claim(NOW + LEASE, LEASE)
    assert again == replace(claimed, leased_until=NOW + 2 * LEASE)


def test_a_claim_takes_no_more_than_it_asks_for(ledger: Ledger, enqueue: Enqueue) -> None:
    enqueue(5)
    taken = [len(ledger.notifications.claim(NOW, LEASE, limit=2)) for _ in range(4)]
    assert taken == [2, 2, 1, 0]


def test_the_longest_due_is_claimed_first(ledger: Ledger, enqueue: Enqueue) -> None:
    enqueue(1)
    (first,) = ledger.notifications.claim(NOW, LEASE)
    ledger.notifications.record(first, FAILED, NOW)
    enqueue(1)
    later = NOW + timedelta(days=1)
    due = ledger.notifications.claim(later, LEASE)
    assert [notification.next_attempt_at for notification in due] == sorted(
        notification.next_attempt_at for notification in due
    )
    assert len(due) == 2
    assert due[1].id == first.id


def test_a_delivered_notification_is_never_due_again(ledger: Ledger, enqueue: Enqueue) -> None:
    enqueue(1)
    (claimed,) = ledger.notifications.claim(NOW, LEASE)
    ledger.notifications.record(claimed, DELIVERED, NOW + SECOND)
    assert only(ledger).state is NotificationState.DELIVERED
    assert ledger.notifications.claim(NOW + timedelta(days=30), LEASE) == []
    assert ledger.notifications.attempts(claimed.id) == [(NOW + SECOND, DELIVERED)]


def test_a_failed_delivery_is_tried_again_on_schedule_and_given_up_at_its_end(
    ledger: Ledger, enqueue: Enqueue
) -> None:
    enqueue(1)
    now = NOW
    for made in range(1, len(RETRY_DELAYS) + 1):
        assert ledger.notifications.claim(now - SECOND, LEASE) == []
        (claimed,) = ledger.notifications.claim(now, LEASE)
        ledger.notifications.record(claimed, FAILED, now)
        now = next_attempt_at(claimed.id, made, now) or now
    left = only(ledger)
    assert (left.state, left.attempts) == (NotificationState.GIVEN_UP, len(RETRY_DELAYS))
    assert len(ledger.notifications.attempts(left.id)) == len(RETRY_DELAYS)
    assert ledger.notifications.claim(now + timedelta(days=30), LEASE) == []
    assert now - NOW >= timedelta(hours=75)


def test_a_permanent_failure_is_given_up_at_once(ledger: Ledger, enqueue: Enqueue) -> None:
    enqueue(1)
    (claimed,) = ledger.notifications.claim(NOW, LEASE)
    gone = DeliveryResult(delivered=False, detail="410", permanent=True)
    ledger.notifications.record(claimed, gone, NOW)
    assert only(ledger).state is NotificationState.GIVEN_UP
    assert ledger.notifications.attempts(claimed.id) == [(NOW, gone)]


def test_a_recorded_failure_ends_the_lease(ledger: Ledger, enqueue: Enqueue) -> None:
    enqueue(1)
    (claimed,) = ledger.notifications.claim(NOW, timedelta(days=1))
    ledger.notifications.record(claimed, FAILED, NOW)
    (again,) = ledger.notifications.claim(only(ledger).next_attempt_at, LEASE)
    assert again.attempts == 1


def test_only_the_sender_that_has_a_lease_can_renew_it(ledger: Ledger, enqueue: Enqueue) -> None:
    enqueue(1)
    (first,) = ledger.notifications.claim(NOW, LEASE)
    first = ledger.notifications.renew(first, NOW + 2 * LEASE)
    assert not ledger.notifications.claim(NOW + LEASE, LEASE)
    (second,) = ledger.notifications.claim(NOW + 2 * LEASE, LEASE)
    assert ledger.notifications.renew(first, NOW + 9 * LEASE) == first
    assert only(ledger) == second
    renewed = ledger.notifications.renew(second, NOW + 4 * LEASE)
    ledger.notifications.record(renewed, FAILED, NOW + 3 * LEASE)
    assert (only(ledger).attempts, only(ledger).leased_until) == (1, None)


def test_a_failure_recorded_after_the_lease_leaves_the_next_sender_its_own(
    ledger: Ledger, enqueue: Enqueue
) -> None:
    enqueue(1)
    (slow,) = ledger.notifications.claim(NOW, LEASE)
    (quick,) = ledger.notifications.claim(NOW + LEASE, LEASE)
    ledger.notifications.record(slow, FAILED, NOW + LEASE)
    assert only(ledger) == quick


def test_a_failure_recorded_after_the_next_sender_failed_changes_nothing(
    ledger: Ledger, enqueue: Enqueue
) -> None:
    enqueue(1)
    (slow,) = ledger.notifications.claim(NOW, LEASE)
    (quick,) = ledger.notifications.claim(NOW + LEASE, LEASE)
    ledger.notifications.record(quick, FAILED, NOW + LEASE)
    due = only(ledger)
    ledger.notifications.record(slow, FAILED, NOW + LEASE + SECOND)
    assert only(ledger) == due
    assert len(ledger.notifications.attempts(due.id)) == 2


def test_a_delivery_recorded_after_the_lease_still_counts(ledger: Ledger, enqueue: Enqueue) -> None:
    enqueue(1)
    (slow,) = ledger.notifications.claim(NOW, LEASE)
    (quick,) = ledger.notifications.claim(NOW + LEASE, LEASE)
    ledger.notifications.record(quick, FAILED, NOW + LEASE)
    ledger.notifications.record(slow, DELIVERED, NOW + LEASE + SECOND)
    assert only(ledger).state is NotificationState.DELIVERED


def test_a_failure_never_undoes_a_delivery(ledger: Ledger, enqueue: Enqueue) -> None:
    enqueue(1)
    (claimed,) = ledger.notifications.claim(NOW, LEASE)
    ledger.notifications.record(claimed, DELIVERED, NOW)
    delivered = only(ledger)
    ledger.notifications.record(claimed, FAILED, NOW + SECOND)
    ledger.notifications.record(delivered, FAILED, NOW + SECOND)
    assert only(ledger) == delivered


def entries(ledger: Ledger) -> int:
    with ledger.database.reading() as connection:
        return connection.scalar(select(func.count()).select_from(audit)) or 0


def test_a_notification_that_is_sent_again_starts_its_schedule_anew_with_one_audit_entry(
    ledger: Ledger, enqueue: Enqueue
) -> None:
    enqueue(1)
    (claimed,) = ledger.notifications.claim(NOW, LEASE)
    ledger.notifications.record(claimed, FAILED, NOW)
    before = entries(ledger)
    assert ledger.notifications.make_due_again(claimed.id, "ada", NOW + SECOND)
    left = only(ledger)
    assert (left.state, left.attempts) == (NotificationState.PENDING, 0)
    assert left.next_attempt_at == NOW + SECOND
    assert entries(ledger) == before + 1


def test_an_old_mail_that_is_sent_again_waits_for_our_mail_server_anew(
    ledger: Ledger, accept: Accept
) -> None:
    mail = replace(CALLBACK, channel=Channel.MAIL)
    ledger.loads.end(accept().job_id, Outcome(LoadState.SUCCEEDED), [mail], NOW)
    refused = replace(FAILED, cause=FailureCause.CHANNEL)
    later = NOW + 2 * MAX_CHANNEL_OUTAGE
    (claimed,) = ledger.notifications.claim(later, LEASE)
    ledger.notifications.record(claimed, refused, later)
    assert only(ledger).state is NotificationState.GIVEN_UP
    assert ledger.notifications.make_due_again(claimed.id, "ada", later)
    (claimed,) = ledger.notifications.claim(later, LEASE)
    ledger.notifications.record(claimed, refused, later)
    assert only(ledger).state is NotificationState.PENDING


def test_what_is_being_sent_or_unknown_is_not_sent_again_and_not_audited(
    ledger: Ledger, enqueue: Enqueue
) -> None:
    enqueue(1)
    (claimed,) = ledger.notifications.claim(NOW, LEASE)
    before = entries(ledger)
    assert not ledger.notifications.make_due_again(claimed.id, "ada", NOW + SECOND)
    assert not ledger.notifications.make_due_again("msg_never", "ada", NOW + SECOND)
    assert only(ledger) == claimed
    assert entries(ledger) == before
    assert ledger.notifications.make_due_again(claimed.id, "ada", NOW + LEASE)


def test_nothing_is_sent_again_that_cannot_be_audited(ledger: Ledger, enqueue: Enqueue) -> None:
    enqueue(1)
    (claimed,) = ledger.notifications.claim(NOW, LEASE)
    ledger.notifications.record(claimed, DELIVERED, NOW)
    before = only(ledger)
    with ledger.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE audit RENAME TO audit_away")
    with pytest.raises(LedgerUnavailable):
        ledger.notifications.make_due_again(claimed.id, "ada", NOW + SECOND)
    assert only(ledger) == before


def test_what_fails_at_our_own_end_counts_as_no_attempt_and_lasts_until_one_gets_further(
    ledger: Ledger, accept: Accept
) -> None:
    mail = replace(CALLBACK, channel=Channel.MAIL)
    ledger.loads.end(accept().job_id, Outcome(LoadState.SUCCEEDED), [mail], NOW)
    assert not ledger.notifications.claim(NOW, LEASE, channels=[Channel.CALLBACK])
    assert ledger.health.channel_failure(Channel.MAIL) is None

    refused = replace(FAILED, detail="No login.", permanent=False, cause=FailureCause.CHANNEL)
    (claimed,) = ledger.notifications.claim(NOW, LEASE, channels=[Channel.MAIL])
    ledger.notifications.record(claimed, refused, NOW)
    assert (only(ledger).attempts, only(ledger).leased_until) == (0, None)
    assert ledger.notifications.attempts(claimed.id) == [(NOW, refused)]
    assert ledger.health.channel_failure(Channel.MAIL) == "No login."
    assert ledger.health.channel_failure(Channel.CHAT) is None
    assert not ledger.notifications.has_due(NOW)

    later = only(ledger).next_attempt_at
    assert ledger.notifications.has_due(later)
    (claimed,) = ledger.notifications.claim(later, LEASE)
    ledger.notifications.record(claimed, FAILED, later)
    assert only(ledger).attempts == 1
    assert ledger.health.channel_failure(Channel.MAIL) is None
