from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alumniq_pipelines.core.monitoring.schedule import (
    DaysOff,
    DeliverySchedule,
    Expectation,
    WatchState,
    expectation,
)
from alumniq_pipelines.core.problems.command import UnusableSchedule

NEW_YORK = ZoneInfo("America/New_York")
ZONES = [
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Santiago",  # clocks change at midnight
    "Africa/Casablanca",  # clocks go back for Ramadan
    "Asia/Beirut",  # clocks change at midnight
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # clocks change by half an hour
    "Europe/Dublin",  # winter time counts as the exception
    "Pacific/Chatham",
    "UTC",
]
NIGHTLY = DeliverySchedule(cron="0 3 * * *", time_zone="America/New_York")
SINCE = datetime(2025, 1, 1, tzinfo=UTC)

PATIENT = settings(deadline=None, max_examples=60)
"""Hundreds of due times an example, on machines that do other things too."""

zones = st.sampled_from(ZONES)
moments = st.timedeltas(timedelta(0), timedelta(days=30 * 365)).map(
    lambda age: datetime(2005, 1, 1, tzinfo=UTC) + age
)
minutes_of_day = st.integers(0, 1_439)
lengths = st.timedeltas(timedelta(0), timedelta(days=3))


def local(day: int, hour: int, minute: int = 0) -> datetime:
    """Name a time in March 2026 by the clocks of New York, which go forward on the 8th."""
    return datetime(2026, 3, day, hour, minute, tzinfo=NEW_YORK)


def state_at(
    now: datetime, *arrivals: datetime, schedule: DeliverySchedule = NIGHTLY
) -> WatchState:
    return expectation(schedule, arrivals, now, since=SINCE).state


def daily(minute_of_day: int, zone: str, grace: timedelta = timedelta(hours=2)) -> DeliverySchedule:
    hour, minute = divmod(minute_of_day, 60)
    return DeliverySchedule(cron=f"{minute} {hour} * * *", time_zone=zone, grace=grace)


# By the clocks of the campus


@PATIENT
@given(minute=minutes_of_day, zone=zones, after=moments)
def test_a_daily_file_is_due_once_on_every_day_whatever_the_clocks_do(
    minute: int, zone: str, after: datetime
) -> None:
    schedule = daily(minute, zone)
    due = list(islice(schedule.due_times(after), 400))
    days = [time.shown.date() for time in due]
    assert due[0].at > after
    assert all(later.at > earlier.at for earlier, later in pairwise(due))
    gaps = {later - earlier for earlier, later in pairwise(days)}
    assert gaps == {timedelta(days=1)}


@PATIENT
@given(minute=minutes_of_day, zone=zones, after=moments)
def test_a_due_time_is_the_time_that_clocks_on_campus_show_unless_they_skip_it(
    minute: int, zone: str, after: datetime
) -> None:
    schedule = daily(minute, zone)
    for due in islice(schedule.due_times(after), 400):
        assert (due.shown.hour, due.shown.minute) == divmod(minute, 60)
        if schedule.local(due.at).replace(tzinfo=None) != due.shown:
            wanted = due.shown.replace(tzinfo=schedule.zone)
            assert wanted.astimezone(UTC).astimezone(schedule.zone) != wanted


@PATIENT
@given(
    cron=st.sampled_from(
        ["*/15 * * * *", "30 1 * * *", "0 */4 * * *", "0,30 0-3 * * *", "5 2 L * *"]
    ),
    zone=zones,
    after=moments,
)
def test_due_times_only_ever_go_forward(cron: str, zone: str, after: datetime) -> None:
    times = islice(DeliverySchedule(cron=cron, time_zone=zone).due_times(after), 60)
    due = [after, *(time.at for time in times)]
    assert all(later > earlier for earlier, later in pairwise(due))


def test_the_hour_that_clocks_show_twice_has_one_due_time() -> None:
    schedule = DeliverySchedule(cron="30 1 * * *", time_zone="America/New_York")
    second_pass = datetime(2026, 11, 1, 1, 10, tzinfo=NEW_YORK, fold=1)
    due = next(schedule.due_times(second_pass)).at
    assert due == datetime(2026, 11, 2, 6, 30, tzinfo=UTC)


def test_a_time_that_clocks_skip_is_due_when_they_have_skipped_it() -> None:
    schedule = DeliverySchedule(cron="30 2 * * *", time_zone="America/New_York")
    assert next(schedule.due_times(local(7, 12))).at == datetime(2026, 3, 8, 7, 0, tzinfo=UTC)


# How it stands


def test_a_nightly_file_is_on_time_late_silent_and_recovered() -> None:
    assert state_at(local(4, 12), local(4, 3, 20), local(3, 3)) is WatchState.ON_TIME
    assert state_at(local(5, 3), local(4, 3, 20), local(3, 3)) is WatchState.ON_TIME
    assert state_at(local(5, 3, 1), local(4, 3, 20)) is WatchState.LATE
    assert state_at(local(5, 5), local(4, 3, 20)) is WatchState.LATE
    assert state_at(local(5, 5, 1), local(4, 3, 20)) is WatchState.MISSED
    assert state_at(local(9, 1), local(4, 3, 20)) is WatchState.MISSED
    assert state_at(local(5, 8), local(5, 7), local(4, 3, 20)) is WatchState.RECOVERED


def test_a_file_that_came_a_little_early_counts_for_its_night() -> None:
    assert state_at(local(5, 2), local(5, 1, 30), local(4, 3)) is WatchState.EARLY
    assert state_at(local(5, 12), local(5, 1, 30), local(4, 3)) is WatchState.EARLY


def test_an_extra_file_in_the_afternoon_does_not_count_for_the_next_night() -> None:
    extra = local(4, 14)
    assert state_at(local(4, 15), extra, local(4, 3)) is WatchState.ON_TIME
    assert state_at(local(5, 5, 1), extra, local(4, 3)) is WatchState.MISSED


def test_a_missed_delivery_lasts_since_the_first_missing_file() -> None:
    found = expectation(NIGHTLY, [local(4, 3)], local(7, 12), since=SINCE)
    assert found == Expectation(
        state=WatchState.MISSED, opens_at=local(5, 1), due_at=local(5, 3), missed_at=local(5, 5)
    )


def test_the_windows_of_a_busy_schedule_do_not_overlap() -> None:
    hourly = DeliverySchedule(cron="0 * * * *", time_zone="America/New_York")
    found = expectation(hourly, [local(4, 10, 29)], local(4, 10, 30), since=SINCE)
    assert (found.opens_at, found.due_at) == (local(4, 10, 30), local(4, 11))


def test_nothing_is_due_before_the_schedule_was_set() -> None:
    set_at = local(4, 14)
    assert expectation(NIGHTLY, (), local(5, 2), since=set_at).state is WatchState.WAITING
    assert expectation(NIGHTLY, (), local(5, 6), since=set_at).state is WatchState.MISSED
    old = [local(1, 3)]
    assert expectation(NIGHTLY, old, local(5, 2), since=set_at).due_at == local(5, 3)


def test_a_snooze_forgives_what_is_due_before_it_ends_and_nothing_after() -> None:
    def snoozed(now: datetime) -> Expectation:
        until = local(6, 2)
        return expectation(NIGHTLY, [local(3, 3)], now, since=SINCE, snoozed_until=until)

    assert snoozed(local(5, 12)).state is WatchState.SNOOZED
    assert snoozed(local(6, 2)).state is WatchState.ON_TIME
    assert snoozed(local(6, 2)).due_at == local(6, 3)
    assert snoozed(local(6, 5, 1)).state is WatchState.MISSED


def test_a_period_counts_from_what_came_last() -> None:
    schedule = DeliverySchedule(period=timedelta(hours=6), grace=timedelta(hours=1))
    arrival = local(4, 10)
    assert state_at(local(4, 16), arrival, local(4, 4), schedule=schedule) is WatchState.ON_TIME
    assert state_at(local(4, 17), arrival, schedule=schedule) is WatchState.LATE
    assert state_at(local(4, 17, 1), arrival, schedule=schedule) is WatchState.MISSED
    assert (
        state_at(local(4, 18), local(4, 17, 30), arrival, schedule=schedule) is WatchState.RECOVERED
    )


# Days off


def test_nothing_is_expected_on_days_off() -> None:
    schedule = DeliverySchedule(
        cron="0 3 * * *",
        time_zone="America/New_York",
        days_off=(DaysOff.of("2026-03-05..2026-03-06"),),
    )
    assert state_at(local(6, 23), local(4, 3), local(3, 3), schedule=schedule) is WatchState.ON_TIME
    assert expectation(schedule, [local(4, 3)], local(4, 4), since=SINCE).due_at == local(7, 3)


def test_a_period_that_ends_on_a_weekend_ends_on_monday_at_the_same_local_time() -> None:
    schedule = DeliverySchedule(
        period=timedelta(days=1), time_zone="America/New_York", skips_weekends=True
    )
    friday, monday = local(6, 20), local(9, 20)
    assert expectation(schedule, [friday], friday, since=SINCE).due_at == monday


@pytest.mark.parametrize(
    ("cron", "due"),
    [
        ("30 23 * * *", "2024-03-31T23:30-01:00"),
        ("0 0,23 * * *", "2024-03-31T00:00-01:00"),
        ("0 * * * *", "2024-03-31T00:00-01:00"),
    ],
)
def test_a_day_off_ends_where_clocks_skip_its_last_hour(cron: str, due: str) -> None:
    schedule = DeliverySchedule(
        cron=cron, time_zone="America/Nuuk", days_off=(DaysOff.of("2024-03-30"),)
    )
    start = datetime(2024, 3, 30, 12, tzinfo=schedule.zone)
    assert next(schedule.due_times(start)).at == datetime.fromisoformat(due)


@PATIENT
@given(minute=minutes_of_day, zone=zones, after=moments, off=st.integers(1, 30))
def test_no_due_time_ever_falls_on_a_day_off(
    minute: int, zone: str, after: datetime, off: int
) -> None:
    start = after.date() + timedelta(days=3)
    days_off = (DaysOff(start, start + timedelta(days=off)),)
    hour, low = divmod(minute, 60)
    schedule = DeliverySchedule(
        cron=f"{low} {hour} * * *", time_zone=zone, days_off=days_off, skips_weekends=True
    )
    for due in islice(schedule.due_times(after), 40):
        assert not schedule.is_day_off(due.shown.date())


def test_nothing_is_expected_where_no_day_is_left() -> None:
    sundays = DeliverySchedule(cron="0 3 * * 0", skips_weekends=True)
    for_good = (DaysOff(date(2026, 1, 1), date(2200, 1, 1)),)
    never = DeliverySchedule(period=timedelta(days=1), days_off=for_good)
    for schedule in (sundays, never):
        found = expectation(schedule, (), local(4, 3), since=local(3, 3))
        assert found == Expectation(state=WatchState.WAITING)


# Always


@PATIENT
@given(
    minute=minutes_of_day,
    zone=zones,
    last=moments,
    grace=lengths,
    waited=st.timedeltas(timedelta(0), timedelta(days=9)),
)
def test_who_is_silent_was_late_before_and_stays_silent(
    minute: int, zone: str, last: datetime, grace: timedelta, waited: timedelta
) -> None:
    schedule, since = daily(minute, zone, grace), last - timedelta(days=1)
    first = expectation(schedule, [last], last, since=since)
    then = expectation(schedule, [last], last + waited, since=since)
    assert first.opens_at is not None
    assert first.due_at is not None
    assert last < first.opens_at <= first.due_at
    assert (then.opens_at, then.due_at) == (first.opens_at, first.due_at)
    assert first.missed_at is not None
    assert first.missed_at >= first.due_at + grace
    now = last + waited
    assert (then.state is WatchState.MISSED) == (now > first.missed_at)
    assert (then.state is WatchState.LATE) == (first.due_at < now <= first.missed_at)


@PATIENT
@given(minute=minutes_of_day, zone=zones, after=moments, late=st.floats(-1, 1))
def test_a_file_within_its_window_and_grace_is_always_enough(
    minute: int, zone: str, after: datetime, late: float
) -> None:
    schedule = daily(minute, zone)
    before, first, second = (due.at for due in islice(schedule.due_times(after), 3))
    arrival = first + schedule.grace * late
    found = expectation(schedule, [arrival, before], arrival, since=after)
    assert found.due_at == second
    assert found.state in {WatchState.ON_TIME, WatchState.EARLY}


# Schedules that cannot be used


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "neither a cron expression nor a period"),
        ({"cron": "0 3 * * *", "period": timedelta(days=1)}, "or both"),
        ({"cron": "0 3 * *"}, "does not have five fields"),
        ({"cron": "0 0 3 * * *"}, "does not have five fields"),
        ({"cron": "0 25 * * *"}, "unusable hour"),
        ({"cron": "x 3 * * *"}, "unusable minute"),
        ({"cron": "0 3 30 2 *"}, "unusable day-of-month"),
        ({"cron": "0 3 * * *", "time_zone": "EST5"}, "unknown time zone 'EST5'"),
        ({"cron": "0 3 * * *", "time_zone": "../../etc/passwd"}, "unknown time zone"),
        ({"cron": "0 3 * * *", "time_zone": "America"}, "unknown time zone"),
        ({"cron": "0 3 * * *", "time_zone": ""}, "unknown time zone"),
        ({"cron": "0 3 * * *", "grace": timedelta(seconds=-1)}, "negative"),
        ({"period": timedelta(seconds=1)}, "period that is not between"),
        ({"period": timedelta(days=1_000)}, "period that is not between"),
    ],
)
def test_an_impossible_schedule_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(UnusableSchedule, match=message):
        DeliverySchedule(**wrong)  # type: ignore[arg-type]  # whatever was typed


@pytest.mark.parametrize("text", ["", "x", "2026-13-01", "2026-01-02..2026-01-01", "2026-01-02.."])
def test_days_off_are_dates_in_order(text: str) -> None:
    if text == "2026-01-02..":
        assert DaysOff.of(text) == DaysOff(date(2026, 1, 2), date(2026, 1, 2))
        return
    with pytest.raises(UnusableSchedule):
        DaysOff.of(text)


@PATIENT
@given(st.dates(), st.dates())
def test_days_off_read_back_as_they_are_written(one: date, other: date) -> None:
    days = DaysOff(min(one, other), max(one, other))
    assert DaysOff.of(str(days)) == days
