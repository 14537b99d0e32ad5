"""The delivery schedule: when files of a target are due, and whether one is late; `now` is given.

Each due time has a window of its own. It opens a little before: by the grace period, or by half the
time since the previous due time where that is less. A file that arrives while the window is open
counts for that due time, and is early until then. A file that arrives before was an extra one, and
the nightly file is still expected. A file that has not arrived `grace` after its due time is a
missed delivery.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from alumniq_pipelines.core.problems.command import UnusableSchedule

GRACE = timedelta(hours=2)
"""What contract.md says the largest files take (an hour), and as much again."""

MIN_PERIOD = timedelta(minutes=5)
MAX_PERIOD = timedelta(days=366)
CRON_FIELDS = 5
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

    def local(self, moment: datetime) -> datetime:
        """Convert a moment to the campus's time zone."""
        return moment.astimezone(self.zone)

    def is_day_off(self, day: date) -> bool:
        """Whether nothing is expected on a day of the campus's calendar."""
        if self.skips_weekends and day.weekday() >= SATURDAY:
            return True
        return any(day_off.first <= day <= day_off.last for day_off in self.days_off)

    def due_times(self, after: datetime) -> Iterator[datetime]:
        """Yield the due times by cron later than `after`, in UTC, without days off."""
        moment, skipped = after, 0
        while skipped < MAX_SKIPPED_TIMES:
            due = self._next_cron_time(moment)
            if due is None:
                return
            working = self._working_day(self.local(due).date())
            if working is None:
                return
            if working == self.local(due).date():
                yield due
                moment, skipped = due, 0
            else:
                midnight = datetime.combine(working, time(), self.zone)
                # To UTC first: in local time, the subtraction would ignore a change of the clocks.
                moment = midnight.astimezone(UTC) - timedelta(seconds=1)
                skipped += 1

    def due_after_period(self, start: datetime, floor: datetime) -> datetime | None:
        """Return when a file is due a period after `start`, not before `floor` nor on a day off."""
        local = self.local(max(start + (self.period or timedelta()), floor))
        day = self._working_day(local.date())
        if day is None:
            return None
        return (local + (day - local.date())).astimezone(UTC)

    def window_opens_at(self, due: datetime) -> datetime:
        """Return when the window of a due time by cron opens."""
        before = next(CronSim(self.cron or "", self.local(due), reverse=True), None)
        gap = max(due - before.astimezone(UTC), timedelta()) if before else self.grace
        return due - min(self.grace, gap / 2)

    def _working_day(self, day: date) -> date | None:
        """Return the day itself, or the first after it that is not off."""
        days = (day + timedelta(days=count) for count in range(MAX_DAYS_OFF))
        return next((candidate for candidate in days if not self.is_day_off(candidate)), None)

    def _next_cron_time(self, after: datetime) -> datetime | None:
        # Of an hour that clocks show twice, the library may return the first when asked for what
        # follows the second.
        found = (moment.astimezone(UTC) for moment in CronSim(self.cron or "", self.local(after)))
        return next((moment for moment in found if moment > after), None)


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
    next_due = _next_due(schedule, last, floor)
    if snoozed_until is not None and now < snoozed_until:
        return _expectation(WatchState.SNOOZED, schedule, next_due)
    if next_due is not None and now > next_due[1]:
        missed = now > next_due[1] + schedule.grace
        return _expectation(WatchState.MISSED if missed else WatchState.LATE, schedule, next_due)
    return _expectation(_state_after_arrival(schedule, arrivals, floor), schedule, next_due)


Window = tuple[datetime, datetime]
"""When the window opens, and its due time."""


# Cached since the monitoring evaluates every watch once a minute, and the answer changes only with
# the next arrival: of 10,000 watches, evaluating cron took three seconds of CPU each time.
@lru_cache(maxsize=50_000)
def _next_due(schedule: DeliverySchedule, last: datetime | None, floor: datetime) -> Window | None:
    """Find the first due time that the last arrival does not count for."""
    if schedule.period is not None:
        due = schedule.due_after_period(last or floor, floor)
        return None if due is None else (max(last or floor, floor), due)
    for due in schedule.due_times(after=max(last or floor, floor)):
        opens_at = schedule.window_opens_at(due)
        if last is None or opens_at > last:
            return opens_at, due
    return None


def _state_after_arrival(
    schedule: DeliverySchedule, arrivals: Sequence[datetime], floor: datetime
) -> WatchState:
    if not arrivals:
        return WatchState.WAITING
    last, before = arrivals[0], arrivals[1] if len(arrivals) > 1 else None
    next_due = _next_due(schedule, before, floor)
    if next_due is None or last < floor:
        return WatchState.ON_TIME
    opens_at, due = next_due
    if last > due + schedule.grace:
        return WatchState.RECOVERED
    is_early = schedule.cron is not None and opens_at <= last < due
    return WatchState.EARLY if is_early else WatchState.ON_TIME


def _expectation(
    state: WatchState, schedule: DeliverySchedule, next_due: Window | None
) -> Expectation:
    if next_due is None:
        return Expectation(state=state)
    opens_at, due = next_due
    return Expectation(state=state, opens_at=opens_at, due_at=due, missed_at=due + schedule.grace)


def _validation_error(schedule: DeliverySchedule) -> str | None:
    """Return what is wrong, as a clause that follows 'The schedule'."""
    if (schedule.cron is None) == (schedule.period is None):
        return "is neither a cron expression nor a period, or both"
    if schedule.period is not None and not MIN_PERIOD <= schedule.period <= MAX_PERIOD:
        return f"has a period that is not between {MIN_PERIOD} and {MAX_PERIOD.days} days"
    if not timedelta() <= schedule.grace <= MAX_PERIOD:
        return "has a grace period that is negative or longer than a year"
    try:
        zone = schedule.zone
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"has the unknown time zone {schedule.time_zone!r}; one is like America/New_York"
    return None if schedule.cron is None else _cron_error(schedule.cron, zone)


@lru_cache(maxsize=10_000)  # each reading of a watch builds its schedule anew
def _cron_error(cron: str, zone: ZoneInfo) -> str | None:
    example = "a cron expression has five fields, such as 0 3 * * 1-5"
    if len(cron.split()) != CRON_FIELDS:
        return f"{cron!r} does not have five fields; {example}"
    try:
        first = next(CronSim(cron, datetime(2024, 1, 1, tzinfo=zone)), None)
    except CronSimError as error:
        field = str(error).removeprefix("Bad ").lower()
        return f"{cron!r} has an unusable {field}; {example}"
    return f"{cron!r} never comes" if first is None else None
