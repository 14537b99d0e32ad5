"""The due times of a cron expression by the wall clock of a place; `after` is given.

A time that clocks skip is due right after the change, and one that they show twice is due once,
the first time. Two kinds of expression are different, as they are for Debian's cron, which runs
most exports. Every hour or more often, a file is due whenever clocks show the time: twice, or not
at all. Where the hours are `*` with a step, a skipped time is left out, since others follow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from alumniq_pipelines.core.monitoring.wall_clock import (
    change_between,
    moments_showing,
    shown_at,
)

CRON_FIELDS = 5
HOURS_OF_A_DAY = 24
SECOND = timedelta(seconds=1)
_ANY_TIME = datetime(2024, 1, 1)  # noqa: DTZ001 - of a wall clock


@dataclass(frozen=True, slots=True, kw_only=True)
class DueTime:
    """A due time as the expression has it, and when that is, in UTC."""

    shown: datetime
    at: datetime


@lru_cache(maxsize=10_000)  # each reading of a watch builds its schedule anew
def cron_error(cron: str) -> str | None:
    """Return what is wrong with an expression, as a clause that follows 'The schedule'."""
    example = "a cron expression has five fields, such as 0 3 * * 1-5"
    if len(cron.split()) != CRON_FIELDS:
        return f"{cron!r} does not have five fields; {example}"
    try:
        first = next(CronSim(cron, _ANY_TIME), None)
    except CronSimError as error:
        field = str(error).removeprefix("Bad ").lower()
        return f"{cron!r} has an unusable {field}; {example}"
    return f"{cron!r} never comes" if first is None else None


@lru_cache(maxsize=10_000)
def is_hourly(cron: str) -> bool:
    """Whether a file is due in every hour of a day."""
    return len(CronSim(cron, _ANY_TIME).hours) == HOURS_OF_A_DAY


@lru_cache(maxsize=10_000)
def _is_every_few_hours(cron: str) -> bool:
    """Whether the hours are `*` with a step, and several."""
    return cron.split()[1].startswith("*") and len(CronSim(cron, _ANY_TIME).hours) > 1


def due_times(
    cron: str, zone: ZoneInfo, after: datetime, day: date | None = None
) -> Iterator[DueTime]:
    """Yield the due times later than `after`, from a day on."""
    midnight = None if day is None else datetime.combine(day, time())
    times = _hourly_times if is_hourly(cron) else _daily_times
    return times(cron, zone, after, midnight)


def previous_due_time(cron: str, zone: ZoneInfo, due: DueTime) -> DueTime | None:
    """Return the due time before one of an expression that is not hourly."""
    earlier = (_due_time(cron, zone, shown) for shown in CronSim(cron, due.shown, reverse=True))
    return next((time for time in earlier if time is not None), None)


def hourly_gap(cron: str, zone: ZoneInfo, due: DueTime) -> timedelta | None:
    """Return the time before a due time of an hourly expression in which no other one is.

    By the wall clock or as it passed, whichever is shorter; None if there is none before.
    """
    by_clock = None
    for shown in CronSim(cron, due.shown, reverse=True):
        by_clock = by_clock or due.shown - shown
        _, at = moments_showing(shown, zone)
        if at < due.at and shown_at(at, zone) == shown:
            return min(by_clock, due.at - at)
    return None


def _daily_times(
    cron: str, zone: ZoneInfo, after: datetime, midnight: datetime | None
) -> Iterator[DueTime]:
    start = shown_at(after, zone)
    if midnight is not None:
        start = max(start, midnight - SECOND)
    for shown in CronSim(cron, start):
        due = _due_time(cron, zone, shown)
        # While clocks show an hour for the second time, its due times are in the past.
        if due is not None and due.at > after:
            yield due


def _due_time(cron: str, zone: ZoneInfo, shown: datetime) -> DueTime | None:
    """Return when a time is due; None for one that is left out, since clocks skip it."""
    at, _ = moments_showing(shown, zone)
    following = shown_at(at, zone)
    if following != shown:
        before = shown_at(at - datetime.resolution, zone)
        # Samoa had no 30 December 2011.
        is_day_skipped = before.date() < shown.date() < following.date()
        if is_day_skipped or _is_every_few_hours(cron):
            return None
    return DueTime(shown=shown, at=at)


def _hourly_times(
    cron: str, zone: ZoneInfo, after: datetime, midnight: datetime | None
) -> Iterator[DueTime]:
    moment = after
    if midnight is not None:
        moment = max(after, moments_showing(midnight, zone)[0] - SECOND)
    start = shown = shown_at(moment, zone)
    while True:
        for following in CronSim(cron, start):
            at = moment + (following - shown)
            if shown_at(at, zone) != following:
                break
            yield DueTime(shown=following, at=at)
            moment, shown = at, following
        else:
            return
        # The clocks changed on the way: continue from what they showed then, that included.
        moment = change_between(moment, at, zone)
        shown = shown_at(moment, zone)
        start = shown - SECOND
