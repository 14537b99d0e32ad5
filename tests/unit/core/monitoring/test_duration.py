from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.monitoring.duration import format_duration, parse_duration
from alumniq_pipelines.core.problems.command import UnusableDuration


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90min", timedelta(minutes=90)),
        ("2h", timedelta(hours=2)),
        (" 1D 12h ", timedelta(days=1, hours=12)),
        ("1h30m", timedelta(minutes=90)),
    ],
)
def test_lengths_of_time_are_read_as_people_write_them(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize("text", ["", "2", "h", "-2h", "2 hours ago", "1.5h", "٢h", "9" * 50 + "d"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UnusableDuration):
        parse_duration(text)


@given(st.integers(0, 1_439))
def test_what_is_written_is_read_back(minutes: int) -> None:
    length = timedelta(minutes=minutes)
    assert parse_duration(format_duration(length)) == length


def test_the_two_largest_units_are_written() -> None:
    assert format_duration(timedelta(days=2, hours=3, minutes=4)) == "2 d 3 h"
    assert format_duration(timedelta(seconds=59)) == "0 min"
