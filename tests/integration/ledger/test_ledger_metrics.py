"""The metrics that gateways read from the ledger, on each engine."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import event, text

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.run_tables import worker_leases
from alumniq_pipelines.adapters.ledger.worker_leases import LedgerLeases
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult, CheckRecord, Outcome
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    DeliveryResult,
    Notice,
)
from alumniq_pipelines.core.problems.outage import LedgerUnavailable
from alumniq_pipelines.settings import Settings
from tests.integration.ledger.conftest import NOW, Accept
from tests.strict_catalog import read_catalog
from webhook_gateway.http.ledger_metrics import COMMIT_LAG, LedgerCollector

LATER = NOW + timedelta(minutes=5)


class Clock:
    """A clock that tests move."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return read_catalog(Settings().schemas_dir)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(ledger: Ledger, clock: Clock, catalog: Catalog) -> CollectorRegistry:
    """Return the metrics of a gateway that was scraped once."""
    registry = CollectorRegistry()
    registry.register(LedgerCollector(ledger, clock, catalog))
    assert value(registry, "alumniq_ledger_up") == 1
    return registry


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def complete(
    ledger: Ledger, accept: Accept, seconds: Mapping[str, float], ended_at: datetime
) -> None:
    """Carry out a load whose attempt took a minute."""
    load = accept()
    attempt = ledger.attempts.begin(load, "run-1", ended_at - timedelta(minutes=1))
    assert attempt
    assert ledger.attempts.complete(
        load.job_id,
        attempt.number,
        AttemptResult.UNCHANGED,
        Outcome(LoadState.SUCCEEDED),
        [notice("https://crm.example.edu/told")],
        ended_at,
        check=CheckRecord(counts=Counts(1, 1, 0), seconds=seconds),
        receipt=Receipt("cafe", "e1"),
    )


def notice(destination: str) -> Notice:
    return Notice(Channel.CALLBACK, destination, "{}", audience=Audience.CUSTOMER)


def test_loads_and_attempts_that_ended_are_counted_with_the_seconds_of_their_steps(
    ledger: Ledger, accept: Accept, registry: CollectorRegistry, clock: Clock
) -> None:
    target = {"environment": "qa", "feed": "warehouse"}
    assert value(registry, "alumniq_loads_ended_total", **target, state="succeeded") == 0
    complete(ledger, accept, {"fetch": 0.5, "check": 4.0}, LATER)
    clock.now = LATER + COMMIT_LAG
    assert value(registry, "alumniq_loads_ended_total", **target, state="succeeded") == 1
    clock.now += timedelta(minutes=1)
    assert value(registry, "alumniq_loads_ended_total", **target, state="succeeded") == 1
    assert value(registry, "alumniq_loads_ended_total", **target, state="failed") == 0
    assert value(registry, "alumniq_attempts_total", result="unchanged") == 1
    assert value(registry, "alumniq_attempt_seconds_sum") == 60
    assert value(registry, "alumniq_load_seconds_sum", environment="qa") == 300
    assert value(registry, "alumniq_load_step_seconds_sum", step="fetch") == 0.5
    assert value(registry, "alumniq_load_step_seconds_bucket", step="check", le="5.0") == 1
    success = value(registry, "alumniq_last_success_timestamp_seconds", **target)
    assert success == pytest.approx(LATER.timestamp())


def test_a_gateway_that_starts_shows_the_last_success_and_counts_nothing_of_the_past(
    ledger: Ledger, accept: Accept, clock: Clock, catalog: Catalog
) -> None:
    complete(ledger, accept, {"fetch": 0.5}, LATER)
    clock.now = LATER + timedelta(hours=9)
    registry = CollectorRegistry()
    registry.register(LedgerCollector(ledger, clock, catalog))
    target = {"environment": "qa", "feed": "warehouse"}
    success = value(registry, "alumniq_last_success_timestamp_seconds", **target)
    assert success == pytest.approx(LATER.timestamp())
    assert value(registry, "alumniq_attempts_total", result="unchanged") == 0


def test_outstanding_loads_age_from_the_request_of_their_run(
    ledger: Ledger, accept: Accept, registry: CollectorRegistry, clock: Clock
) -> None:
    load = accept()
    assert ledger.queue.request(load, NOW + timedelta(seconds=100)) is not None
    clock.now = NOW + timedelta(seconds=130)
    assert value(registry, "alumniq_outstanding_age_seconds") == pytest.approx(30)
    assert value(registry, "alumniq_queue_age_seconds") == pytest.approx(130)
    assert value(registry, "alumniq_loads", state="requested") == 1


def test_notifications_that_are_due_have_an_age_and_attempts_a_result(
    ledger: Ledger, accept: Accept, registry: CollectorRegistry, clock: Clock
) -> None:
    complete(ledger, accept, {}, LATER)
    clock.now = LATER + timedelta(seconds=40)
    assert value(registry, "alumniq_notifications_due", channel="callback") == 1
    assert value(registry, "alumniq_notifications_due_age_seconds", channel="callback") == 40
    assert value(registry, "alumniq_notifications_due", channel="mail") == 0
    [claimed] = ledger.notifications.claim(clock.now, timedelta(minutes=3))
    refused = DeliveryResult(delivered=False, detail="HTTP 500")
    ledger.notifications.record(claimed, refused, clock.now)
    clock.now += timedelta(seconds=1)
    failed = {"channel": "callback", "result": "failed"}
    assert value(registry, "alumniq_notification_attempts_total", **failed) == 1
    assert value(registry, "alumniq_notifications", state="pending") == 1
    assert value(registry, "alumniq_notifications_due", channel="callback") == 0


def test_leases_are_counted_as_alive_until_they_expire(
    ledger: Ledger, registry: CollectorRegistry
) -> None:
    leases = LedgerLeases(ledger.database, "host-1")
    with leases.hold("run-1"), leases.hold("run-2"):
        assert value(registry, "alumniq_worker_leases", state="alive") == 2
        long_ago = worker_leases.update().where(worker_leases.c.run_id == "run-2")
        with ledger.engine.begin() as connection:
            connection.execute(long_ago.values(renewed_at=NOW))
        assert value(registry, "alumniq_worker_leases", state="alive") == 1
        assert value(registry, "alumniq_worker_leases", state="expired") == 1
    assert value(registry, "alumniq_worker_leases", state="alive") == 0


def test_ticks_are_recorded_at_most_every_30_seconds(
    ledger: Ledger, registry: CollectorRegistry
) -> None:
    """Each write of the ledger wakes up the sensors that poll it."""
    for seconds in (0, 10, 29):
        ledger.ticks.record("reconcile", NOW + timedelta(seconds=seconds))
    sensor = {"sensor": "reconcile"}
    name = "alumniq_sensor_last_tick_timestamp_seconds"
    assert value(registry, name, **sensor) == pytest.approx(NOW.timestamp())
    ledger.ticks.record("reconcile", NOW + timedelta(seconds=30))
    assert value(registry, name, **sensor) == pytest.approx(NOW.timestamp() + 30)


def test_an_unavailable_ledger_is_shown_as_such_and_nothing_else_of_it(
    ledger: Ledger, registry: CollectorRegistry
) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(text("ALTER TABLE loads RENAME TO other"))
    assert value(registry, "alumniq_ledger_up") == 0
    assert value(registry, "alumniq_queue_depth") is None
    assert value(registry, "alumniq_attempts_total", result="published") == 0


def test_what_ended_is_counted_once_though_a_scrape_failed_halfway(
    ledger: Ledger, accept: Accept, registry: CollectorRegistry, clock: Clock
) -> None:
    complete(ledger, accept, {"stage": 2.5}, NOW)
    clock.now = NOW + 2 * COMMIT_LAG
    failed: list[str] = []

    @event.listens_for(ledger.engine, "before_cursor_execute")
    def fail_once(
        connection: Any, cursor: Any, statement: str, parameters: Any, *others: Any
    ) -> None:
        """Fail at what a scrape reads last."""
        del connection, cursor, parameters, others
        if not failed and "delivery_attempts" in statement and "GROUP BY" in statement:
            failed.append(statement)
            raise LedgerUnavailable(statement)

    assert value(registry, "alumniq_ledger_up") == 0
    for _ in range(2):
        assert value(registry, "alumniq_attempts_total", result="unchanged") == 1


def test_a_scrape_reads_no_table_of_the_past_as_a_whole(
    ledger: Ledger, registry: CollectorRegistry, clock: Clock
) -> None:
    """With a million past loads, one such read would take seconds at every scrape."""
    if ledger.database.path is None:
        pytest.skip("PostgreSQL chooses its plans by the size of tables, which are empty here.")
    plans: list[str] = []

    @event.listens_for(ledger.engine, "before_cursor_execute")
    def explain(
        connection: Any, cursor: Any, statement: str, parameters: Any, *others: Any
    ) -> None:
        del connection, others
        own = cursor.connection.cursor()
        own.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        plans.extend(row[3] for row in own.fetchall())
        own.close()

    clock.now += timedelta(minutes=1)
    list(registry.collect())
    assert any("loads" in plan for plan in plans)
    large = ("loads", "attempts", "notifications", "delivery_attempts", "versions", "holds")
    scans = [plan for plan in plans if plan.split()[:2] in [["SCAN", name] for name in large]]
    assert scans == []


def test_seconds_of_steps_do_not_make_check_records_differ() -> None:
    record = CheckRecord(counts=Counts(1, 1, 0))
    assert replace(record, seconds={"fetch": 1.0}) == record
