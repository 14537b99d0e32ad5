"""The wait that a receiver asks for is read from seconds and dates, and from nothing else."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from hypothesis import example, given
from hypothesis import strategies as st

from alumniq_pipelines.adapters.notifiers.http import parse_retry_after


def test_retry_after_may_be_a_date() -> None:
    wait = parse_retry_after(
        format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    )
    assert wait is not None
    assert timedelta(minutes=9, seconds=50) < wait <= timedelta(minutes=10)
    assert parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT") == timedelta()


@given(st.one_of(st.text(), st.from_regex(r"[0-9]{1,40}", fullmatch=True)))
@example("Sun, 06 Nov 99999 08:49:37 GMT")
@example("Sun, 06 Nov 1994 08:49:37")
@example("²")
def test_no_retry_after_does_harm(value: str) -> None:
    wait = parse_retry_after(value)
    assert wait is None or wait >= timedelta()
