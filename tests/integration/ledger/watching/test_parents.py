"""Where many feeds have one cause, staff hear of that one."""

import shutil

from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.monitoring.incident import Kind
from tests.integration.ledger.watching.conftest import (
    DUE,
    HOUR,
    MINUTE,
    Installation,
    targets_of,
    watch,
)


def test_a_store_that_is_away_is_one_alert_and_not_fifty(installation: Installation) -> None:
    watch(installation, targets_of(10, 5))
    away = installation.buckets.root.with_name("away")
    installation.buckets.root.rename(away)
    start = DUE + 3 * HOUR
    subjects = [installation.subjects(start + minutes * MINUTE) for minutes in range(30)]
    assert [found for found in subjects if found] == [["Staff: The bucket store cannot be reached"]]
    assert subjects[5] != []
    away.rename(installation.buckets.root)
    later_subjects = installation.subjects(start + 30 * MINUTE)
    assert later_subjects == [
        "Staff: Resolved: The bucket store cannot be reached",
        "Staff: 50 new incidents",
    ]


def test_a_store_that_was_away_for_a_moment_notifies_nobody(
    installation: Installation, target: Target
) -> None:
    installation.end(installation.accept(target, DUE), DUE)
    away = installation.buckets.root.with_name("away")
    installation.buckets.root.rename(away)
    assert installation.subjects(DUE + 3 * HOUR) == []
    away.rename(installation.buckets.root)
    assert installation.subjects(DUE + 3 * HOUR + MINUTE) == []
    assert installation.kinds() == []


def test_one_bucket_that_is_away_is_one_alert_for_its_customer_alone(
    installation: Installation,
) -> None:
    targets = targets_of(2, 3)
    watch(installation, targets)
    shutil.rmtree(installation.buckets.open("iqu0").root)
    installation.at(DUE + 3 * HOUR)
    subjects = installation.at(DUE + 3 * HOUR + 6 * MINUTE)
    assert [notification.notice.subject for notification in subjects] == [
        "Staff: The bucket iqu0 cannot be reached"
    ]
    assert sorted(installation.kinds()) == [Kind.BUCKET_UNAVAILABLE, *[Kind.NO_FILE] * 3]


def test_a_queue_that_is_stuck_is_one_alert_and_its_loads_get_time_to_catch_up(
    installation: Installation,
) -> None:
    targets = targets_of(10, 5)
    watch(installation, targets)
    loads = [installation.accept(target, DUE) for target in targets]
    start = DUE + 2 * HOUR + MINUTE
    subjects = [installation.subjects(start + minutes * MINUTE) for minutes in range(60)]
    assert [found for found in subjects if found] == [["Staff: The queue of loads is stuck"]]
    again = start + HOUR
    installation.run(loads[0], again)
    assert installation.subjects(again) == ["Staff: Resolved: The queue of loads is stuck"]
    assert installation.subjects(again + 29 * MINUTE) == []
    for load in loads[:-1]:
        installation.end(load, again + 30 * MINUTE)
    assert installation.subjects(again + 31 * MINUTE) == [
        f"Staff: A load has not ended: {targets[-1].feed} (iqu9, production)"
    ]


def test_a_daemon_that_was_off_all_night_raises_no_incident_for_loads_about_to_run(
    installation: Installation, target: Target
) -> None:
    load = installation.accept(target, DUE)
    first_pass = DUE + 8 * HOUR
    assert installation.subjects(first_pass) == []
    installation.run(load, first_pass + MINUTE)
    assert installation.subjects(first_pass + MINUTE) == []
    installation.end(load, first_pass + 20 * MINUTE)
    assert installation.subjects(first_pass + 20 * MINUTE) == []
    assert installation.kinds() == []


def test_a_long_load_does_not_make_those_behind_it_a_stuck_queue(
    installation: Installation, target: Target
) -> None:
    installation.run(installation.accept(target, DUE - HOUR), DUE - HOUR)
    installation.accept(target, DUE - HOUR)
    assert installation.subjects(DUE + HOUR) == []
