from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.notifications.notification import (
    HEARTBEAT_DELAYS,
    JITTER,
    MAIL_DELAYS,
    MAX_RETRY_AFTER,
    RETRY_DELAYS,
    Audience,
    Channel,
    Notice,
    channel_facts,
    next_attempt_at,
    recipient,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WITHIN = st.integers(0, len(RETRY_DELAYS) - 1)


def test_the_first_attempt_is_due_at_once() -> None:
    assert next_attempt_at("msg_1", 0, NOW) == NOW


@given(st.text(), WITHIN)
def test_a_wait_is_the_schedules_and_at_most_a_tenth_more(name: str, attempts: int) -> None:
    due = next_attempt_at(name, attempts, NOW)
    assert due is not None
    delay = RETRY_DELAYS[attempts]
    assert delay <= due - NOW <= delay * (1 + JITTER)
    assert due == next_attempt_at(name, attempts, NOW)


def test_waits_spread_over_notifications() -> None:
    assert len({next_attempt_at(f"msg_{number}", 3, NOW) for number in range(100)}) > 50


@given(st.text(), st.integers(min_value=len(RETRY_DELAYS)))
def test_after_the_schedule_nothing_is_tried(name: str, attempts: int) -> None:
    assert next_attempt_at(name, attempts, NOW) is None


def test_the_schedule_lasts_75_hours() -> None:
    assert timedelta(hours=75) <= sum(RETRY_DELAYS, timedelta()) < timedelta(hours=76)


def test_mail_is_tried_for_a_day() -> None:
    assert sum(MAIL_DELAYS, timedelta()) == timedelta(days=1)
    after_all = len(MAIL_DELAYS)
    assert next_attempt_at("msg_1", after_all - 1, NOW, Channel.MAIL) is not None
    assert next_attempt_at("msg_1", after_all, NOW, Channel.MAIL) is None


def test_a_heartbeat_is_tried_for_minutes_only() -> None:
    assert sum(HEARTBEAT_DELAYS, timedelta()) == timedelta(minutes=5)
    assert next_attempt_at("msg_1", len(HEARTBEAT_DELAYS), NOW, Channel.HEARTBEAT) is None


@given(st.text(), WITHIN, st.timedeltas(min_value=timedelta(), max_value=timedelta(days=9_999)))
def test_a_receiver_gets_the_time_it_asks_for_up_to_a_day(
    name: str, attempts: int, asked: timedelta
) -> None:
    due = next_attempt_at(name, attempts, NOW, retry_after=asked)
    assert due is not None
    granted = max(RETRY_DELAYS[attempts], min(asked, MAX_RETRY_AFTER))
    assert NOW + granted <= due <= NOW + granted * (1 + JITTER)


def test_every_channel_has_a_name_of_its_own() -> None:
    names = {channel_facts(channel).label for channel in Channel}
    assert len(names) == len(Channel)
    assert names == {"Callback", "Email", "Staff chat", "Microsoft Teams", "Heartbeat"}


def test_a_recipient_is_named_with_its_channel() -> None:
    mail = Notice(Channel.MAIL, "ada@iqu.example", "Text.", "S", audience=Audience.CUSTOMER)
    chat = Notice(Channel.CHAT, "staff", "{}", audience=Audience.STAFF)
    assert recipient(mail) == "Email to ada@iqu.example"
    teams = Notice(Channel.TEAMS, "staff", "{}", audience=Audience.STAFF)
    assert recipient(chat) == "Staff chat"
    assert recipient(teams) == "Microsoft Teams"


def test_teams_is_tried_as_long_as_a_chat() -> None:
    assert channel_facts(Channel.TEAMS).retry_delays == channel_facts(Channel.CHAT).retry_delays
