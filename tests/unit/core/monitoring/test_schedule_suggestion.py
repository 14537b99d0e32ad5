from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alumniq_pipelines.core.monitoring.schedule import WatchState, expectation
from alumniq_pipelines.core.monitoring.schedule_suggestion import suggest_schedule
from alumniq_pipelines.core.problems.command import TooLittleHistory, UnusableSchedule

NEW_YORK = "America/New_York"
FIRST = date(2026, 2, 2)
"""A Monday; clocks in New York go forward five weeks later."""


def nightly(minutes: list[int], weekdays: set[int], at: time = time(3)) -> list[datetime]:
    """Deliver on these weekdays, so many minutes off the time, through the change of clocks."""
    zone, arrivals = ZoneInfo(NEW_YORK), []
    days = (FIRST + timedelta(days=count) for count in range(7 * len(minutes) + 7))
    for day, late in zip((day for day in days if day.weekday() in weekdays), minutes, strict=False):
        local = datetime.combine(day, at) + timedelta(minutes=late)
        arrivals.append(local.replace(tzinfo=zone).astimezone(UTC))
    return arrivals


def test_nights_at_about_three_are_a_cron_at_three_local_time() -> None:
    proposed = suggest_schedule(nightly([0, -10, 12, 5, -3] * 8, set(range(7))), NEW_YORK)
    assert proposed.schedule.cron == "0 3 * * *"
    assert proposed.schedule.time_zone == NEW_YORK
    assert proposed.schedule.grace == timedelta(hours=1)
    assert (proposed.loads, proposed.days, proposed.alarms) == (40, 40, 0)


def test_weekdays_without_a_file_are_left_out() -> None:
    proposed = suggest_schedule(nightly([0, 5, 10, 5] * 8, {0, 1, 2, 3, 4}), NEW_YORK)
    assert proposed.schedule.cron == "15 3 * * 1-5"
    twice = suggest_schedule(nightly([0, 5] * 6, {1, 4}), NEW_YORK)
    assert twice.schedule.cron == "15 3 * * 2,5"


def test_files_around_midnight_belong_to_one_night() -> None:
    arrivals = nightly([-20, 20, 0, 10, -10] * 8, set(range(7)), at=time(0))
    proposed = suggest_schedule(arrivals, NEW_YORK)
    assert proposed.schedule.cron == "0 0 * * *"
    assert proposed.alarms == 0


def test_weekly_files_before_midnight_keep_their_weekday() -> None:
    arrivals = nightly([-30, -40, -35, -30, -20, -30], {5}, at=time(0))
    assert suggest_schedule(arrivals, NEW_YORK).schedule.cron == "30 23 * * 5"


def test_the_grace_grows_with_the_spread() -> None:
    proposed = suggest_schedule(nightly([0, 120, 60, 30, 90] * 3, set(range(7))), NEW_YORK)
    assert proposed.schedule.cron == "0 4 * * *"
    assert proposed.schedule.grace == timedelta(minutes=90)


def test_an_emergency_update_in_the_afternoon_changes_nothing() -> None:
    arrivals = nightly([0, 5, 10] * 10, set(range(7)))
    extra = [arrival + timedelta(hours=11) for arrival in arrivals[::9]]
    assert (
        suggest_schedule([*arrivals, *extra], NEW_YORK).schedule
        == suggest_schedule(arrivals, NEW_YORK).schedule
    )


def test_files_all_day_long_are_a_period() -> None:
    start = datetime(2026, 2, 2, tzinfo=UTC)
    arrivals = [start + timedelta(hours=4 * count, minutes=count % 7) for count in range(60)]
    schedule = suggest_schedule(arrivals, NEW_YORK).schedule
    assert (schedule.cron, schedule.period) == (None, timedelta(hours=4))


def test_times_that_differ_by_half_a_day_are_a_period() -> None:
    arrivals = nightly([0, 700, 100, 650, 300, 20, 500], set(range(7)))
    assert suggest_schedule(arrivals, NEW_YORK).schedule.cron is None


def test_monthly_files_are_a_period() -> None:
    start = datetime(2026, 1, 1, 9, tzinfo=UTC)
    schedule = suggest_schedule(
        [start + timedelta(days=30 * count) for count in range(6)], "UTC"
    ).schedule
    assert schedule.period == timedelta(days=30)


def test_too_little_history_is_reported_and_gives_no_proposal() -> None:
    arrivals = nightly([0, 0, 0, 0], set(range(7)))
    with pytest.raises(TooLittleHistory, match=r"So far there are 4 \(loads: 4\)"):
        suggest_schedule(arrivals, NEW_YORK)
    many_on_one_day = [arrivals[0] + timedelta(minutes=count) for count in range(50)]
    with pytest.raises(TooLittleHistory, match=r"So far there are 1 \(loads: 50\)"):
        suggest_schedule(many_on_one_day, NEW_YORK)
    with pytest.raises(TooLittleHistory):
        suggest_schedule([], NEW_YORK)


def test_a_time_zone_that_is_none_is_refused() -> None:
    with pytest.raises(UnusableSchedule, match="unknown time zone"):
        suggest_schedule(nightly([0] * 9, set(range(7))), "Mars/Olympus")


@settings(deadline=None, max_examples=80)
@given(
    minutes=st.lists(st.integers(-120, 120), min_size=5, max_size=30),
    weekdays=st.sets(st.integers(0, 6), min_size=1),
    at=st.times(),
)
def test_what_is_proposed_would_not_have_called_its_own_nights_silent(
    minutes: list[int], weekdays: set[int], at: time
) -> None:
    arrivals = nightly(minutes, weekdays, at)
    if len({arrival.astimezone(ZoneInfo(NEW_YORK)).date() for arrival in arrivals}) < 5:
        return
    proposed = suggest_schedule(arrivals, NEW_YORK)
    few = len(arrivals) // 4
    assert proposed.alarms <= few
    state = expectation(proposed.schedule, arrivals[-1:], arrivals[-1], since=arrivals[0]).state
    assert state in set(WatchState) - {WatchState.MISSED, WatchState.LATE}
