"""Time zones that are only an offset: due times in them do not follow the clocks of a campus."""

import re
from datetime import datetime, timedelta

from alumniq_pipelines.core.monitoring.schedule import DeliverySchedule
from alumniq_pipelines.core.problems.command import NoSummerTime

FIXED = re.compile(r"EST|MST|(?:Etc/)?(?:GMT(?:[+-]?[0-9]{1,2})?|Greenwich)")
"""Zones that stand for no place with summer time.

UTC is left out, because nobody takes it for the time of a campus, and HST, because it is the time
of Hawaii all year.
"""

HOUR = timedelta(hours=1)

PLACES = {
    -9: "America/Anchorage",
    -8: "America/Los_Angeles",
    -7: "America/Denver",
    -6: "America/Chicago",
    -5: "America/New_York",
    -4: "America/Halifax",
    0: "Europe/London",
    1: "Europe/Paris",
    2: "Europe/Athens",
    10: "Australia/Sydney",
    12: "Pacific/Auckland",
}
"""Zones with universities and summer time, by the hours that they are ahead of UTC in winter."""

ANY_PLACE = "AREA/CITY"
"""Stands for a zone where none is likely: one of another offset would be a wrong advice."""


def fixed_offset_warning(schedule: DeliverySchedule) -> NoSummerTime | None:
    """Return the warning that the zone of a schedule has no summer time, with a likely zone."""
    name = schedule.time_zone
    if not FIXED.fullmatch(name):
        return None
    offset = schedule.zone.utcoffset(datetime(2026, 1, 1)) or timedelta()  # noqa: DTZ001 - local
    hours = round(offset / HOUR)
    # The sign of such a name is easily mistaken: Etc/GMT-5 is not New York's, but Pakistan's. So
    # the warning says how many hours it is ahead or behind.
    return NoSummerTime(name, hours, PLACES.get(hours, ANY_PLACE))
