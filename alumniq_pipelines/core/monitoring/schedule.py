"""The delivery schedule: when files of a target are due, and whether one is late; `now` is given.

Each due time has a window of its own. It opens a little before: by the grace period, or by half the
time since the previous due time where that is less. A file that arrives while the window is open
counts for that due time, and is early until then. A file that arrives before was an extra one, and
the nightly file is still expected. A file that has not arrived `grace` after its due time is a
missed delivery.

On the nights when clocks change, a length of time by the wall clock is not the time that passed. A
window is as wide as the wider of the two: a file is neither missed nor extra if it kept its time by
either. Where files are due every hour or more often, only the time that passed counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alumniq_pipelines.core.monitoring import cron_times
from alumniq_pipelines.core.monitoring.cron_times import DueTime
from alumniq_pipelines.core.monitoring.wall_clock import (
    format_local_time,
    moments_showing,
    shown_at,
)
from alumniq_pipelines.core.problems.command import UnusableSchedule

GRACE = timedelta(hours=2)
"""What contract.md says the largest files take (an hour), and as much again."""

MIN_PERIOD = timedelta(minutes=5)
MAX_PERIOD = timedelta(days=366)
HOUR = timedelta(hours=1)
SATURDAY = 5
MAX_DAYS_OFF = 3_700
"""Ten years without a working day: nothing is expected any more."""
MAX_SKIPPED_TIMES = 400
"""Due times in a row that fall on days off: Sundays with weekends skipped would never come."""


@dataclass(frozen=True, slots=True)
class DaysOff:
    """Days on which nothing is expected, both included."""

    first: date
    last: date

    @classmethod
    def of(cls, text: str) -> Self:
        """Read `2026-12-25` or `2026-12-24..2027-01-02`; raises UnusableSchedule."""
        first, _, last = text.partition("..")
        try:
            days = cls(date.fromisoformat(first), date.fromisoformat(last or first))
        except ValueError:
            reason = f"has days off, {text!r}, that are not written like 2026-12-24..2027-01-02"
            raise UnusableSchedule(reason) from None
        if days.last < days.first:
            reason = f"has days off, {text}, that end before they begin"
            raise UnusableSchedule(reason)
        return days

    def __str__(self) -> str:
        """Read as it is written."""
        return str(self.first) if self.first == self.last else f"{self.first}..{self.last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A due time, when a file begins to count for it, and after when it is missed; in UTC."""

    opens_at: datetime
    due_at: datetime
    missed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySchedule:
    """Due times by `cron` in local time, or one `period` after another; raises UnusableSchedule.

    A due time by period that falls on a day off moves to the next working day; one by cron is
    skipped.
    """

    cron: str | None = None
    period: timedelta | None = None
    time_zone: str = "UTC"
    grace: timedelta = GRACE
    days_off: tuple[DaysOff, ...] = ()
    skips_weekends: bool = False

    def __post_init__(self) -> None:
        """Refuse a schedule that nobody could keep."""
        reason = _validation_error(self)
        if reason is not None:
            raise UnusableSchedule(reason)

    @property
    def zone(self) -> ZoneInfo:
        """The campus's time zone."""
        return ZoneInfo(self.time_zone)

    @property
    def is_hourly(self) -> bool:
        """Whether a file is due every hour or more often."""
        return self.period <= HOUR if self.period else cron_times.is_hourly(self.cron or "")

    def local(self, moment: datetime) -> datetime:
        """Convert a moment to the campus's time zone."""
        return moment.astimezone(self.zone)

    def format_time(self, moment: datetime) -> str:
        """Format a moment in the campus's time zone, which is named."""
        return format_local_time(moment, self.zone)

    def is_day_off(self, day: date) -> bool:
        """Whether nothing is expected on a day of the campus's calendar."""
        if self.skips_weekends and day.weekday() >= SATURDAY:
            return True
        return any(day_off.first <= day <= day_off.last for day_off in self.days_off)

    def due_times(self, after: datetime) -> Iterator[DueTime]:
        """Yield the due times by cron later than `after`, without days off."""
        moment, day, skipped = after, None, 0
        while skipped < MAX_SKIPPED_TIMES:
            due = next(cron_times.due_times(self.cron or "", self.zone, moment, day), None)
            day = None if due is None else self._working_day(due.shown.date())
            if due is None or day is None:
                return
            if day == due.shown.date():
                yield due
                moment, skipped = due.at, 0
            else:
                skipped += 1

    def window(self, due: DueTime) -> Window:
        """Return the window of a due time by cron."""
        return Window(
            opens_at=self._opens_at(due),
            due_at=due.at,
            missed_at=self._missed_at(due.shown, due.at),
        )

    def window_after(self, start: datetime, floor: datetime) -> Window | None:
        """Return the window of a file that is due a period after `start`.

        It is not due before `floor` nor on a day off. The window opens with the last arrival.
        """
        period = self.period or timedelta()
        due = start + period
        if not self.is_hourly:  # a daily file comes at the same time of day
            by_clock, _ = moments_showing(shown_at(start, self.zone) + period, self.zone)
            due = max(due, by_clock)
        due = max(due, floor)
        shown = shown_at(due, self.zone)
        day = self._working_day(shown.date())
        if day is None:
            return None
        if day != shown.date():
            shown = datetime.combine(day, shown.time())
            due, _ = moments_showing(shown, self.zone)
        missed_at = self._missed_at(shown, due)
        return Window(opens_at=max(start, floor), due_at=due, missed_at=missed_at)

    def _opens_at(self, due: DueTime) -> datetime:
        if self.is_hourly:
            gap = cron_times.hourly_gap(self.cron or "", self.zone, due)
            return due.at - (self.grace if gap is None else min(self.grace, gap / 2))
        previous = cron_times.previous_due_time(self.cron or "", self.zone, due)
        if previous is None:
            return due.at - self.grace
        elapsed = due.at - min(self.grace, (due.at - previous.at) / 2)
        by_clock, _ = moments_showing(
            due.shown - min(self.grace, (due.shown - previous.shown) / 2), self.zone
        )
        # Right after clocks went forward, all times that they skipped are the previous due time.
        return min(elapsed, by_clock) if by_clock > previous.at else elapsed

    def _missed_at(self, shown: datetime, due: datetime) -> datetime:
        """Return when the grace period is over, of a due time as clocks show it."""
        elapsed = due + self.grace
        if self.is_hourly:
            return elapsed
        _, by_clock = moments_showing(shown + self.grace, self.zone)
        return max(elapsed, by_clock)

    def _working_day(self, day: date) -> date | None:
        """Return the day itself, or the first after it that is not off."""
        days = (day + timedelta(days=count) for count in range(MAX_DAYS_OFF))
        return next((candidate for candidate in days if not self.is_day_off(candidate)), None)


class WatchState(StrEnum):
    """Where a target is in its schedule."""

    WAITING = "waiting"
    ON_TIME = "on-time"
    EARLY = "early"
    LATE = "late"
    MISSED = "silent"
    RECOVERED = "recovered"
    SNOOZED = "snoozed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What is expected of a target: the next file, or the first that did not arrive.

    Its window opened at `opens_at`; it is `due_at` and missed after `missed_at`. All are None where
    nothing is expected any more.
    """

    state: WatchState
    opens_at: datetime | None = None
    due_at: datetime | None = None
    missed_at: datetime | None = None


def expectation(
    schedule: DeliverySchedule,
    arrivals: Sequence[datetime],
    now: datetime,
    *,
    since: datetime,
    snoozed_until: datetime | None = None,
) -> Expectation:
    """Return what is expected after the latest two `arrivals`, newest first.

    Nothing is due before `since`, when the schedule was set, nor before `snoozed_until`.
    """
    floor = max(since, snoozed_until or since)
    last = arrivals[0] if arrivals else None
    window = _next_window(schedule, last, floor)
    if snoozed_until is not None and now < snoozed_until:
        return _expectation(WatchState.SNOOZED, window)
    if window is not None and now > window.due_at:
        missed = now > window.missed_at
        return _expectation(WatchState.MISSED if missed else WatchState.LATE, window)
    return _expectation(_state_after_arrival(schedule, arrivals, floor), window)


# Cached since the monitoring evaluates every watch once a minute, and the answer changes only with
# the next arrival: of 10,000 watches, evaluating cron took three seconds of CPU each time.
@lru_cache(maxsize=50_000)
def _next_window(
    schedule: DeliverySchedule, last: datetime | None, floor: datetime
) -> Window | None:
    """Find the window of the first due time that the last arrival does not count for."""
    if schedule.period is not None:
        return schedule.window_after(last or floor, floor)
    for due in schedule.due_times(after=max(last or floor, floor)):
        window = schedule.window(due)
        if last is None or window.opens_at > last:
            return window
    return None


def _state_after_arrival(
    schedule: DeliverySchedule, arrivals: Sequence[datetime], floor: datetime
) -> WatchState:
    if not arrivals:
        return WatchState.WAITING
    last, before = arrivals[0], arrivals[1] if len(arrivals) > 1 else None
    window = _next_window(schedule, before, floor)
    if window is None or last < floor:
        return WatchState.ON_TIME
    if last > window.missed_at:
        return WatchState.RECOVERED
    is_early = schedule.cron is not None and window.opens_at <= last < window.due_at
    return WatchState.EARLY if is_early else WatchState.ON_TIME


def _expectation(state: WatchState, window: Window | None) -> Expectation:
    if window is None:
        return Expectation(state=state)
    return Expectation(
        state=state,
        opens_at=window.opens_at,
        due_at=window.due_at,
        missed_at=window.missed_at,
    )


def _validation_error(schedule: DeliverySchedule) -> str | None:
    """Return what is wrong, as a clause that follows 'The schedule'."""
    if (schedule.cron is None) == (schedule.period is None):
        return "is neither a cron expression nor a period, or both"
    if schedule.period is not None and not MIN_PERIOD <= schedule.period <= MAX_PERIOD:
        return f"has a period that is not between {MIN_PERIOD} and {MAX_PERIOD.days} days"
    if not timedelta() <= schedule.grace <= MAX_PERIOD:
        return "has a grace period that is negative or longer than a year"
    try:
        _ = schedule.zone
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"has the unknown time zone {schedule.time_zone!r}; one is like America/New_York"
    return None if schedule.cron is None else cron_times.cron_error(schedule.cron)
