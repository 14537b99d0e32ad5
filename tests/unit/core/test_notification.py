from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.notification import JITTER, RETRY_DELAYS, next_attempt_at

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
