"""A schedule suggested from history: when loads arrived, in the campus's time zone; pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median, quantiles

from alumniq_pipelines.core.monitoring.schedule import DeliverySchedule, WatchState, expectation
from alumniq_pipelines.core.problems.command import TooLittleHistory

MIN_DAYS = 5
"""Days with a load before a schedule is suggested: fewer show no pattern."""
MIN_GRACE = timedelta(hours=1)
SAFETY_FACTOR = 1.5
"""How much more than was ever seen a file may be off its time."""
MAX_SPREAD = timedelta(hours=10)
"""Where times of day differ by more, only a period is suggested."""
STEP_MINUTES = 15
DAY_MINUTES = 1_440
ENOUGH_FOR_PERCENTILES = 20
SEVERAL_A_DAY = timedelta(hours=16)
RARER_THAN_WEEKLY = timedelta(days=8)
USUAL_SHARE = 0.5
"""A weekday counts where it had a load in at least this share of the weeks."""
WEEKDAYS = ("1", "2", "3", "4", "5", "6", "0")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSuggestion:
    """A schedule and the history behind it; `alarms` is how often it would have raised an alarm."""

    schedule: DeliverySchedule
    loads: int
    days: int
    first: datetime
    last: datetime
    alarms: int


def suggest_schedule(arrivals: Sequence[datetime], time_zone: str) -> ScheduleSuggestion:
    """Suggest a schedule from when loads arrived, in any order; raises TooLittleHistory."""
    ordered = sorted(set(arrivals))
    zone = DeliverySchedule(period=timedelta(days=1), time_zone=time_zone).zone
    local = [arrival.astimezone(zone) for arrival in ordered]
    days = len({arrival.date() for arrival in local})
    if days < MIN_DAYS:
        raise TooLittleHistory(len(ordered), days, MIN_DAYS)
    schedule = _propose_schedule(local, time_zone)
    # The alarms are those that would have been raised before one of these loads arrived.
    since = ordered[0] - timedelta(days=400)  # longer ago than any period
    states = [
        expectation(schedule, [earlier], later, since=since).state
        for earlier, later in pairwise(ordered)
    ]
    return ScheduleSuggestion(
        schedule=schedule,
        loads=len(ordered),
        days=days,
        first=ordered[0],
        last=ordered[-1],
        alarms=states.count(WatchState.MISSED),
    )


def _propose_schedule(local: Sequence[datetime], time_zone: str) -> DeliverySchedule:
    # In UTC: within a zone, the subtraction would ignore a change of the clocks.
    gaps = [later - earlier for earlier, later in pairwise(at.astimezone(UTC) for at in local)]
    pace = timedelta(seconds=median(gap.total_seconds() for gap in gaps))
    day_start = _find_day_start([arrival.hour * 60 + arrival.minute for arrival in local])
    firsts = _first_of_each_day(local, day_start)
    offsets = [minutes for _, minutes in firsts]
    low, high = _usual_range(offsets)
    is_spread = timedelta(minutes=high - low) > MAX_SPREAD
    if pace < SEVERAL_A_DAY or pace > RARER_THAN_WEEKLY or is_spread:
        return _by_period(gaps, time_zone)
    minute_of_day = _round_up(day_start + median(offsets))
    due = minute_of_day - day_start
    grace = timedelta(minutes=_round_up(SAFETY_FACTOR * max(high - due, due - low)))
    weekdays = Counter(
        (day + timedelta(days=minute_of_day // DAY_MINUTES)).weekday() for day, _ in firsts
    )
    hour, minute = divmod(minute_of_day % DAY_MINUTES, 60)
    cron = f"{minute} {hour} * * {_weekdays(weekdays, firsts)}"
    return DeliverySchedule(cron=cron, time_zone=time_zone, grace=max(grace, MIN_GRACE))


def _by_period(gaps: Sequence[timedelta], time_zone: str) -> DeliverySchedule:
    """Suggest a period: the median wait, with a grace period up to the longest usual one."""
    minutes = [gap.total_seconds() / 60 for gap in gaps]
    period = max(round(median(minutes) / STEP_MINUTES), 1) * STEP_MINUTES
    _, high = _usual_range(minutes)
    grace = timedelta(minutes=_round_up(SAFETY_FACTOR * max(high - period, 0)))
    return DeliverySchedule(
        period=timedelta(minutes=period), time_zone=time_zone, grace=max(grace, MIN_GRACE)
    )


def _find_day_start(minutes: Sequence[int]) -> int:
    """Find where a day of this feed begins: after the longest stretch in which nothing arrives.

    Files that arrive around midnight belong to one day, not to two.
    """
    ordered = sorted(set(minutes))
    around = [*ordered, ordered[0] + DAY_MINUTES]
    _, start = max((later - earlier, later) for earlier, later in pairwise(around))
    return start % DAY_MINUTES


def _first_of_each_day(local: Sequence[datetime], day_start: int) -> list[tuple[datetime, float]]:
    """Return each day's first arrival, in minutes after the start of its day.

    Later ones of the day are extra, such as an emergency update.
    """
    firsts: dict[datetime, float] = {}
    for arrival in local:
        wall = arrival.replace(tzinfo=None) - timedelta(minutes=day_start)
        day = wall.replace(hour=0, minute=0, second=0, microsecond=0)
        firsts.setdefault(day, (wall - day).total_seconds() / 60)
    return sorted(firsts.items())


def _weekdays(counted: Counter[int], firsts: Sequence[tuple[datetime, float]]) -> str:
    weeks = max(((firsts[-1][0] - firsts[0][0]).days + 1) / 7, 1)
    usual = [day for day in range(7) if counted[day] >= USUAL_SHARE * weeks]
    if not usual or len(usual) == len(WEEKDAYS):
        return "*"
    return "1-5" if usual == [0, 1, 2, 3, 4] else ",".join(WEEKDAYS[day] for day in usual)


def _usual_range(values: Sequence[float]) -> tuple[float, float]:
    """Return the least and the most, without the outermost twentieths where there are many."""
    if len(values) < ENOUGH_FOR_PERCENTILES:
        return min(values), max(values)
    cuts = quantiles(values, n=20)
    return cuts[0], cuts[-1]


def _round_up(minutes: float) -> int:
    return -int(-minutes // STEP_MINUTES) * STEP_MINUTES
