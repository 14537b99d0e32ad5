"""Clocks of campuses, as the tz database has them: a row for each kind of night.

`test_clocks_of_all_zones.py` has what holds for all zones and ten years.
"""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from alumniq_pipelines.core.access.s3_keys import S3Key, plan_rotation
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.monitoring import conditions
from alumniq_pipelines.core.monitoring.conditions import MissedDelivery
from alumniq_pipelines.core.monitoring.schedule import (
    DeliverySchedule,
    Expectation,
    WatchState,
    expectation,
)

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SECOND = timedelta(seconds=1)


class Night(NamedTuple):
    """What is expected after a moment: from when a file counts, its due time, the end of grace.

    `rhythm` is a cron expression, or a period. All times are by the clocks of the zone.
    """

    zone: str
    rhythm: str | timedelta
    grace: timedelta
    after: str
    opens: str
    due: str
    missed: str
    due_text: str

    @property
    def schedule(self) -> DeliverySchedule:
        """Return the schedule that the row is about."""
        if isinstance(self.rhythm, str):
            return DeliverySchedule(cron=self.rhythm, time_zone=self.zone, grace=self.grace)
        return DeliverySchedule(period=self.rhythm, time_zone=self.zone, grace=self.grace)

    @property
    def since(self) -> datetime:
        """Return the moment after which something is expected."""
        return datetime.fromisoformat(self.after)

    def at(self, now: datetime, *arrivals: datetime) -> Expectation:
        """Return what is expected after files that came, newest first."""
        return expectation(self.schedule, arrivals, now, since=self.since)


NEW_YORK, LORD_HOWE, BEIRUT = "America/New_York", "Australia/Lord_Howe", "Asia/Beirut"
CAIRO, ASUNCION, APIA = "Africa/Cairo", "America/Asuncion", "Pacific/Apia"

# fmt: off
NIGHTS = [
    # Clocks go back: 01:00 to 02:00 is there twice.
    Night(NEW_YORK, "0 2 * * *", 2 * HOUR, "2026-10-31T12:00-04:00",
          "2026-11-01T00:00-04:00", "2026-11-01T02:00-05:00", "2026-11-01T04:00-05:00",
          "2026-11-01 02:00 EST"),
    Night(NEW_YORK, "30 1 * * *", 2 * HOUR, "2026-10-31T12:00-04:00",
          "2026-10-31T23:30-04:00", "2026-11-01T01:30-04:00", "2026-11-01T03:30-05:00",
          "2026-11-01 01:30 EDT"),
    Night(NEW_YORK, "30 0 * * *", 2 * HOUR, "2026-10-31T12:00-04:00",
          "2026-10-31T22:30-04:00", "2026-11-01T00:30-04:00", "2026-11-01T02:30-05:00",
          "2026-11-01 00:30 EDT"),
    Night(NEW_YORK, "30 3 * * *", 2 * HOUR, "2026-10-31T12:00-04:00",
          "2026-11-01T01:30-04:00", "2026-11-01T03:30-05:00", "2026-11-01T05:30-05:00",
          "2026-11-01 03:30 EST"),
    Night(NEW_YORK, "30 4 * * *", 2 * HOUR, "2026-10-31T12:00-04:00",
          "2026-11-01T02:30-05:00", "2026-11-01T04:30-05:00", "2026-11-01T06:30-05:00",
          "2026-11-01 04:30 EST"),
    Night(NEW_YORK, "30 1 * * 0", 30 * MINUTE, "2026-10-31T12:00-04:00",
          "2026-11-01T01:00-04:00", "2026-11-01T01:30-04:00", "2026-11-01T02:00-05:00",
          "2026-11-01 01:30 EDT"),
    # The second 01:10: the file of 01:30 was due before it.
    Night(NEW_YORK, "30 1 * * *", 2 * HOUR, "2026-11-01T01:10-05:00",
          "2026-11-01T23:30-05:00", "2026-11-02T01:30-05:00", "2026-11-02T03:30-05:00",
          "2026-11-02 01:30 EST"),
    # Clocks go forward: 02:00 to 03:00 is not there.
    Night(NEW_YORK, "30 2 * * *", 2 * HOUR, "2026-03-07T12:00-05:00",
          "2026-03-08T00:00-05:00", "2026-03-08T03:00-04:00", "2026-03-08T05:00-04:00",
          "2026-03-08 03:00 EDT"),
    Night(NEW_YORK, "0 4 * * *", 2 * HOUR, "2026-03-07T12:00-05:00",
          "2026-03-08T01:00-05:00", "2026-03-08T04:00-04:00", "2026-03-08T06:00-04:00",
          "2026-03-08 04:00 EDT"),
    Night(NEW_YORK, "0 1 * * *", 2 * HOUR, "2026-03-07T12:00-05:00",
          "2026-03-07T23:00-05:00", "2026-03-08T01:00-05:00", "2026-03-08T04:00-04:00",
          "2026-03-08 01:00 EST"),
    # One file for several times that are skipped, and the next in its own right.
    Night(NEW_YORK, "30 2,3 * * *", HOUR, "2026-03-08T03:00-04:00",
          "2026-03-08T03:15-04:00", "2026-03-08T03:30-04:00", "2026-03-08T04:30-04:00",
          "2026-03-08 03:30 EDT"),
    Night(NEW_YORK, "*/5 2 * * *", HOUR, "2026-03-08T00:00-05:00",
          "2026-03-08T01:00-05:00", "2026-03-08T03:00-04:00", "2026-03-08T04:00-04:00",
          "2026-03-08 03:00 EDT"),
    # By half an hour.
    Night(LORD_HOWE, "45 1 * * *", HOUR, "2026-04-04T12:00+11:00",
          "2026-04-05T00:45+11:00", "2026-04-05T01:45+11:00", "2026-04-05T02:45+10:30",
          "2026-04-05 01:45 UTC+11:00"),
    Night(LORD_HOWE, "15 2 * * *", HOUR, "2026-10-03T12:00+10:30",
          "2026-10-04T01:00+10:30", "2026-10-04T02:30+11:00", "2026-10-04T03:30+11:00",
          "2026-10-04 02:30 UTC+11:00"),
    # By two hours, and back for Ramadan.
    Night("Antarctica/Troll", "30 2 * * *", 2 * HOUR, "2026-03-28T12:00+00:00",
          "2026-03-28T23:00+00:00", "2026-03-29T03:00+02:00", "2026-03-29T05:00+02:00",
          "2026-03-29 03:00 UTC+02:00"),
    Night("Africa/Casablanca", "30 2 * * *", 2 * HOUR, "2026-02-14T12:00+01:00",
          "2026-02-15T00:30+01:00", "2026-02-15T02:30+01:00", "2026-02-15T04:30+00:00",
          "2026-02-15 02:30 UTC+01:00"),
    # At midnight: it is not there, or the hour before it is there twice.
    Night(BEIRUT, "0 0 * * *", 2 * HOUR, "2022-03-26T12:00+02:00",
          "2022-03-26T22:00+02:00", "2022-03-27T01:00+03:00", "2022-03-27T03:00+03:00",
          "2022-03-27 01:00 EEST"),
    Night(BEIRUT, "30 0 * * 0", 2 * HOUR, "2022-03-26T12:00+02:00",
          "2022-03-26T22:00+02:00", "2022-03-27T01:00+03:00", "2022-03-27T03:00+03:00",
          "2022-03-27 01:00 EEST"),
    Night(BEIRUT, "0 */24 * * *", 2 * HOUR, "2022-03-26T12:00+02:00",
          "2022-03-26T22:00+02:00", "2022-03-27T01:00+03:00", "2022-03-27T03:00+03:00",
          "2022-03-27 01:00 EEST"),
    Night(BEIRUT, "30 23 * * *", 2 * HOUR, "2022-10-29T12:00+03:00",
          "2022-10-29T21:30+03:00", "2022-10-29T23:30+03:00", "2022-10-30T01:30+02:00",
          "2022-10-29 23:30 EEST"),
    Night(CAIRO, "15 0 * * *", HOUR, "2024-04-25T12:00+02:00",
          "2024-04-25T23:00+02:00", "2024-04-26T01:00+03:00", "2024-04-26T02:00+03:00",
          "2024-04-26 01:00 EEST"),
    Night(CAIRO, "0 0 * * *", HOUR, "2024-10-31T12:00+03:00",
          "2024-10-31T23:00+03:00", "2024-11-01T00:00+02:00", "2024-11-01T01:00+02:00",
          "2024-11-01 00:00 EET"),
    Night(ASUNCION, "0 0 * * *", HOUR, "2024-10-05T12:00-04:00",
          "2024-10-05T23:00-04:00", "2024-10-06T01:00-03:00", "2024-10-06T02:00-03:00",
          "2024-10-06 01:00 UTC-03:00"),
    # The time before midnight that is skipped is of Saturday, although it is Sunday then.
    Night("America/Nuuk", "30 23 * * 6", HOUR, "2024-03-30T12:00-02:00",
          "2024-03-30T22:00-02:00", "2024-03-31T00:00-01:00", "2024-03-31T01:00-01:00",
          "2024-03-31 00:00 UTC-01:00"),
    # A whole day is not there: nothing is due on it.
    Night(APIA, "0 3 * * *", 2 * HOUR, "2011-12-29T12:00-10:00",
          "2011-12-31T01:00+14:00", "2011-12-31T03:00+14:00", "2011-12-31T05:00+14:00",
          "2011-12-31 03:00 UTC+14:00"),
    Night(APIA, "0 3 * * 5", 2 * HOUR, "2011-12-29T12:00-10:00",
          "2012-01-06T01:00+14:00", "2012-01-06T03:00+14:00", "2012-01-06T05:00+14:00",
          "2012-01-06 03:00 UTC+14:00"),
    Night(APIA, "0 * * * *", 2 * HOUR, "2011-12-29T23:00-10:00",
          "2011-12-29T23:30-10:00", "2011-12-31T00:00+14:00", "2011-12-31T02:00+14:00",
          "2011-12-31 00:00 UTC+14:00"),
    # Every hour or more often, the time that passes counts.
    Night(NEW_YORK, "0 * * * *", 15 * MINUTE, "2026-11-01T01:00-04:00",
          "2026-11-01T01:45-04:00", "2026-11-01T01:00-05:00", "2026-11-01T01:15-05:00",
          "2026-11-01 01:00 EST"),
    Night(NEW_YORK, "0 0-23 * * *", 2 * HOUR, "2026-11-01T01:00-05:00",
          "2026-11-01T01:30-05:00", "2026-11-01T02:00-05:00", "2026-11-01T04:00-05:00",
          "2026-11-01 02:00 EST"),
    Night(NEW_YORK, "30 * * * *", 15 * MINUTE, "2026-03-08T01:30-05:00",
          "2026-03-08T03:15-04:00", "2026-03-08T03:30-04:00", "2026-03-08T03:45-04:00",
          "2026-03-08 03:30 EDT"),
    # Every few hours: once where the time is there twice, and not where it is not there.
    Night(NEW_YORK, "0 */2 * * *", 30 * MINUTE, "2026-11-01T00:00-04:00",
          "2026-11-01T01:30-04:00", "2026-11-01T02:00-05:00", "2026-11-01T02:30-05:00",
          "2026-11-01 02:00 EST"),
    Night(NEW_YORK, "0 */2 * * *", 30 * MINUTE, "2026-03-08T00:00-05:00",
          "2026-03-08T03:30-04:00", "2026-03-08T04:00-04:00", "2026-03-08T04:30-04:00",
          "2026-03-08 04:00 EDT"),
    Night("America/Havana", "0 */4 * * *", 2 * HOUR, "2026-11-01T00:00-04:00",
          "2026-11-01T02:00-05:00", "2026-11-01T04:00-05:00", "2026-11-01T06:00-05:00",
          "2026-11-01 04:00 CST"),
    # By period: the later of the two clocks, for whichever the export goes by.
    Night(NEW_YORK, DAY, 30 * MINUTE, "2026-10-31T03:00-04:00",
          "2026-10-31T03:00-04:00", "2026-11-01T03:00-05:00", "2026-11-01T03:30-05:00",
          "2026-11-01 03:00 EST"),
    Night(NEW_YORK, DAY, 30 * MINUTE, "2026-03-07T03:00-05:00",
          "2026-03-07T03:00-05:00", "2026-03-08T04:00-04:00", "2026-03-08T04:30-04:00",
          "2026-03-08 04:00 EDT"),
    Night(NEW_YORK, 6 * HOUR, HOUR, "2026-10-31T22:00-04:00",
          "2026-10-31T22:00-04:00", "2026-11-01T04:00-05:00", "2026-11-01T05:00-05:00",
          "2026-11-01 04:00 EST"),
    Night(NEW_YORK, HOUR, 15 * MINUTE, "2026-11-01T00:30-04:00",
          "2026-11-01T00:30-04:00", "2026-11-01T01:30-04:00", "2026-11-01T01:45-04:00",
          "2026-11-01 01:30 EDT"),
]
# fmt: on


@pytest.mark.parametrize("night", NIGHTS, ids=lambda night: f"{night.zone} {night.due_text}")
def test_each_night_has_its_window_and_what_is_missed_is_told_by_the_clocks_of_the_campus(
    night: Night,
) -> None:
    found = night.at(night.since)
    zone = night.schedule.zone
    expected = (night.opens, night.due, night.missed)
    moments = (found.opens_at, found.due_at, found.missed_at)
    assert moments == tuple(map(datetime.fromisoformat, expected)), [
        f"{moment.astimezone(zone)}" for moment in moments if moment
    ]
    target = Target("iqu", Environment.PRODUCTION, "warehouse")
    missed = MissedDelivery(target=target, schedule=night.schedule, expectation=found, last=None)
    assert f"It was due {night.due_text}, with a grace" in conditions.no_file(missed).detail


@pytest.mark.parametrize(
    "night",
    [night for night in NIGHTS if isinstance(night.rhythm, str)],
    ids=lambda night: f"{night.zone} {night.due_text}",
)
def test_a_file_counts_from_when_its_window_opens_until_its_grace_is_over(night: Night) -> None:
    opens, due, missed = map(datetime.fromisoformat, (night.opens, night.due, night.missed))
    assert night.at(opens, opens).due_at != due
    assert night.at(due, opens - SECOND).due_at == due
    before = min(night.since, opens - SECOND)
    assert night.at(missed, before).state is WatchState.LATE
    assert night.at(missed + SECOND, before).state is WatchState.MISSED
    assert night.at(missed, missed, before).state is WatchState.ON_TIME
    assert night.at(missed + SECOND, missed + SECOND, before).state is WatchState.RECOVERED


# Other times that a campus reads by its clocks


@pytest.mark.parametrize(
    "zone", ["Etc/GMT+12", "Pacific/Honolulu", "America/Los_Angeles", "America/New_York", "UTC"]
)
@pytest.mark.parametrize("made", ["2026-04-10T00:00+00:00", "2026-04-10T01:30+00:00"])
def test_an_old_s3_key_works_until_it_is_the_20th_on_every_campus(zone: str, made: str) -> None:
    """It ended at midnight in UTC, on the afternoon of the 19th in Honolulu."""
    old, new = (
        S3Key(
            access_key_id=name,
            customer="iqu",
            user_name="iqu.qa",
            encrypted_secret="",
            created_at=datetime.fromisoformat(created_at),
        )
        for name, created_at in (("old", "2026-01-10T00:00+00:00"), ("new", made))
    )
    start = datetime(2026, 4, 10, 2, tzinfo=UTC)
    times = (start + 30 * MINUTE * count for count in range(600))
    ends = next(moment for moment in times if plan_rotation([old, new], moment).end)
    assert ends.astimezone(ZoneInfo(zone)).date() == date(2026, 4, 20)
