"""Incidents about loads and receivers, also of feeds without a watch."""

from datetime import datetime, timedelta

import pytest

from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult, Outcome
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.monitoring.incident import Kind
from alumniq_pipelines.core.monitoring.schedule import WatchState
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    DeliveryResult,
    Notice,
)
from alumniq_pipelines.core.notifications.staff import (
    STAFF_CHAT,
    STAFF_TEAMS,
    Staff,
    StaffRecipient,
)
from alumniq_pipelines.services.monitor import run_monitoring
from tests.integration.ledger.watching.conftest import (
    CATALOG,
    DUE,
    GONE,
    HOUR,
    MINUTE,
    SENT,
    Installation,
)


def test_a_load_that_takes_hours_is_notified_also_without_a_watch(
    installation: Installation, target: Target
) -> None:
    installation.ledger.watches.remove(target, DUE)
    load = installation.accept(target, DUE)
    installation.run(load, DUE)
    assert installation.subjects(DUE + 4 * HOUR) == []
    assert installation.subjects(DUE + 4 * HOUR + MINUTE) == [
        "Staff: A load is stuck: warehouse (iqu0, production)"
    ]
    installation.end(load, DUE + 5 * HOUR)
    (over,) = installation.at(DUE + 5 * HOUR)
    assert "resolved after 59 min" in over.notice.body


def test_an_incident_of_a_load_failed_by_us_recovers_when_one_succeeds(
    installation: Installation, target: Target
) -> None:
    load = installation.accept(target, DUE)
    for number in range(1, 6):
        installation.ledger.attempts.begin(load, f"run-{number}", DUE)
        installation.ledger.attempts.end(load.job_id, number, AttemptResult.OUTAGE, DUE)
    installation.end(load, DUE, LoadState.FAILED)
    assert installation.subjects(DUE + MINUTE) == []
    assert installation.subjects(DUE + 3 * HOUR) == []
    installation.end(installation.accept(target, DUE + 5 * HOUR), DUE + 5 * HOUR)
    assert installation.subjects(DUE + 5 * HOUR) == [
        "Staff: Resolved: Not loaded for reasons on our side: warehouse (iqu0, production)"
    ]


def test_a_failing_receiver_is_notified_once_and_recovers_when_it_accepts(
    installation: Installation, target: Target
) -> None:
    def enqueue(now: datetime, result: DeliveryResult) -> None:
        notice = Notice(
            Channel.CALLBACK, "https://iqu.example/s3cret", "{}", audience=Audience.CUSTOMER
        )
        load = installation.accept(target, now)
        installation.ledger.loads.end(load.job_id, Outcome(LoadState.SUCCEEDED), [notice], now)
        for notification in installation.ledger.notifications.claim(now, MINUTE):
            installation.ledger.notifications.record(notification, result, now)

    enqueue(DUE, GONE)
    (notified,) = installation.at(DUE + MINUTE)
    assert notified.notice.subject == "Staff: Notifications cannot be delivered: iqu0, callback"
    assert "s3cret" not in notified.notice.body
    enqueue(DUE + 24 * HOUR, GONE)
    assert installation.subjects(DUE + 24 * HOUR) == []
    enqueue(DUE + 48 * HOUR, SENT)
    assert installation.subjects(DUE + 48 * HOUR) == [
        "Staff: Resolved: Notifications cannot be delivered: iqu0, callback"
    ]


@pytest.mark.parametrize(
    ("recipient", "setting"),
    [
        (StaffRecipient(Channel.MAIL, "wrong@alumniq.example"), "ALUMNIQ_STAFF_EMAIL"),
        (STAFF_CHAT, "ALUMNIQ_STAFF_WEBHOOK"),
        (STAFF_TEAMS, "ALUMNIQ_STAFF_TEAMS_WEBHOOK"),
    ],
)
def test_a_channel_of_staff_that_fails_is_reported_and_not_laid_to_the_customers_charge(
    installation: Installation, target: Target, recipient: StaffRecipient, setting: str
) -> None:
    notices = Staff((recipient,)).notices("Not loaded", "It failed.")
    load = installation.accept(target, DUE)
    installation.ledger.loads.end(load.job_id, Outcome(LoadState.SUCCEEDED), notices, DUE)
    for notification in installation.ledger.notifications.claim(DUE, MINUTE):
        installation.ledger.notifications.record(notification, GONE, DUE)
    (notified,) = installation.at(DUE + MINUTE)
    channel = recipient.channel
    assert (
        notified.notice.subject == f"Staff: Notifications to staff cannot be delivered: {channel}"
    )
    assert f"{setting} " in notified.notice.body
    assert "customer" not in notified.notice.body


def test_a_lapsed_heartbeat_is_not_reported(installation: Installation, target: Target) -> None:
    beat = Notice(Channel.HEARTBEAT, "https://hc-ping.com/s3cret", "", audience=Audience.MONITOR)
    load = installation.accept(target, DUE)
    installation.ledger.loads.end(load.job_id, Outcome(LoadState.SUCCEEDED), [beat], DUE)
    for notification in installation.ledger.notifications.claim(DUE, MINUTE):
        installation.ledger.notifications.record(notification, GONE, DUE)
    assert installation.subjects(DUE + MINUTE) == []


def test_old_incidents_are_closed_without_notice(
    installation: Installation, target: Target
) -> None:
    installation.ledger.watches.remove(target, DUE)
    notice = Notice(Channel.CALLBACK, "https://iqu.example/x", "{}", audience=Audience.CUSTOMER)
    load = installation.accept(target, DUE)
    installation.ledger.loads.end(load.job_id, Outcome(LoadState.SUCCEEDED), [notice], DUE)
    for notification in installation.ledger.notifications.claim(DUE, MINUTE):
        installation.ledger.notifications.record(notification, GONE, DUE)
    assert len(installation.subjects(DUE + MINUTE)) == 1
    assert installation.subjects(DUE + timedelta(days=15)) == []
    assert installation.kinds() == []


def test_without_channels_incidents_are_recorded_all_the_same(
    installation: Installation, target: Target
) -> None:
    del target
    installation.staff = Staff()
    assert installation.subjects(DUE + 3 * HOUR) == []
    assert installation.kinds() == [Kind.NO_FILE]


def test_a_monitoring_pass_returns_what_it_found(
    installation: Installation, target: Target
) -> None:
    watched = run_monitoring(
        installation.ledger, installation.buckets, CATALOG, installation.staff, DUE + 3 * HOUR
    )
    (status,) = watched.statuses
    assert (status.target, status.expectation.state) == (target, WatchState.MISSED)
    assert (watched.opened, watched.notified, watched.closed) == (1, 1, 0)
