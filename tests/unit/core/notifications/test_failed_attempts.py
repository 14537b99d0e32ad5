"""What a failed attempt is put down to decides whether and when the next one is made."""

from datetime import UTC, datetime, timedelta

import pytest

from alumniq_pipelines.core.notifications.failure_cause import FailureCause, given_up_advice
from alumniq_pipelines.core.notifications.notification import (
    CHANNEL_RETRY_DELAY,
    MAIL_DELAYS,
    MAX_CHANNEL_OUTAGE,
    MAX_UNANSWERED,
    UNANSWERED_RETRY_DELAY,
    Audience,
    Channel,
    DeliveryResult,
    Notice,
    Notification,
    next_after_failure,
)
from tests.pending_notifications import pending

CREATED = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BUSY = DeliveryResult(delivered=False, detail="SMTP 451")
GONE = DeliveryResult(delivered=False, detail="SMTP 550", permanent=True)
REFUSED_US = DeliveryResult(delivered=False, detail="No login.", cause=FailureCause.CHANNEL)
UNCONFIRMED = DeliveryResult(
    delivered=False,
    detail="It may have arrived.",
    retry_after=UNANSWERED_RETRY_DELAY,
    cause=FailureCause.UNANSWERED,
)


def mail(attempts: int = 0) -> Notification:
    notice = Notice(Channel.MAIL, "you@example.edu", "Text.", "S", audience=Audience.CUSTOMER)
    return pending(notice, CREATED, attempts=attempts)


def test_a_busy_receiver_is_tried_again_on_schedule_until_it_is_over() -> None:
    again = next_after_failure(mail(), BUSY, CREATED)
    assert again is not None
    assert again >= CREATED + MAIL_DELAYS[1]
    assert next_after_failure(mail(len(MAIL_DELAYS) - 1), BUSY, CREATED) is None


def test_a_permanent_failure_is_not_tried_again() -> None:
    assert next_after_failure(mail(), GONE, CREATED) is None


@pytest.mark.parametrize("attempts", [0, len(MAIL_DELAYS) - 1])
def test_our_own_mail_server_gives_up_nobody_for_a_week(attempts: int) -> None:
    late = CREATED + MAX_CHANNEL_OUTAGE
    assert next_after_failure(mail(attempts), REFUSED_US, late) == late + CHANNEL_RETRY_DELAY
    assert next_after_failure(mail(attempts), REFUSED_US, late + MINUTE) is None


def test_what_may_have_arrived_is_sent_three_times_at_most_an_hour_apart() -> None:
    for unanswered in range(1, MAX_UNANSWERED):
        again = next_after_failure(mail(), UNCONFIRMED, CREATED, unanswered)
        assert again is not None
        assert again >= CREATED + timedelta(hours=1)
    assert next_after_failure(mail(), UNCONFIRMED, CREATED, MAX_UNANSWERED) is None


def test_what_may_have_arrived_long_ago_does_not_shorten_a_new_schedule() -> None:
    assert next_after_failure(mail(), BUSY, CREATED, MAX_UNANSWERED) is not None


def test_staff_get_advice_where_no_address_is_at_fault() -> None:
    said = {cause: given_up_advice(cause, "n1") for cause in (None, *FailureCause)}
    assert {cause for cause, advice in said.items() if "notification resend n1." in advice} == {
        FailureCause.CONTENT,
        FailureCause.UNANSWERED,
    }
    assert not said[None]
