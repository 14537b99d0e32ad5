from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.tables import audit
from alumniq_pipelines.core.loads.load import LoadRequest, LoadState, Origin, new_job_id
from alumniq_pipelines.core.loads.outcome import AttemptResult, Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.monitoring.incident import Condition, Incident, Kind, Resolution
from alumniq_pipelines.core.monitoring.schedule import DaysOff, DeliverySchedule
from alumniq_pipelines.core.monitoring.watch import Watch
from alumniq_pipelines.core.notifications.heartbeat import Signal, signal_notices
from alumniq_pipelines.core.notifications.notification import (
    HEARTBEAT_DELAYS,
    Audience,
    Channel,
    DeliveryResult,
    Notice,
    NotificationState,
    next_attempt_at,
)
from alumniq_pipelines.core.problems.command import UnknownCustomer
from tests.integration.ledger.conftest import NOW, Accept

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NIGHTLY = DeliverySchedule(
    cron="0 3 * * 1-5",
    time_zone="America/New_York",
    days_off=(DaysOff(date(2026, 12, 24), date(2027, 1, 2)),),
    skips_weekends=True,
)
AWAY = Condition(
    key="bucket", kind=Kind.BUCKET_UNAVAILABLE, title="Away", detail="It is away.", advice="Look."
)
MAIL = Notice(Channel.MAIL, "ops@example.org", "text", "Staff: Away", audience=Audience.STAFF)
DONE = Outcome(LoadState.SUCCEEDED)

Succeed = Callable[..., None]


@pytest.fixture
def succeed(ledger: Ledger, target: Target) -> Succeed:
    """Accept a load so many hours from now, and end it well."""

    def succeed_load(hours: int, origin: Origin = Origin.WEBHOOK, *, dry_run: bool = False) -> None:
        request = LoadRequest(
            new_job_id(), target, "warehouse.csv", None, None, origin=origin, dry_run=dry_run
        )
        load = ledger.loads.accept(request, NOW + hours * HOUR)
        ledger.loads.end(load.job_id, DONE, [], NOW + hours * HOUR)

    return succeed_load


def incident_notices(incidents: object) -> list[Notice]:
    del incidents
    return [MAIL]


# Watches


@pytest.mark.parametrize(
    "schedule", [NIGHTLY, DeliverySchedule(period=timedelta(hours=6), grace=MINUTE)]
)
def test_a_watch_is_stored_as_it_was_set(
    ledger: Ledger, target: Target, schedule: DeliverySchedule
) -> None:
    watch = Watch(target, schedule, NOW, NOW + HOUR, "https://hc-ping.com/secret")
    ledger.watches.set(watch, NOW)
    assert ledger.watches.get(target) == watch
    assert ledger.watches.all("iqu") == [watch]
    assert ledger.watches.all("other") == []


def test_setting_a_watch_again_replaces_it_and_both_are_in_the_audit_trail_without_the_url(
    ledger: Ledger, target: Target
) -> None:
    ledger.watches.set(Watch(target, NIGHTLY, NOW), NOW, actor="ana")
    again = Watch(
        target, replace(NIGHTLY, grace=HOUR), NOW, heartbeat_url="https://x.example/s3cret"
    )
    ledger.watches.set(again, NOW, actor="bo")
    assert ledger.watches.all() == [again]
    with ledger.database.reading() as connection:
        entries = connection.execute(
            select(audit.c.actor, audit.c.detail).where(audit.c.action == "watch set")
        ).all()
    assert [actor for actor, _ in entries] == ["ana", "bo"]
    assert "s3cret" not in str(entries)


def test_a_watch_needs_its_customer(ledger: Ledger) -> None:
    stranger = Target("nobody", Environment.QA, "warehouse")
    with pytest.raises(UnknownCustomer):
        ledger.watches.set(Watch(stranger, NIGHTLY, NOW), NOW)


def test_a_watch_can_be_snoozed_woken_and_removed(ledger: Ledger, target: Target) -> None:
    assert not ledger.watches.snooze(target, NOW, NOW)
    assert not ledger.watches.remove(target, NOW)
    watch = Watch(target, NIGHTLY, NOW)
    ledger.watches.set(watch, NOW)
    assert ledger.watches.snooze(target, NOW + HOUR, NOW)
    assert ledger.watches.get(target) == replace(watch, snoozed_until=NOW + HOUR)
    assert ledger.watches.snooze(target, None, NOW)
    assert ledger.watches.get(target) == watch
    assert ledger.watches.remove(target, NOW)
    assert ledger.watches.get(target) is None


def test_only_published_loads_of_the_target_arrive_newest_first(
    ledger: Ledger, target: Target, succeed: Succeed, accept: Accept
) -> None:
    for hours in (1, 2, 3):
        succeed(hours)
    accept()
    failed = accept()
    ledger.loads.end(failed.job_id, Outcome(LoadState.FAILED), [], NOW)
    assert ledger.watches.arrivals(target) == [NOW + 3 * HOUR, NOW + 2 * HOUR]
    assert len(ledger.watches.arrivals(target, 50)) == 3
    assert ledger.watches.arrivals(replace(target, environment=Environment.PRODUCTION)) == []


def test_a_load_that_staff_repeated_came_when_the_webhook_asked_for_it(
    ledger: Ledger, target: Target, succeed: Succeed
) -> None:
    succeed(1)
    for hours in (5, 6, 7):
        succeed(hours, Origin.DAGSTER)
    assert ledger.watches.arrivals(target) == [NOW + HOUR]


def test_loads_made_by_staff_and_dry_runs_do_not_count_as_arrivals(
    ledger: Ledger, target: Target, succeed: Succeed
) -> None:
    succeed(1, Origin.DAGSTER)
    succeed(2, dry_run=True)
    assert ledger.watches.arrivals(target) == []
    assert ledger.loads.last_accepted(target) is None


def test_the_latest_arrivals_of_all_watches_are_the_same_as_those_of_each(
    ledger: Ledger, target: Target, succeed: Succeed, accept: Accept
) -> None:
    succeed(1)
    succeed(2, Origin.DAGSTER)
    succeed(3, dry_run=True)
    accept()
    elsewhere = replace(target, environment=Environment.PRODUCTION)
    for watched in (target, elsewhere):
        ledger.watches.set(Watch(watched, NIGHTLY, NOW), NOW)
    for hours in (4, 5, 6):
        assert ledger.watches.latest_arrivals() == {
            target: tuple(ledger.watches.arrivals(target)),
            elsewhere: (),
        }
        succeed(hours, Origin.REPEAT if hours == 5 else Origin.WEBHOOK)
    assert ledger.watches.latest_arrivals("somebody-else") == {}


# Incidents


def test_of_many_conditions_those_without_an_open_incident_are_opened_once(ledger: Ledger) -> None:
    others = [replace(AWAY, key=f"{AWAY.key}:{number}") for number in range(3)]
    assert ledger.incidents.open_all([], NOW) == 0
    assert ledger.incidents.open_all([AWAY, others[0]], NOW) == 2
    assert ledger.incidents.open_all([AWAY, *others], NOW) == 2
    assert len(ledger.incidents.list_open()) == 4


def test_a_condition_is_one_incident_however_often_it_is_found(ledger: Ledger) -> None:
    opened = [ledger.incidents.open(AWAY, NOW + minutes * MINUTE) for minutes in range(3)]
    assert opened == [True, False, False]
    (incident,) = ledger.incidents.list_open()
    assert incident == Incident(id=incident.id, condition=AWAY, opened_at=NOW)


def test_an_incident_keeps_its_target(ledger: Ledger, target: Target) -> None:
    condition = replace(AWAY, key="silence", kind=Kind.NO_FILE, target=target)
    ledger.incidents.open(condition, NOW)
    assert ledger.incidents.list_open()[0].condition == condition


def test_an_incident_is_notified_once_and_closed_once_by_many_at_the_same_time(
    ledger: Ledger,
) -> None:
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: ledger.incidents.open(AWAY, NOW), range(16)))
        assert opened.count(True) == 1
        (incident,) = ledger.incidents.list_open()
        notified = list(
            pool.map(
                lambda _: ledger.incidents.notify([incident.id], NOW, incident_notices), range(16)
            )
        )
        assert sum(len(incidents) for incidents in notified) == 1
        closed = list(
            pool.map(
                lambda _: ledger.incidents.close(
                    [incident.id], Resolution.RECOVERED, NOW + HOUR, incident_notices
                ),
                range(16),
            )
        )
        assert sum(len(incidents) for incidents in closed) == 1
    notifications = ledger.notifications.claim(NOW + HOUR, HOUR)
    assert [(incidents.job_id, incidents.incident_id) for incidents in notifications] == [
        (None, incident.id)
    ] * 2
    assert {incidents.notice for incidents in notifications} == {MAIL}


def test_an_incident_that_is_over_may_come_again(ledger: Ledger) -> None:
    ledger.incidents.open(AWAY, NOW)
    (first,) = ledger.incidents.list_open()
    ledger.incidents.close([first.id], Resolution.DROPPED, NOW + HOUR, incident_notices)
    assert ledger.incidents.open(AWAY, NOW + 2 * HOUR)
    newest, oldest = ledger.incidents.newest()
    assert (oldest.closed_at, oldest.resolution) == (NOW + HOUR, Resolution.DROPPED)
    assert newest.closed_at is None
    assert ledger.incidents.closed_since([AWAY.key], NOW)
    assert not ledger.incidents.closed_since([AWAY.key], NOW + HOUR)
    assert not ledger.incidents.closed_since(["queue"], NOW)


def test_a_closed_incident_is_never_notified_as_new(ledger: Ledger) -> None:
    ledger.incidents.open(AWAY, NOW)
    (incident,) = ledger.incidents.list_open()
    ledger.incidents.close([incident.id], Resolution.RECOVERED, NOW, lambda _: [])
    assert ledger.incidents.notify([incident.id], NOW, incident_notices) == []
    assert ledger.notifications.claim(NOW, HOUR) == []


# Heartbeats


def test_the_start_of_a_load_is_announced_once(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    start = signal_notices("https://hc-ping.com/abc", Signal.START)
    for _ in range(2):
        ledger.notifications.enqueue_start(load.job_id, start, NOW)
    ledger.notifications.enqueue_start(load.job_id, [], NOW)
    (notifications,) = ledger.notifications.of(load.job_id)
    assert notifications.notice.destination == "https://hc-ping.com/abc/start"


def test_a_heartbeat_lapses_after_minutes(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    ledger.loads.end(load.job_id, DONE, signal_notices("https://x.example/1", Signal.SUCCESS), NOW)
    now = NOW
    for made in range(1, len(HEARTBEAT_DELAYS) + 1):
        (due,) = ledger.notifications.claim(now, timedelta(days=1))
        ledger.notifications.record(due, DeliveryResult(delivered=False, detail="500"), now)
        now = next_attempt_at(due.id, made, now, Channel.HEARTBEAT) or now
    (left,) = ledger.notifications.of(load.job_id)
    assert left.state is NotificationState.GIVEN_UP
    assert now - NOW < 7 * MINUTE


# Health queries


@pytest.mark.parametrize(
    ("last", "notified"),
    [(AttemptResult.OUTAGE, 1), (AttemptResult.LOST, 1), (AttemptResult.REFUSED, 0)],
)
def test_a_load_that_failed_five_times_by_our_fault_is_of_interest_until_a_later_one_succeeds(
    ledger: Ledger, accept: Accept, succeed: Succeed, last: AttemptResult, notified: int
) -> None:
    load = accept()
    for number, result in enumerate([AttemptResult.OUTAGE] * 4 + [last], start=1):
        ledger.attempts.begin(load, f"run-{number}", NOW)
        ledger.attempts.end(load.job_id, number, result, NOW)
    ledger.loads.end(load.job_id, Outcome(LoadState.FAILED), [], NOW)
    assert len(ledger.health.exhausted(NOW - HOUR)) == notified
    assert ledger.health.exhausted(NOW) == []
    succeed(1)
    assert ledger.health.exhausted(NOW - HOUR) == []


def test_a_destination_is_of_interest_until_something_arrives_there(
    ledger: Ledger, accept: Accept
) -> None:
    def notify(minutes: int, result: DeliveryResult) -> None:
        now = NOW + minutes * MINUTE
        notices = [
            Notice(Channel.CALLBACK, "https://iqu.example/s3cret", "{}", audience=Audience.CUSTOMER)
        ]
        ledger.loads.end(accept().job_id, DONE, notices, now)
        (due,) = ledger.notifications.claim(now, MINUTE)
        ledger.notifications.record(due, result, now)

    gone = DeliveryResult(delivered=False, detail="410", permanent=True)
    notify(0, DeliveryResult(delivered=True, detail="200"))
    assert ledger.health.undelivered(NOW - HOUR) == []
    notify(1, gone)
    notify(2, gone)
    (found,) = ledger.health.undelivered(NOW - HOUR)
    assert (found.customer, found.channel) == ("iqu", Channel.CALLBACK)
    assert "s3cret" not in str(found)
    assert ledger.health.undelivered(NOW + HOUR) == []
    notify(3, DeliveryResult(delivered=True, detail="200"))
    assert ledger.health.undelivered(NOW - HOUR) == []


def test_an_address_of_staff_is_no_customers_though_a_customer_named_it_too(
    ledger: Ledger, accept: Accept
) -> None:
    def notify(minutes: int, customers: DeliveryResult, staffs: DeliveryResult) -> None:
        now, address = NOW + minutes * MINUTE, "both@example.org"
        results = {Audience.CUSTOMER: customers, Audience.STAFF: staffs}
        notices = [
            Notice(Channel.MAIL, address, "Text.", "S", audience=audience) for audience in results
        ]
        ledger.loads.end(accept().job_id, DONE, notices, now)
        for due in ledger.notifications.claim(now, MINUTE):
            ledger.notifications.record(due, results[due.notice.audience], now)

    gone = DeliveryResult(delivered=False, detail="550", permanent=True)
    taken = DeliveryResult(delivered=True, detail="250")
    notify(0, taken, gone)
    (found,) = ledger.health.undelivered(NOW - HOUR)
    assert (found.audience, found.customer, found.channel) == (Audience.STAFF, "", Channel.MAIL)
    notify(1, gone, taken)
    (found,) = ledger.health.undelivered(NOW - HOUR)
    assert (found.audience, found.customer) == (Audience.CUSTOMER, "iqu")


def test_times_come_back_in_utc(ledger: Ledger, target: Target, succeed: Succeed) -> None:
    succeed(1)
    (arrival,) = ledger.watches.arrivals(target)
    assert arrival.tzinfo is UTC
    assert isinstance(arrival, datetime)
