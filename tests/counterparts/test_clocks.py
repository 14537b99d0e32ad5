"""Clocks of campuses, as the tz database has them: whatever they change, no night is missed.

The table has a row for each kind of night; the properties hold for all zones and ten years.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise, takewhile
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alumniq_pipelines.core.access.s3_keys import S3Key, plan_rotation
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.monitoring import conditions
from alumniq_pipelines.core.monitoring.conditions import MissedDelivery
from alumniq_pipelines.core.monitoring.schedule import (
    DeliverySchedule,
    Expectation,
    WatchState,
    expectation,
)

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SECOND = timedelta(seconds=1)


class Night(NamedTuple):
    """What is expected after a moment: from when a file counts, its due time, the end of grace.

    `rhythm` is a cron expression, or a period. All times are by the clocks of the zone.
    """

    zone: str
    rhythm: str | timedelta
    grace: timedelta
    after: str
    opens: str
    due: str
    missed: str
    due_text: str

    @property
    def schedule(self) -> DeliverySchedule:
        """Return the schedule that the row is about."""
        if isinstance(self.rhythm, str):
            return DeliverySchedule(cron=self.rhythm, time_zone=self.zone, grace=self.grace)
        return DeliverySchedule(period=self.rhythm, time_zone=self.zone, grace=self.grace)

    @property
    def since(self) -> datetime:
        """Return the moment after which something is expected."""
        return datetime.fromisoformat(self.after)

    def at(self, now: datetime, *arrivals: datetime) -> Expectation:
        """Return what is expected after files that came, newest first."""
        return expectation(self.schedule, arrivals, now, since=self.since)


NEW_YORK, LORD_HOWE, BEIRUT = "America/New_York", "Australia/Lord_Howe", "Asia/Beirut"
CAIRO, ASUNCION, APIA = "Africa/Cairo", "America/Asuncion", "Pacific/Apia"

# fmt: off
NIGHTS = [
    # Clocks go back: 01:00 to 02:00 is there twice.
    Night(NEW_YORK, "0 2 * * *", 2 * HOUR, "2026-10-31T12:00-04:00",
          "2026-11-01T00:00-04:00", "2026-11-01T02:00-05:00", "2026-11-01T04:00-05:00",
          "2026-11-01 02:00 EST"),
    Night(NEW_YORK, "30 1 * * *", 2 * HOUR, "2026-10-31T12:00-04:00",
          "2026-10-31T23:30-04:00", "2026-11-01T01:30-04:00", "2026-11-01T03:30-05:00",
          "2026-11-01 01:30 EDT"),
    Night(NEW_YORK, "30 0 * * *", 2 * HOUR, "2026-10-31T12:00-04:00",
          "2026-10-31T22:30-04:00", "2026-11-01T00:30-04:00", "2026-11-01T02:30-05:00",
          "2026-11-01 00:30 EDT"),
    Night(NEW_YORK, "30 3 * * *", 2 * HOUR, "2026-10-31T12:00-04:00",
          "2026-11-01T01:30-04:00", "2026-11-01T03:30-05:00", "2026-11-01T05:30-05:00",
          "2026-11-01 03:30 EST"),
    Night(NEW_YORK, "30 4 * * *", 2 * HOUR, "2026-10-31T12:00-04:00",
          "2026-11-01T02:30-05:00", "2026-11-01T04:30-05:00", "2026-11-01T06:30-05:00",
          "2026-11-01 04:30 EST"),
    Night(NEW_YORK, "30 1 * * 0", 30 * MINUTE, "2026-10-31T12:00-04:00",
          "2026-11-01T01:00-04:00", "2026-11-01T01:30-04:00", "2026-11-01T02:00-05:00",
          "2026-11-01 01:30 EDT"),
    # The second 01:10: the file of 01:30 was due before it.
    Night(NEW_YORK, "30 1 * * *", 2 * HOUR, "2026-11-01T01:10-05:00",
          "2026-11-01T23:30-05:00", "2026-11-02T01:30-05:00", "2026-11-02T03:30-05:00",
          "2026-11-02 01:30 EST"),
    # Clocks go forward: 02:00 to 03:00 is not there.
    Night(NEW_YORK, "30 2 * * *", 2 * HOUR, "2026-03-07T12:00-05:00",
          "2026-03-08T00:00-05:00", "2026-03-08T03:00-04:00", "2026-03-08T05:00-04:00",
          "2026-03-08 03:00 EDT"),
    Night(NEW_YORK, "0 4 * * *", 2 * HOUR, "2026-03-07T12:00-05:00",
          "2026-03-08T01:00-05:00", "2026-03-08T04:00-04:00", "2026-03-08T06:00-04:00",
          "2026-03-08 04:00 EDT"),
    Night(NEW_YORK, "0 1 * * *", 2 * HOUR, "2026-03-07T12:00-05:00",
          "2026-03-07T23:00-05:00", "2026-03-08T01:00-05:00", "2026-03-08T04:00-04:00",
          "2026-03-08 01:00 EST"),
    # One file for several times that are skipped, and the next in its own right.
    Night(NEW_YORK, "30 2,3 * * *", HOUR, "2026-03-08T03:00-04:00",
          "2026-03-08T03:15-04:00", "2026-03-08T03:30-04:00", "2026-03-08T04:30-04:00",
          "2026-03-08 03:30 EDT"),
    Night(NEW_YORK, "*/5 2 * * *", HOUR, "2026-03-08T00:00-05:00",
          "2026-03-08T01:00-05:00", "2026-03-08T03:00-04:00", "2026-03-08T04:00-04:00",
          "2026-03-08 03:00 EDT"),
    # By half an hour.
    Night(LORD_HOWE, "45 1 * * *", HOUR, "2026-04-04T12:00+11:00",
          "2026-04-05T00:45+11:00", "2026-04-05T01:45+11:00", "2026-04-05T02:45+10:30",
          "2026-04-05 01:45 UTC+11:00"),
    Night(LORD_HOWE, "15 2 * * *", HOUR, "2026-10-03T12:00+10:30",
          "2026-10-04T01:00+10:30", "2026-10-04T02:30+11:00", "2026-10-04T03:30+11:00",
          "2026-10-04 02:30 UTC+11:00"),
    # By two hours, and back for Ramadan.
    Night("Antarctica/Troll", "30 2 * * *", 2 * HOUR, "2026-03-28T12:00+00:00",
          "2026-03-28T23:00+00:00", "2026-03-29T03:00+02:00", "2026-03-29T05:00+02:00",
          "2026-03-29 03:00 UTC+02:00"),
    Night("Africa/Casablanca", "30 2 * * *", 2 * HOUR, "2026-02-14T12:00+01:00",
          "2026-02-15T00:30+01:00", "2026-02-15T02:30+01:00", "2026-02-15T04:30+00:00",
          "2026-02-15 02:30 UTC+01:00"),
    # At midnight: it is not there, or the hour before it is there twice.
    Night(BEIRUT, "0 0 * * *", 2 * HOUR, "2022-03-26T12:00+02:00",
          "2022-03-26T22:00+02:00", "2022-03-27T01:00+03:00", "2022-03-27T03:00+03:00",
          "2022-03-27 01:00 EEST"),
    Night(BEIRUT, "30 0 * * 0", 2 * HOUR, "2022-03-26T12:00+02:00",
          "2022-03-26T22:00+02:00", "2022-03-27T01:00+03:00", "2022-03-27T03:00+03:00",
          "2022-03-27 01:00 EEST"),
    Night(BEIRUT, "0 */24 * * *", 2 * HOUR, "2022-03-26T12:00+02:00",
          "2022-03-26T22:00+02:00", "2022-03-27T01:00+03:00", "2022-03-27T03:00+03:00",
          "2022-03-27 01:00 EEST"),
    Night(BEIRUT, "30 23 * * *", 2 * HOUR, "2022-10-29T12:00+03:00",
          "2022-10-29T21:30+03:00", "2022-10-29T23:30+03:00", "2022-10-30T01:30+02:00",
          "2022-10-29 23:30 EEST"),
    Night(CAIRO, "15 0 * * *", HOUR, "2024-04-25T12:00+02:00",
          "2024-04-25T23:00+02:00", "2024-04-26T01:00+03:00", "2024-04-26T02:00+03:00",
          "2024-04-26 01:00 EEST"),
    Night(CAIRO, "0 0 * * *", HOUR, "2024-10-31T12:00+03:00",
          "2024-10-31T23:00+03:00", "2024-11-01T00:00+02:00", "2024-11-01T01:00+02:00",
          "2024-11-01 00:00 EET"),
    Night(ASUNCION, "0 0 * * *", HOUR, "2024-10-05T12:00-04:00",
          "2024-10-05T23:00-04:00", "2024-10-06T01:00-03:00", "2024-10-06T02:00-03:00",
          "2024-10-06 01:00 UTC-03:00"),
    # The time before midnight that is skipped is of Saturday, although it is Sunday then.
    Night("America/Nuuk", "30 23 * * 6", HOUR, "2024-03-30T12:00-02:00",
          "2024-03-30T22:00-02:00", "2024-03-31T00:00-01:00", "2024-03-31T01:00-01:00",
          "2024-03-31 00:00 UTC-01:00"),
    # A whole day is not there: nothing is due on it.
    Night(APIA, "0 3 * * *", 2 * HOUR, "2011-12-29T12:00-10:00",
          "2011-12-31T01:00+14:00", "2011-12-31T03:00+14:00", "2011-12-31T05:00+14:00",
          "2011-12-31 03:00 UTC+14:00"),
    Night(APIA, "0 3 * * 5", 2 * HOUR, "2011-12-29T12:00-10:00",
          "2012-01-06T01:00+14:00", "2012-01-06T03:00+14:00", "2012-01-06T05:00+14:00",
          "2012-01-06 03:00 UTC+14:00"),
    Night(APIA, "0 * * * *", 2 * HOUR, "2011-12-29T23:00-10:00",
          "2011-12-29T23:30-10:00", "2011-12-31T00:00+14:00", "2011-12-31T02:00+14:00",
          "2011-12-31 00:00 UTC+14:00"),
    # Every hour or more often, the time that passes counts.
    Night(NEW_YORK, "0 * * * *", 15 * MINUTE, "2026-11-01T01:00-04:00",
          "2026-11-01T01:45-04:00", "2026-11-01T01:00-05:00", "2026-11-01T01:15-05:00",
          "2026-11-01 01:00 EST"),
    Night(NEW_YORK, "0 0-23 * * *", 2 * HOUR, "2026-11-01T01:00-05:00",
          "2026-11-01T01:30-05:00", "2026-11-01T02:00-05:00", "2026-11-01T04:00-05:00",
          "2026-11-01 02:00 EST"),
    Night(NEW_YORK, "30 * * * *", 15 * MINUTE, "2026-03-08T01:30-05:00",
          "2026-03-08T03:15-04:00", "2026-03-08T03:30-04:00", "2026-03-08T03:45-04:00",
          "2026-03-08 03:30 EDT"),
    # Every few hours: once where the time is there twice, and not where it is not there.
    Night(NEW_YORK, "0 */2 * * *", 30 * MINUTE, "2026-11-01T00:00-04:00",
          "2026-11-01T01:30-04:00", "2026-11-01T02:00-05:00", "2026-11-01T02:30-05:00",
          "2026-11-01 02:00 EST"),
    Night(NEW_YORK, "0 */2 * * *", 30 * MINUTE, "2026-03-08T00:00-05:00",
          "2026-03-08T03:30-04:00", "2026-03-08T04:00-04:00", "2026-03-08T04:30-04:00",
          "2026-03-08 04:00 EDT"),
    Night("America/Havana", "0 */4 * * *", 2 * HOUR, "2026-11-01T00:00-04:00",
          "2026-11-01T02:00-05:00", "2026-11-01T04:00-05:00", "2026-11-01T06:00-05:00",
          "2026-11-01 04:00 CST"),
    # By period: the later of the two clocks, for whichever the export goes by.
    Night(NEW_YORK, DAY, 30 * MINUTE, "2026-10-31T03:00-04:00",
          "2026-10-31T03:00-04:00", "2026-11-01T03:00-05:00", "2026-11-01T03:30-05:00",
          "2026-11-01 03:00 EST"),
    Night(NEW_YORK, DAY, 30 * MINUTE, "2026-03-07T03:00-05:00",
          "2026-03-07T03:00-05:00", "2026-03-08T04:00-04:00", "2026-03-08T04:30-04:00",
          "2026-03-08 04:00 EDT"),
    Night(NEW_YORK, 6 * HOUR, HOUR, "2026-10-31T22:00-04:00",
          "2026-10-31T22:00-04:00", "2026-11-01T04:00-05:00", "2026-11-01T05:00-05:00",
          "2026-11-01 04:00 EST"),
    Night(NEW_YORK, HOUR, 15 * MINUTE, "2026-11-01T00:30-04:00",
          "2026-11-01T00:30-04:00", "2026-11-01T01:30-04:00", "2026-11-01T01:45-04:00",
          "2026-11-01 01:30 EDT"),
]
# fmt: on


@pytest.mark.parametrize("night", NIGHTS, ids=lambda night: f"{night.zone} {night.due_text}")
def test_each_night_has_its_window_and_what_is_missed_is_told_by_the_clocks_of_the_campus(
    night: Night,
) -> None:
    found = night.at(night.since)
    zone = night.schedule.zone
    expected = (night.opens, night.due, night.missed)
    moments = (found.opens_at, found.due_at, found.missed_at)
    assert moments == tuple(map(datetime.fromisoformat, expected)), [
        f"{moment.astimezone(zone)}" for moment in moments if moment
    ]
    target = Target("iqu", Environment.PRODUCTION, "warehouse")
    missed = MissedDelivery(target=target, schedule=night.schedule, expectation=found, last=None)
    assert f"It was due {night.due_text}, with a grace" in conditions.no_file(missed).detail


@pytest.mark.parametrize(
    "night",
    [night for night in NIGHTS if isinstance(night.rhythm, str)],
    ids=lambda night: f"{night.zone} {night.due_text}",
)
def test_a_file_counts_from_when_its_window_opens_until_its_grace_is_over(night: Night) -> None:
    opens, due, missed = map(datetime.fromisoformat, (night.opens, night.due, night.missed))
    assert night.at(opens, opens).due_at != due
    assert night.at(due, opens - SECOND).due_at == due
    before = min(night.since, opens - SECOND)
    assert night.at(missed, before).state is WatchState.LATE
    assert night.at(missed + SECOND, before).state is WatchState.MISSED
    assert night.at(missed, missed, before).state is WatchState.ON_TIME
    assert night.at(missed + SECOND, missed + SECOND, before).state is WatchState.RECOVERED


# All zones, ten years

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
    """Return the due times that were told as missed, in order.

    What is missed stays so until a file comes: it is enough to look before and after each.
    """
    told: list[datetime] = []
    was_missed = False
    for now in sorted({end, *arrivals, *(arrival - SECOND for arrival in arrivals)}):
        past = [earlier for earlier in arrivals if earlier <= now][-2:][::-1]
        found = expectation(schedule, past, now, since=start)
        is_missed = found.state is WatchState.MISSED
        if is_missed and not was_missed:
            assert found.due_at is not None
            told.append(found.due_at)
        was_missed = is_missed
    return told


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
    told = missed(drawn.schedule, arrivals, drawn.start, drawn.end)
    assert told == [drawn.due[absent][1]]


@QUICK
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


# Other times that a campus reads by its clocks


@pytest.mark.parametrize(
    "zone", ["Etc/GMT+12", "Pacific/Honolulu", "America/Los_Angeles", "America/New_York", "UTC"]
)
@pytest.mark.parametrize("made", ["2026-04-10T00:00+00:00", "2026-04-10T01:30+00:00"])
def test_an_old_s3_key_works_until_it_is_the_20th_on_every_campus(zone: str, made: str) -> None:
    """It ended at midnight in UTC, on the afternoon of the 19th in Honolulu."""
    old, new = (
        S3Key(
            access_key_id=name,
            customer="iqu",
            user_name="iqu.qa",
            encrypted_secret="",
            created_at=datetime.fromisoformat(created_at),
        )
        for name, created_at in (("old", "2026-01-10T00:00+00:00"), ("new", made))
    )
    start = datetime(2026, 4, 10, 2, tzinfo=UTC)
    times = (start + 30 * MINUTE * count for count in range(600))
    ends = next(moment for moment in times if plan_rotation([old, new], moment).end)
    assert shown_at(ends, ZoneInfo(zone)).date() == date(2026, 4, 20)
