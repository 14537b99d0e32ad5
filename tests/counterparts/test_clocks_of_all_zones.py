"""Clocks of campuses, as the tz database has them: no night of any zone is missed in ten years.

`test_clocks.py` has the table of nights by name.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise, takewhile
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import example, given, settings
from hypothesis import strategies as st

from alumniq_pipelines.core.monitoring.schedule import (
    DeliverySchedule,
    WatchState,
    expectation,
)

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SECOND = timedelta(seconds=1)

FIRST, LAST = datetime(2017, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)

DAYS: dict[str, Callable[[date], bool]] = {
    "* * *": lambda _: True,
    "* * 1-5": lambda day: day.weekday() < 5,
    "* * 0": lambda day: day.weekday() == 6,
    "*/2 * *": lambda day: day.day % 2 == 1,
    "L * *": lambda day: (day + DAY).day == 1,
}
"""Days of a cron expression, and which of them it means."""

QUICK = settings(deadline=None, max_examples=150)


@lru_cache(maxsize=1)
def all_zones() -> Sequence[str]:
    return sorted(available_timezones() - {"localtime"})


def shown_at(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def minutes(start: datetime, end: datetime) -> Iterator[datetime]:
    return takewhile(
        lambda moment: moment < end, (start + MINUTE * count for count in range(1_000_000))
    )


@lru_cache(maxsize=1_000)
def changes(name: str) -> Sequence[datetime]:
    """Return when the clocks of a zone change in the ten years, or some day if they never do."""
    zone = ZoneInfo(name)

    def offset(minute: float) -> timedelta | None:
        return (FIRST + MINUTE * minute).astimezone(zone).utcoffset()

    days = range(0, int((LAST - FIRST) / MINUTE), 1_440)
    found = []
    for (start, before), (end, after) in pairwise((day, offset(day)) for day in days):
        if before != after:
            minute = bisect_left(range(start, end), 1, key=lambda minute: offset(minute) != before)
            found.append(FIRST + MINUTE * (start + minute))
    return found or [datetime(2020, 2, 29, tzinfo=UTC)]


def first_moment(wanted: datetime, zone: ZoneInfo) -> datetime:
    """Find, minute by minute, when clocks first show a time or one beyond it."""
    read_as_utc = wanted.replace(tzinfo=UTC)
    offsets = [
        (read_as_utc + HOUR * hours).astimezone(zone).utcoffset() or timedelta()
        for hours in range(-26, 27)
    ]
    start, end = read_as_utc - max(offsets), read_as_utc - min(offsets)
    moments = minutes(start, end + 3 * HOUR)
    return next(moment for moment in moments if shown_at(moment, zone) >= wanted)


def nights(start: datetime, end: datetime, zone: ZoneInfo) -> Sequence[date]:
    """Return the days that there are between two moments, by the clocks of a zone."""
    hours = range(int((end - start) / HOUR))
    return sorted({shown_at(start + HOUR * hour, zone).date() for hour in hours})


def due_chain(schedule: DeliverySchedule, start: datetime, end: datetime) -> Sequence[datetime]:
    """Return the due times of files that all come exactly when they are due."""
    found: list[datetime] = []
    last = start
    while last < end:
        due = expectation(schedule, found[-1:], last, since=start).due_at
        assert due is not None
        assert due > last
        found.append(due)
        last = due
    return found[:-1]


class Drawn(NamedTuple):
    """A schedule, the days around a change of its clocks, and each night's due time."""

    schedule: DeliverySchedule
    start: datetime
    end: datetime
    due: Sequence[tuple[datetime, datetime]]
    """What the clock shows, and when that is."""


@st.composite
def daily_schedules(draw: st.DrawFn) -> Drawn:
    name = draw(st.deferred(lambda: st.sampled_from(all_zones())))
    change = draw(st.sampled_from(changes(name)))
    # Mostly times around the change, for the clocks before it and after it.
    shown = shown_at(change, ZoneInfo(name)) + MINUTE * draw(
        st.one_of(st.integers(-240, 240), st.integers(-720, 720))
    )
    days = draw(st.sampled_from(sorted(DAYS)))
    grace = MINUTE * draw(st.integers(0, 360))
    length = 5 * DAY if days == "* * *" else 20 * DAY
    return around(name, change, shown.time(), days, grace, length)


def around(
    name: str, change: datetime, at: time, days: str, grace: timedelta, length: timedelta
) -> Drawn:
    zone = ZoneInfo(name)
    start, end = change - length, change + length
    schedule = DeliverySchedule(cron=f"{at.minute} {at.hour} {days}", time_zone=name, grace=grace)
    wanted = [
        datetime.combine(day, time(at.hour, at.minute))
        for day in nights(start, end, zone)
        if DAYS[days](day)
    ]
    due = [(shown, first_moment(shown, zone)) for shown in wanted]
    return Drawn(schedule, start, end, [pair for pair in due if start < pair[1] < end])


def missed(
    schedule: DeliverySchedule, arrivals: Sequence[datetime], start: datetime, end: datetime
) -> Sequence[datetime]:
    """Return the due times that were reported as missed, in order.

    What is missed stays so until a file comes: it is enough to look before and after each.
    """
    reported: list[datetime] = []
    was_missed = False
    for now in sorted({end, *arrivals, *(arrival - SECOND for arrival in arrivals)}):
        past = [earlier for earlier in arrivals if earlier <= now][-2:][::-1]
        found = expectation(schedule, past, now, since=start)
        is_missed = found.state is WatchState.MISSED
        if is_missed and not was_missed:
            assert found.due_at is not None
            reported.append(found.due_at)
        was_missed = is_missed
    return reported


@st.composite
def punctual_arrivals(draw: st.DrawFn, drawn: Drawn) -> Sequence[datetime]:
    """Draw a file for each night, at most the grace off its time, by either clock."""
    zone, grace = drawn.schedule.zone, drawn.schedule.grace
    arrivals = []
    for shown, due in drawn.due:
        offset = grace * draw(st.integers(-4, 4)) / 4
        by_clock = (shown + offset).replace(tzinfo=zone, fold=draw(st.integers(0, 1)))
        is_shown = shown_at(by_clock.astimezone(UTC), zone) == by_clock.replace(tzinfo=None)
        by_clock = by_clock.astimezone(UTC)
        arrivals.append(by_clock if is_shown and draw(st.booleans()) else due + offset)
    return arrivals


@QUICK
@given(daily_schedules())
def test_no_night_is_missed_and_none_is_due_twice(drawn: Drawn) -> None:
    assert due_chain(drawn.schedule, drawn.start, drawn.end) == [due for _, due in drawn.due]


@QUICK
@given(daily_schedules())
def test_nights_of_days_off_are_left_out_and_no_others(drawn: Drawn) -> None:
    """A time of Saturday that clocks skip may be due on Sunday, and the other way round."""
    schedule = replace(drawn.schedule, skips_weekends=True)
    working = [due for shown, due in drawn.due if shown.weekday() < 5]
    if working:
        end = working[-1] + MINUTE
        assert due_chain(schedule, drawn.start, end) == working


def test_no_night_is_missed_at_any_change_of_any_zone_in_ten_years() -> None:
    """Two zones that change alike are one case."""
    found: dict[tuple[datetime, ...], tuple[str, datetime]] = {}
    for name in all_zones():
        zone = ZoneInfo(name)
        for change in changes(name):
            key = (change, shown_at(change - MINUTE, zone), shown_at(change, zone))
            found.setdefault(key, (name, change))
    assert len(found) > 200
    for name, change in found.values():
        for minutes_later in (-90, -30, -1, 0, 30):
            at = shown_at(change + MINUTE * minutes_later, ZoneInfo(name)).time()
            drawn = around(name, change, at, "* * *", 2 * HOUR, 36 * HOUR)
            chain = due_chain(drawn.schedule, drawn.start, drawn.end)
            assert chain == [due for _, due in drawn.due], (name, change, at)


@QUICK
@given(st.data(), daily_schedules())
def test_a_punctual_file_never_counts_as_missing(data: st.DataObject, drawn: Drawn) -> None:
    arrivals = data.draw(punctual_arrivals(drawn))
    assert missed(drawn.schedule, arrivals, drawn.start, drawn.end) == []


@QUICK
@given(st.data(), daily_schedules())
def test_an_absent_file_is_told_once(data: st.DataObject, drawn: Drawn) -> None:
    if len(drawn.due) < 2:
        return
    arrivals = list(data.draw(punctual_arrivals(drawn)))
    absent = data.draw(st.integers(0, len(drawn.due) - 2))
    del arrivals[absent]
    reported = missed(drawn.schedule, arrivals, drawn.start, drawn.end)
    assert reported == [drawn.due[absent][1]]


@QUICK
@example(zone="Asia/Pyongyang", index=0, cron="0 * * * *", grace=30)  # two hours in 30 minutes
@given(
    zone=st.deferred(lambda: st.sampled_from(all_zones())),
    index=st.integers(0, 50),
    cron=st.sampled_from(["0 * * * *", "*/15 * * * *", "20,50 0-23 * * *"]),
    grace=st.integers(0, 180),
)
def test_hourly_files_are_due_as_often_as_clocks_show_the_time(
    zone: str, index: int, cron: str, grace: int
) -> None:
    schedule = DeliverySchedule(cron=cron, time_zone=zone, grace=MINUTE * grace)
    at = {"0": {0}, "*/15": {0, 15, 30, 45}, "20,50": {20, 50}}[cron.split(maxsplit=1)[0]]
    change = changes(zone)[index % len(changes(zone))]
    start, end = change - 5 * HOUR, change + 5 * HOUR
    expected = [
        moment
        for moment in minutes(start, end)
        if moment > start and shown_at(moment, schedule.zone).minute in at
    ]
    assert due_chain(schedule, start, end) == expected


@QUICK
@given(
    zone=st.deferred(lambda: st.sampled_from(all_zones())),
    index=st.integers(0, 50),
    minute=st.integers(0, 59),
    step=st.integers(2, 12),
)
def test_files_of_every_few_hours_are_due_once_at_each_time_that_clocks_show(
    zone: str, index: int, minute: int, step: int
) -> None:
    schedule = DeliverySchedule(cron=f"{minute} */{step} * * *", time_zone=zone)
    change = changes(zone)[index % len(changes(zone))]
    start, end = change - DAY, change + DAY
    first: dict[datetime, datetime] = {}
    for moment in minutes(start - 3 * HOUR, end):
        shown = shown_at(moment, schedule.zone)
        if shown.minute == minute and shown.hour % step == 0:
            first.setdefault(shown, moment)
    assert due_chain(schedule, start, end) == [due for due in first.values() if due > start]


@QUICK
@given(
    data=st.data(),
    zone=st.deferred(lambda: st.sampled_from(all_zones())),
    period=st.sampled_from([HOUR, 90 * MINUTE, 6 * HOUR, DAY, 7 * DAY]),
    grace=st.integers(0, 180),
)
def test_a_file_that_keeps_its_period_by_either_clock_never_counts_as_missing(
    data: st.DataObject, zone: str, period: timedelta, grace: int
) -> None:
    schedule = DeliverySchedule(period=period, time_zone=zone, grace=MINUTE * grace)
    change = data.draw(st.sampled_from(changes(zone)))
    start = change - MINUTE * data.draw(st.integers(0, int(period / MINUTE)))
    late = MINUTE * data.draw(st.integers(0, grace))
    arrival = start + period + late
    if period > HOUR and data.draw(st.booleans()):
        shown = shown_at(start, schedule.zone) + period + late
        local = shown.replace(tzinfo=schedule.zone, fold=data.draw(st.integers(0, 1)))
        if shown_at(local.astimezone(UTC), schedule.zone) == shown:
            arrival = local.astimezone(UTC)
    found = expectation(schedule, [start], arrival, since=start)
    assert found.state is not WatchState.MISSED
    assert found.missed_at is not None
    # The clocks of Casey in Antarctica change by three hours, the most there is.
    assert found.missed_at - (start + period + schedule.grace) <= 3 * HOUR
