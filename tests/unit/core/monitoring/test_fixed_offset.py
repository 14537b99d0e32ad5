"""A time zone that is only an offset is warned of, with the zone of a place; others are not."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from alumniq_pipelines.core.monitoring.fixed_offset import PLACES, fixed_offset_warning
from alumniq_pipelines.core.monitoring.schedule import DeliverySchedule


def warning(time_zone: str) -> str:
    schedule = DeliverySchedule(period=timedelta(days=1), time_zone=time_zone)
    return str(fixed_offset_warning(schedule) or "")


@pytest.mark.parametrize(
    ("time_zone", "offset", "place"),
    [
        ("EST", "is 5 hours behind UTC all year", "America/New_York"),
        ("MST", "is 7 hours behind UTC all year", "America/Denver"),
        ("Etc/GMT+5", "is 5 hours behind UTC all year", "America/New_York"),
        ("Etc/GMT+8", "is 8 hours behind UTC all year", "America/Los_Angeles"),
        ("Etc/GMT-1", "is 1 hour ahead of UTC all year", "Europe/Paris"),
        ("GMT", "is UTC all year", "Europe/London"),
    ],
)
def test_a_zone_without_summer_time_is_warned_of_with_a_likely_one(
    time_zone: str, offset: str, place: str
) -> None:
    text = warning(time_zone)
    assert f"The time zone {time_zone} {offset}: it has no summer time." in text
    assert text.endswith(f"--time-zone {place}.")


@pytest.mark.parametrize(
    ("time_zone", "offset"),
    [
        ("Etc/GMT+12", "is 12 hours behind UTC"),
        ("Etc/GMT-9", "is 9 hours ahead of UTC"),
        ("Etc/GMT-5", "is 5 hours ahead of UTC"),
        ("Etc/GMT+10", "is 10 hours behind UTC"),
    ],
)
def test_where_no_place_with_summer_time_has_the_offset_none_is_likely(
    time_zone: str, offset: str
) -> None:
    """The sign of such a name is easily mistaken; the offset in words shows it."""
    text = warning(time_zone)
    assert offset in text
    assert text.endswith("Use the time zone of a place, such as America/New_York.")


def test_no_zone_of_a_place_is_warned_of_and_every_likely_one_is_such_a_zone() -> None:
    """Arizona, Hawaii and Japan have no summer time, and know it."""
    known = available_timezones()
    winter, summer = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
    for hours, place in PLACES.items():
        zone = ZoneInfo(place)
        offsets = {zone.utcoffset(day.astimezone(zone)) for day in (winter, summer)}
        assert offsets == {timedelta(hours=hours), timedelta(hours=hours + 1)}, place
    warned = {name for name in known if name != "localtime" and warning(name)}
    assert {"EST", "MST", "GMT", "Etc/GMT", "Etc/GMT+5", "Etc/GMT-14", "Greenwich"} <= warned
    assert {name for name in warned if "/" in name and not name.startswith("Etc/")} == set()
    assert not warned & {
        "UTC",
        "Etc/UTC",
        "Zulu",
        "EST5EDT",
        "CET",
        "Japan",
        "America/Phoenix",
        "HST",
    }
