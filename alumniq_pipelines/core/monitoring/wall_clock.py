"""The wall clock of a place: which moments show a time, whatever its clocks change; pure.

`shown` is what clocks show, a time without a zone. When they change, they skip some times, show
others twice, and where a place moved across the date line, skip or repeat a whole day.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def shown_at(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the time that clocks show at a moment."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def moments_showing(shown: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the first and the last moment at which clocks show a time, in UTC.

    Both are the moment of the change where clocks skip it.
    """
    # By the zone's offset before a change, and by the one after it.
    first, last = (shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= last:
        return first, last
    change = change_between(last, first, zone)
    return change, change


def change_between(earlier: datetime, later: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clocks changed between two moments at which they differ from UTC unalike."""
    offset = earlier.astimezone(zone).utcoffset()
    while later - earlier > datetime.resolution:
        middle = earlier + (later - earlier) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            earlier = middle
        else:
            later = middle
    return later


def has_abbreviation(moment: datetime, zone: ZoneInfo) -> bool:
    """Whether the time of a zone has a name then: of many, the database has only `+03`."""
    return f"{moment.astimezone(zone):%Z}".isalpha()


def format_local_time(moment: datetime, zone: ZoneInfo) -> str:
    """Format a moment as clocks show it: `2026-03-05 03:00 EST`, or with `UTC+03:00`."""
    local = moment.astimezone(zone)
    name = f"{local:%Z}" if has_abbreviation(moment, zone) else f"UTC{local.isoformat()[-6:]}"
    return f"{local:%Y-%m-%d %H:%M} {name}"
