"""Time zones that are only an offset: due times in them do not follow the clocks of a campus."""

import re
from datetime import datetime, timedelta

from alumniq_pipelines.core.monitoring.schedule import DeliverySchedule
from alumniq_pipelines.core.problems.command import NoSummerTime

FIXED = re.compile(r"EST|MST|HST|(?:Etc/)?(?:GMT(?:[+-]?[0-9]{1,2})?|Greenwich)")
"""Zones that stand for no place. UTC is left out: nobody takes it for the time of a campus."""

HOUR = timedelta(hours=1)

PLACES = {
    -10: "Pacific/Honolulu",
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
"""Zones with universities, by the hours that they are ahead of UTC in winter."""


def fixed_offset_warning(schedule: DeliverySchedule) -> NoSummerTime | None:
    """Return the warning that the zone of a schedule has no summer time, with a likely zone."""
    name = schedule.time_zone
    if not FIXED.fullmatch(name):
        return None
    offset = schedule.zone.utcoffset(datetime(2026, 1, 1)) or timedelta()  # noqa: DTZ001 - local
    hours = round(offset / HOUR)
    # The sign of such a name is easily mistaken: Etc/GMT-5 is not New York's, but Pakistan's.
    place = PLACES.get(hours) or PLACES.get(-hours, PLACES[-5])
    return NoSummerTime(name, hours, place)
