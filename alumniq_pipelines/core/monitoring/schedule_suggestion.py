"""A rhythm proposed from history: when loads came, by the clocks of the campus; pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median, quantiles

from alumniq_pipelines.core.monitoring.schedule import Rhythm, Standing, expectation
from alumniq_pipelines.core.problems.command import TooLittleHistory

FEWEST_DAYS = 5
"""Days with a load before anything is proposed: less is no rhythm."""
LEAST_GRACE = timedelta(hours=1)
MARGIN = 1.5
"""By how much more than was ever seen a file may be off its time."""
WIDEST_SPREAD = timedelta(hours=10)
"""Times of day that differ by more are none; then the pace alone is proposed."""
STEP_MINUTES = 15
DAY_MINUTES = 1_440
ENOUGH_FOR_PERCENTILES = 20
SEVERAL_A_DAY = timedelta(hours=16)
RARER_THAN_WEEKLY = timedelta(days=8)
USUAL = 0.5
"""A weekday counts where it had a load in at least this share of the weeks."""
WEEKDAYS = ("1", "2", "3", "4", "5", "6", "0")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A rhythm, and what it was drawn from. `alarms` is how often history would have been late."""

    rhythm: Rhythm
    loads: int
    days: int
    first: datetime
    last: datetime
    alarms: int


def suggestion(arrivals: Sequence[datetime], time_zone: str) -> Suggestion:
    """Propose a rhythm from when loads came, in any order; raises TooLittleHistory."""
    ordered = sorted(set(arrivals))
    zone = Rhythm(period=timedelta(days=1), time_zone=time_zone).zone
    local = [each.astimezone(zone) for each in ordered]
    days = len({each.date() for each in local})
    if days < FEWEST_DAYS:
        raise TooLittleHistory(len(ordered), days, FEWEST_DAYS)
    rhythm = _rhythm(local, time_zone)
    alarms = _alarms(rhythm, ordered)
    return Suggestion(rhythm, len(ordered), days, ordered[0], ordered[-1], alarms)


def _rhythm(local: Sequence[datetime], time_zone: str) -> Rhythm:
    gaps = [later - earlier for earlier, later in pairwise(local)]
    pace = timedelta(seconds=median(each.total_seconds() for each in gaps))
    turn = _turn_of_day([each.hour * 60 + each.minute for each in local])
    firsts = _first_of_each_day(local, turn)
    offsets = [minutes for _, minutes in firsts]
    if pace < SEVERAL_A_DAY or pace > RARER_THAN_WEEKLY or _spread(offsets) > WIDEST_SPREAD:
        return _by_period(gaps, time_zone)
    minute_of_day = _rounded_up(turn + median(offsets))
    due = minute_of_day - turn
    low, high = _usual_range(offsets)
    grace = timedelta(minutes=_rounded_up(MARGIN * max(high - due, due - low)))
    weekdays = Counter(
        (day + timedelta(days=minute_of_day // DAY_MINUTES)).weekday() for day, _ in firsts
    )
    hour, minute = divmod(minute_of_day % DAY_MINUTES, 60)
    cron = f"{minute} {hour} * * {_weekdays(weekdays, firsts)}"
    return Rhythm(cron=cron, time_zone=time_zone, grace=max(grace, LEAST_GRACE))


def _by_period(gaps: Sequence[timedelta], time_zone: str) -> Rhythm:
    """Propose the pace: the median wait, and as grace what the longest usual one took more."""
    minutes = [each.total_seconds() / 60 for each in gaps]
    period = max(round(median(minutes) / STEP_MINUTES), 1) * STEP_MINUTES
    _, high = _usual_range(minutes)
    grace = timedelta(minutes=_rounded_up(MARGIN * max(high - period, 0)))
    return Rhythm(
        period=timedelta(minutes=period), time_zone=time_zone, grace=max(grace, LEAST_GRACE)
    )


def _turn_of_day(minutes: Sequence[int]) -> int:
    """Find where a day of this feed begins: after the longest stretch in which nothing comes.

    Files that come around midnight belong to one day, not to two.
    """
    ordered = sorted(set(minutes))
    around = [*ordered, ordered[0] + DAY_MINUTES]
    _, start = max((later - earlier, later) for earlier, later in pairwise(around))
    return start % DAY_MINUTES


def _first_of_each_day(local: Sequence[datetime], turn: int) -> list[tuple[datetime, float]]:
    """Answer each day's first arrival as minutes after the turn of its day.

    Later ones of the day are extra, such as an emergency update.
    """
    firsts: dict[datetime, float] = {}
    for each in local:
        wall = each.replace(tzinfo=None) - timedelta(minutes=turn)
        day = wall.replace(hour=0, minute=0, second=0, microsecond=0)
        firsts.setdefault(day, (wall - day).total_seconds() / 60)
    return sorted(firsts.items())


def _weekdays(counted: Counter[int], firsts: Sequence[tuple[datetime, float]]) -> str:
    weeks = max(((firsts[-1][0] - firsts[0][0]).days + 1) / 7, 1)
    usual = [day for day in range(7) if counted[day] >= USUAL * weeks]
    if not usual or len(usual) == len(WEEKDAYS):
        return "*"
    return "1-5" if usual == [0, 1, 2, 3, 4] else ",".join(WEEKDAYS[day] for day in usual)


def _usual_range(values: Sequence[float]) -> tuple[float, float]:
    """Answer the least and the most, without the outermost twentieths where there are many."""
    if len(values) < ENOUGH_FOR_PERCENTILES:
        return min(values), max(values)
    cuts = quantiles(values, n=20)
    return cuts[0], cuts[-1]


def _spread(offsets: Sequence[float]) -> timedelta:
    low, high = _usual_range(offsets)
    return timedelta(minutes=high - low)


def _rounded_up(minutes: float) -> int:
    return -int(-minutes // STEP_MINUTES) * STEP_MINUTES


def _alarms(rhythm: Rhythm, ordered: Sequence[datetime]) -> int:
    """Count the arrivals of the past that would have come after an alarm."""
    since = ordered[0] - timedelta(days=400)
    standings = (
        expectation(rhythm, [earlier], later, since=since).standing
        for earlier, later in pairwise(ordered)
    )
    return sum(each is Standing.SILENT for each in standings)
