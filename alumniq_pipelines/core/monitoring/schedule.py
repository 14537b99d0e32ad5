"""Rhythm: when files of a target are expected, and how that stands now; pure, `now` is given.

Each time at which a file is due has a window of its own. It opens a little before: by the grace, or
by half the time since the due time before where that is less. What comes while it is open counts
for that due time, and is early until it has come; what comes before it opens was an extra one, and
a nightly file is still awaited. `grace` after its due time a file that did not come is silence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from alumniq_pipelines.core.problems.command import UnusableRhythm

GRACE = timedelta(hours=2)
"""What contract.md says the largest files take (an hour), and as much again."""

SHORTEST_PERIOD = timedelta(minutes=5)
LONGEST_PERIOD = timedelta(days=366)
CRON_FIELDS = 5
SATURDAY = 5
MOST_DAYS_OFF = 3_700
"""Ten years without a working day: nothing is expected any more."""
MOST_LEFT_OUT = 400
"""Due times in a row that fall on days off: a rhythm of Sundays that skips weekends never comes."""


@dataclass(frozen=True, slots=True)
class DaysOff:
    """Days on which nothing is expected, both included."""

    first: date
    last: date

    @classmethod
    def of(cls, text: str) -> Self:
        """Read `2026-12-25` or `2026-12-24..2027-01-02`; raises UnusableRhythm."""
        first, _, last = text.partition("..")
        try:
            days = cls(date.fromisoformat(first), date.fromisoformat(last or first))
        except ValueError:
            reason = f"has days off, {text!r}, that are not like 2026-12-24..2027-01-02"
            raise UnusableRhythm(reason) from None
        if days.last < days.first:
            reason = f"has days off, {text}, that end before they begin"
            raise UnusableRhythm(reason)
        return days

    def __str__(self) -> str:
        """Read as it is written."""
        return str(self.first) if self.first == self.last else f"{self.first}..{self.last}"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Due times by `cron` in local time, or one `period` after another; raises UnusableRhythm.

    A due time by period that falls on a day off moves to the next day that is none, one by cron
    falls away.
    """

    cron: str | None = None
    period: timedelta | None = None
    time_zone: str = "UTC"
    grace: timedelta = GRACE
    days_off: tuple[DaysOff, ...] = ()
    skips_weekends: bool = False

    def __post_init__(self) -> None:
        """Refuse what could never be kept to."""
        reason = _flaw(self)
        if reason is not None:
            raise UnusableRhythm(reason)

    @property
    def zone(self) -> ZoneInfo:
        """The campus's time zone."""
        return ZoneInfo(self.time_zone)

    def local(self, moment: datetime) -> datetime:
        """Show a moment as clocks on campus do."""
        return moment.astimezone(self.zone)

    def is_off(self, day: date) -> bool:
        """Whether nothing is expected on a day of the campus's calendar."""
        if self.skips_weekends and day.weekday() >= SATURDAY:
            return True
        return any(each.first <= day <= each.last for each in self.days_off)

    def due_times(self, after: datetime) -> Iterator[datetime]:
        """Go through the due times by cron later than `after`, in UTC, days off left out."""
        moment, left_out = after, 0
        while left_out < MOST_LEFT_OUT:
            due = self._next_by_cron(moment)
            if due is None:
                return
            working = self._working_day(self.local(due).date())
            if working is None:
                return
            if working == self.local(due).date():
                yield due
                moment, left_out = due, 0
            else:
                moment = _start_of(working, self.zone) - timedelta(seconds=1)
                left_out += 1

    def due_after_period(self, start: datetime, floor: datetime) -> datetime | None:
        """Answer when a file is due a period after `start`, not before `floor` nor on a day off."""
        local = self.local(max(start + (self.period or timedelta()), floor))
        day = self._working_day(local.date())
        if day is None:
            return None
        return (local + (day - local.date())).astimezone(UTC)

    def opens(self, due: datetime) -> datetime:
        """Answer when the window of a due time by cron opens."""
        before = next(CronSim(self.cron or "", self.local(due), reverse=True), None)
        gap = max(due - before.astimezone(UTC), timedelta()) if before else self.grace
        return due - min(self.grace, gap / 2)

    def _working_day(self, day: date) -> date | None:
        """Answer the day itself, or the first after it that is not off."""
        days = (day + timedelta(days=count) for count in range(MOST_DAYS_OFF))
        return next((each for each in days if not self.is_off(each)), None)

    def _next_by_cron(self, after: datetime) -> datetime | None:
        # Of an hour that clocks show twice, the library may answer the first when asked for what
        # follows the second.
        found = (each.astimezone(UTC) for each in CronSim(self.cron or "", self.local(after)))
        return next((each for each in found if each > after), None)


class Standing(StrEnum):
    """How a target stands with its rhythm."""

    WAITING = "waiting"
    ON_TIME = "on-time"
    EARLY = "early"
    LATE = "late"
    SILENT = "silent"
    RECOVERED = "recovered"
    SNOOZED = "snoozed"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is expected of a target: the next file, or the first that did not come.

    Its window opened at `opens_at`; it is `due_at` and missed after `missed_at`. All are None where
    nothing is expected any more.
    """

    standing: Standing
    opens_at: datetime | None = None
    due_at: datetime | None = None
    missed_at: datetime | None = None


def expectation(
    rhythm: Rhythm,
    arrivals: Sequence[datetime],
    now: datetime,
    *,
    since: datetime,
    snoozed_until: datetime | None = None,
) -> Expectation:
    """Say what is expected, after the latest two `arrivals`, newest first.

    Nothing is due before `since`, when the rhythm was set, nor before `snoozed_until`.
    """
    floor = max(since, snoozed_until or since)
    last = arrivals[0] if arrivals else None
    awaited = _awaited(rhythm, last, floor)
    if snoozed_until is not None and now < snoozed_until:
        return _expected(Standing.SNOOZED, rhythm, awaited)
    if awaited is not None and now > awaited[1]:
        missed = now > awaited[1] + rhythm.grace
        return _expected(Standing.SILENT if missed else Standing.LATE, rhythm, awaited)
    return _expected(_standing_of_last(rhythm, arrivals, floor), rhythm, awaited)


Window = tuple[datetime, datetime]
"""When it opens, and the due time that it belongs to."""


def _awaited(rhythm: Rhythm, last: datetime | None, floor: datetime) -> Window | None:
    """Find the first due time that what came last does not count for."""
    if rhythm.period is not None:
        due = rhythm.due_after_period(last or floor, floor)
        return None if due is None else (max(last or floor, floor), due)
    for due in rhythm.due_times(after=max(last or floor, floor)):
        opens_at = rhythm.opens(due)
        if last is None or opens_at > last:
            return opens_at, due
    return None


def _standing_of_last(rhythm: Rhythm, arrivals: Sequence[datetime], floor: datetime) -> Standing:
    if not arrivals:
        return Standing.WAITING
    last, before = arrivals[0], arrivals[1] if len(arrivals) > 1 else None
    awaited = _awaited(rhythm, before, floor)
    if awaited is None or last < floor:
        return Standing.ON_TIME
    opens_at, due = awaited
    if last > due + rhythm.grace:
        return Standing.RECOVERED
    is_early = rhythm.cron is not None and opens_at <= last < due
    return Standing.EARLY if is_early else Standing.ON_TIME


def _expected(standing: Standing, rhythm: Rhythm, awaited: Window | None) -> Expectation:
    if awaited is None:
        return Expectation(standing)
    opens_at, due = awaited
    return Expectation(standing, opens_at, due, due + rhythm.grace)


def _start_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _flaw(rhythm: Rhythm) -> str | None:
    """Say what is wrong, as a clause that follows 'The rhythm'."""
    if (rhythm.cron is None) == (rhythm.period is None):
        return "is neither a cron expression nor a period, or both"
    if rhythm.period is not None and not SHORTEST_PERIOD <= rhythm.period <= LONGEST_PERIOD:
        return f"has a period that is not between {SHORTEST_PERIOD} and {LONGEST_PERIOD.days} days"
    if not timedelta() <= rhythm.grace <= LONGEST_PERIOD:
        return "has a grace that is negative or longer than a year"
    try:
        zone = rhythm.zone
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"has the unknown time zone {rhythm.time_zone!r}; one is like America/New_York"
    return None if rhythm.cron is None else _flaw_of_cron(rhythm.cron, zone)


def _flaw_of_cron(cron: str, zone: ZoneInfo) -> str | None:
    example = "a cron expression has five fields, such as 0 3 * * 1-5"
    if len(cron.split()) != CRON_FIELDS:
        return f"{cron!r} has not five fields; {example}"
    try:
        first = next(CronSim(cron, datetime(2024, 1, 1, tzinfo=zone)), None)
    except CronSimError as error:
        field = str(error).removeprefix("Bad ").lower()
        return f"{cron!r} has an unusable {field}; {example}"
    return f"{cron!r} never comes" if first is None else None
