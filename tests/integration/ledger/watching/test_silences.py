"""Incidents about one feed with a missed delivery."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from alumniq_pipelines.core.loads.load import LoadRequest, LoadState, Origin, new_job_id
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.monitoring.incident import Kind, Resolution
from alumniq_pipelines.core.monitoring.schedule import DeliverySchedule
from alumniq_pipelines.core.monitoring.watch import Watch
from alumniq_pipelines.services import monitor
from alumniq_pipelines.services.monitor import run_monitoring
from tests.integration.ledger.watching.conftest import (
    CATALOG,
    DUE,
    HOUR,
    MINUTE,
    Installation,
    targets_of,
    watch,
)


def test_a_missed_delivery_is_notified_once_and_its_recovery_with_its_duration(
    installation: Installation, target: Target
) -> None:
    assert installation.subjects(DUE) == []
    assert installation.subjects(DUE + 2 * HOUR) == []
    notifications = installation.at(DUE + 2 * HOUR + MINUTE)
    assert [notification.notice.subject for notification in notifications] == [
        "Staff: No file arrived: warehouse (iqu0, production)"
    ]
    assert "It was due 2026-03-05 03:00 UTC" in notifications[0].notice.body
    for hours in range(3, 30):
        assert installation.subjects(DUE + hours * HOUR) == []
    load = installation.accept(target, DUE + 30 * HOUR)
    installation.end(load, DUE + 30 * HOUR)
    (over,) = installation.at(DUE + 30 * HOUR)
    assert over.notice.subject == "Staff: Resolved: No file arrived: warehouse (iqu0, production)"
    assert "resolved after 1 d 3 h" in over.notice.body
    assert installation.subjects(DUE + 31 * HOUR) == []
    assert installation.kinds() == []


def test_a_file_that_comes_within_its_grace_notifies_nobody(
    installation: Installation, target: Target
) -> None:
    installation.end(installation.accept(target, DUE + HOUR), DUE + HOUR)
    assert installation.subjects(DUE + 5 * HOUR) == []


def test_a_file_that_keeps_the_time_of_its_campus_notifies_nobody_when_the_clocks_go_back(
    installation: Installation, target: Target
) -> None:
    """It came at half past midnight, as always, and counted as missing that night."""
    zone = ZoneInfo("America/New_York")
    schedule = DeliverySchedule(cron="0 2 * * *", time_zone=zone.key)
    evening = datetime(2026, 10, 31, 12, tzinfo=zone)
    installation.ledger.watches.set(Watch(target, schedule, evening), evening)
    arrival = datetime(2026, 11, 1, 0, 30, tzinfo=zone).astimezone(UTC)
    installation.end(installation.accept(target, arrival), arrival)
    for hours in range(20):
        assert installation.subjects(arrival + hours * HOUR) == []
    (missed,) = installation.at(datetime(2026, 11, 2, 4, 1, tzinfo=zone))
    assert "It was due 2026-11-02 02:00 EST" in missed.notice.body
    assert "Last published delivery: 2026-11-01 00:30 EDT" in missed.notice.body


def test_the_four_kinds_are_distinguished(installation: Installation) -> None:
    no_file, no_post, no_outcome, failing = targets = targets_of(4, 1)
    watch(installation, targets)
    installation.deliver(no_post, DUE + MINUTE)
    for target in (no_outcome, failing):
        installation.deliver(target, DUE)
    running = installation.accept(no_outcome, DUE + MINUTE)
    installation.run(running, DUE + HOUR)
    failed = installation.accept(failing, DUE + MINUTE)
    installation.end(failed, DUE + HOUR, LoadState.FAILED)
    (notifications,) = installation.at(DUE + 2 * HOUR + MINUTE)
    assert notifications.notice.subject == "Staff: 4 new incidents"
    assert f"No file arrived: {no_file.feed} (iqu0, production)" in notifications.notice.body
    assert "A file arrived without a webhook call" in notifications.notice.body
    assert f"Load {running.job_id} was accepted" in notifications.notice.body
    assert f"Load {failed.job_id} of warehouse.csv is failed" in notifications.notice.body
    assert installation.kinds() == [Kind.NO_FILE, Kind.NOT_REQUESTED, Kind.NO_OUTCOME, Kind.FAILING]


def test_a_pass_examines_as_many_missed_deliveries_as_its_time_allows_and_the_next_the_others(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster ended the tick of a pass that listed the buckets of 8,000 late tables."""
    monkeypatch.setattr(monitor, "EXAMINE_SECONDS", -1.0)
    watch(installation, targets_of(3, 1))
    for count in range(1, 4):
        assert len(installation.at(DUE + 3 * HOUR + count * MINUTE)) == 1
        assert installation.kinds() == count * [Kind.NO_FILE]
    assert installation.at(DUE + 4 * HOUR) == []


def test_a_dated_file_without_a_webhook_is_found_among_old_ones(
    installation: Installation, target: Target
) -> None:
    for day in range(1, 5):
        installation.deliver(target, DUE - 48 * HOUR, f"warehouse-2026-03-0{day}.csv")
    request = LoadRequest(new_job_id(), target, "warehouse-2026-03-04.csv", None, None)
    last = installation.ledger.loads.accept(request, DUE - 23 * HOUR)
    installation.end(last, DUE - 23 * HOUR)
    installation.deliver(target, DUE, "warehouse-2026-03-05.csv")
    (notifications,) = installation.at(DUE + 3 * HOUR)
    assert (
        "warehouse-2026-03-05.csv was delivered 2026-03-05 03:00 UTC" in notifications.notice.body
    )


def test_a_load_that_staff_made_by_hand_does_not_hide_that_nothing_came(
    installation: Installation, target: Target
) -> None:
    installation.end(installation.accept(target, DUE, Origin.DAGSTER), DUE)
    assert installation.subjects(DUE + 3 * HOUR) != []


def test_staff_end_a_missed_delivery_by_loading_by_hand_what_failed(
    installation: Installation, target: Target
) -> None:
    installation.end(installation.accept(target, DUE), DUE, LoadState.FAILED)
    assert len(installation.subjects(DUE + 3 * HOUR)) == 1
    again = installation.accept(target, DUE + 4 * HOUR, Origin.DAGSTER)
    installation.end(again, DUE + 4 * HOUR)
    (over,) = installation.subjects(DUE + 4 * HOUR)
    assert over.startswith("Staff: Resolved:")


def test_a_file_that_does_not_follow_another_in_its_period_is_notified(
    installation: Installation, target: Target
) -> None:
    every_six_hours = DeliverySchedule(period=6 * HOUR, grace=HOUR)
    often = Watch(target, every_six_hours, DUE - 48 * HOUR)
    installation.ledger.watches.set(often, DUE)
    installation.end(installation.accept(target, DUE), DUE)
    assert installation.subjects(DUE + 7 * HOUR) == []
    (notifications,) = installation.at(DUE + 7 * HOUR + MINUTE)
    assert notifications.notice.subject == "Staff: No file arrived: warehouse (iqu0, production)"
    late = DUE + 8 * HOUR
    installation.end(installation.accept(target, late), late)
    assert installation.subjects(late) == [f"Staff: Resolved: {notifications.notice.subject[7:]}"]


def test_a_snooze_closes_open_incidents_without_notice_and_lasts_until_it_ends(
    installation: Installation, target: Target
) -> None:
    assert len(installation.subjects(DUE + 3 * HOUR)) == 1
    until = DUE + 72 * HOUR
    installation.ledger.watches.snooze(target, until, DUE + 3 * HOUR)
    assert installation.subjects(DUE + 4 * HOUR) == []
    assert installation.kinds() == []
    assert installation.ledger.incidents.newest()[0].resolution is Resolution.DROPPED
    assert installation.subjects(until + 23 * HOUR) == []
    assert len(installation.subjects(until + 27 * HOUR)) == 1


def test_removing_a_watch_closes_its_incident_without_notice(
    installation: Installation, target: Target
) -> None:
    installation.subjects(DUE + 3 * HOUR)
    installation.ledger.watches.remove(target, DUE)
    assert installation.subjects(DUE + 4 * HOUR) == []
    assert installation.kinds() == []


def test_two_simultaneous_monitoring_passes_notify_once(
    installation: Installation, target: Target
) -> None:
    del target
    now = DUE + 3 * HOUR
    for _ in range(2):
        run_monitoring(installation.ledger, installation.buckets, CATALOG, installation.staff, now)
    assert len(installation.ledger.notifications.claim(now, MINUTE)) == 1


def test_a_feed_whose_field_map_is_gone_is_watched_on(
    installation: Installation, target: Target
) -> None:
    gone = Target(target.customer, target.environment, "gone")
    watch(installation, [gone])
    installation.end(installation.accept(target, DUE), DUE)
    assert installation.subjects(DUE + 3 * HOUR) == [
        "Staff: No file arrived: gone (iqu0, production)"
    ]
