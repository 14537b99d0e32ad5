"""Time zones that are only an offset: due times in them do not follow the clocks of a campus."""

import re
from datetime import datetime, timedelta

from alumniq_pipelines.core.monitoring.schedule import DeliverySchedule
from alumniq_pipelines.core.problems.command import NoSummerTime

FIXED = re.compile(r"EST|MST|(?:Etc/)?(?:GMT(?:[+-]?[0-9]{1,2})?|Greenwich)")
"""Zones that stand for no place, and for none without summer time, as HST does for Hawaii.

UTC is left out: nobody takes it for the time of a campus.
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


def fixed_offset_warning(schedule: DeliverySchedule) -> NoSummerTime | None:
    """Return the warning that the zone of a schedule has no summer time, with a likely zone.

    There may be none: a name like Etc/GMT-9 has the offset of no place with summer time.
    """
    name = schedule.time_zone
    if not FIXED.fullmatch(name):
        return None
    offset = schedule.zone.utcoffset(datetime(2026, 1, 1)) or timedelta()  # noqa: DTZ001 - local
    hours = round(offset / HOUR)
    return NoSummerTime(name, hours, PLACES.get(hours))
