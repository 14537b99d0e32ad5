"""Retention in the ledger, on each engine: what is needed stays, and what is old goes."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update

from alumniq_pipelines.adapters.ledger import expired_rows
from alumniq_pipelines.adapters.ledger.expired_rows import KEPT_LOADS, ExpiredRows
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.tables import (
    attempts,
    audit,
    delivery_attempts,
    incidents,
    loads,
    notifications,
    versions,
)
from alumniq_pipelines.core.loads.baseline import ROLLBACK
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import (
    JobId,
    Load,
    LoadRequest,
    LoadState,
    Origin,
    new_job_id,
)
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.monitoring.incident import Condition, Kind, Resolution
from alumniq_pipelines.core.monitoring.schedule import DeliverySchedule
from alumniq_pipelines.core.monitoring.watch import Watch
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    DeliveryResult,
    Notice,
)
from alumniq_pipelines.services.ledger_retention import LedgerRetention
from tests.integration.ledger.conftest import NOW, version_of
from tests.memory_warehouse import MemoryWarehouse

DAY = timedelta(days=1)
LATER = NOW + 1_000 * DAY
MAIL = Notice(
    channel=Channel.MAIL,
    destination="a@example.edu",
    subject="Done",
    body="",
    audience=Audience.CUSTOMER,
)


def retention(ledger: Ledger, warehouse: MemoryWarehouse | None = None) -> LedgerRetention:
    """Keep loads for 400 days and the audit trail for 900."""
    return LedgerRetention(
        rows=ExpiredRows(ledger.database),
        warehouse=warehouse or MemoryWarehouse(),
        load_retention=400 * DAY,
        audit_retention=900 * DAY,
    )


def prune(ledger: Ledger, warehouse: MemoryWarehouse | None = None) -> int:
    """Delete everything that may go 1,000 days later; return how many loads that were."""
    pruned = retention(ledger, warehouse).prune(LATER, None, seconds=60)
    assert pruned.is_over
    return pruned.deleted.get("loads", 0)


def accept(ledger: Ledger, target: Target, **changes: object) -> Load:
    """Accept a load."""
    values = {"origin": Origin.WEBHOOK, "repeats": None, "dry_run": False, **changes}
    request = LoadRequest(new_job_id(), target, "warehouse.csv", "e1", 1_000, **values)  # type: ignore[arg-type]
    return ledger.loads.accept(request, NOW)


def end(
    ledger: Ledger, load: Load, state: LoadState = LoadState.SUCCEEDED, *, is_notified: bool = True
) -> Load:
    """Carry out a load: with an attempt, a version, and a notification that was delivered."""
    attempt = ledger.attempts.begin(load, "run", NOW)
    assert attempt
    ledger.loads.end(load.job_id, Outcome(state), [MAIL] if is_notified else [], NOW)
    if state is LoadState.SUCCEEDED:
        ledger.versions.record(version_of(load), NOW)
    for notification in ledger.notifications.claim(NOW, DAY):
        ledger.notifications.record(notification, DeliveryResult(delivered=True, detail=""), NOW)
    return load


def fill(ledger: Ledger, target: Target, count: int = KEPT_LOADS) -> list[Load]:
    """Carry out as many loads as always stay."""
    return [end(ledger, accept(ledger, target), is_notified=False) for _ in range(count)]


def left(ledger: Ledger) -> set[JobId]:
    """Return the loads that are left."""
    with ledger.database.reading() as connection:
        return set(map(JobId, connection.scalars(select(loads.c.job_id))))


def counts(ledger: Ledger) -> Sequence[int]:
    """Count the rows of every table that belongs to loads."""
    with ledger.database.reading() as connection:
        return [
            connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (loads, attempts, versions, notifications, delivery_attempts)
        ]


def test_an_old_load_goes_with_everything_that_belongs_to_it(
    ledger: Ledger, target: Target
) -> None:
    old = end(ledger, accept(ledger, target))
    kept = fill(ledger, target)
    assert counts(ledger) == [KEPT_LOADS + 1] * 3 + [1, 1]
    assert prune(ledger) == 1
    assert left(ledger) == {load.job_id for load in kept}
    assert counts(ledger) == [KEPT_LOADS] * 3 + [0, 0]
    assert prune(ledger) == 0
    assert accept(ledger, target).number > kept[-1].number > old.number


def test_a_young_load_stays(ledger: Ledger, target: Target) -> None:
    end(ledger, accept(ledger, target))
    fill(ledger, target)
    before = counts(ledger)
    retention(ledger).prune(NOW + 399 * DAY, None, seconds=60)
    assert counts(ledger) == before


@pytest.mark.parametrize("reason", ["queued", "pending notification", "repeated", "stored version"])
def test_an_old_load_that_is_needed_stays(ledger: Ledger, target: Target, reason: str) -> None:
    warehouse = MemoryWarehouse()
    needed = accept(ledger, target)
    match reason:
        case "pending notification":
            end(ledger, needed)
        case "repeated":
            end(ledger, needed)
            end(ledger, accept(ledger, target, repeats=needed.job_id, origin=Origin.REPEAT))
        case "stored version":
            end(ledger, needed)
            warehouse.moves.append((version_of(needed), 1))
        case _:
            pass
    if reason == "queued":
        with ledger.database.writing() as connection:  # the line of the table does not wait
            connection.execute(update(loads).values(state=LoadState.HELD))
    fill(ledger, target)
    if reason == "pending notification":
        (notification,) = ledger.notifications.of(needed.job_id)
        assert ledger.notifications.make_due_again(notification.id, "ada", NOW)
    prune(ledger, warehouse)
    assert needed.job_id in left(ledger)


def test_another_customer_is_untouched(ledger: Ledger, target: Target) -> None:
    ledger.customers.add(Customer("other", "Other University", "other"), NOW)
    others = fill(ledger, Target("other", target.environment, target.feed), KEPT_LOADS - 1)
    fill(ledger, target, KEPT_LOADS + 3)
    assert prune(ledger) == 3
    assert left(ledger) >= {load.job_id for load in others}
    assert len(ledger.versions.of(others[0].target)) == len(others)


kinds = st.sampled_from(
    [
        (Origin.WEBHOOK, LoadState.SUCCEEDED, False),
        (Origin.WEBHOOK, LoadState.FAILED, False),
        (Origin.REPEAT, LoadState.SUCCEEDED, False),
        (Origin.WEBHOOK, LoadState.SUCCEEDED, True),
    ]
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(kinds, max_size=12))
def test_arrivals_and_the_newest_loads_are_the_same_before_and_after(
    ledger: Ledger,
    target: Target,
    monkeypatch: pytest.MonkeyPatch,
    past: list[tuple[Origin, LoadState, bool]],
) -> None:
    monkeypatch.setattr(expired_rows, "KEPT_LOADS", 3)
    with ledger.database.writing() as connection:
        for table in (attempts, versions, loads):
            connection.execute(delete(table))
    schedule = DeliverySchedule(period=DAY)
    ledger.watches.set(Watch(target, schedule, NOW), NOW)
    for minutes, (origin, state, is_dry) in enumerate(past):
        load = accept(ledger, target, origin=origin, dry_run=is_dry)
        end(ledger, load, state, is_notified=False)
        with ledger.database.writing() as connection:
            at = NOW + timedelta(minutes=minutes)
            this = loads.c.job_id == load.job_id
            connection.execute(update(loads).where(this).values(accepted_at=at))

    def seen() -> object:
        return (
            ledger.watches.latest_arrivals(),
            ledger.watches.arrivals(target, 3),
            ledger.loads.last_accepted(target) if past and past[-1][0] is Origin.WEBHOOK else None,
            ledger.loads.latest_by_feed(target.customer, target.environment),
            ledger.loads.find(target=target, limit=3),
            ledger.numbers.last(),
        )

    before = seen()
    prune(ledger)
    assert seen() == before
    assert len(left(ledger)) <= 3 + 2 * 3


def test_a_crash_between_two_transactions_leaves_nothing_dangling(
    ledger: Ledger, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        end(ledger, accept(ledger, target))
    fill(ledger, target)
    monkeypatch.setattr("alumniq_pipelines.services.ledger_retention.LOADS_PER_TRANSACTION", 2)
    rows = retention(ledger)
    part = rows.prune(LATER, None, seconds=0)
    assert (part.deleted["loads"], part.is_over) == (2, False)
    assert counts(ledger) == [KEPT_LOADS + 2] * 3 + [2, 2]
    while not part.is_over:
        part = rows.prune(LATER, part.after, seconds=0)
    assert counts(ledger) == [KEPT_LOADS] * 3 + [0, 0]


@pytest.mark.usefixtures("target")
def test_a_round_visits_every_table_once(ledger: Ledger) -> None:
    ledger.customers.add(Customer("other", "Other University", "other"), NOW)
    targets = {
        Target(customer, environment, feed)
        for customer in ("iqu", "other")
        for environment in Environment
        for feed in ("warehouse", "warehouse-b")
    }
    for visited in targets:
        accept(ledger, visited)
    rows, found, after = ExpiredRows(ledger.database), [], None
    while (after := rows.next_target(after)) is not None:
        found.append(after)
    assert len(found) == len(targets)
    assert set(found) == targets


def test_old_closed_incidents_go_and_open_ones_stay(ledger: Ledger) -> None:
    for key in ("closed", "open"):
        condition = Condition(
            key=key, kind=Kind.QUEUE_STUCK, title="Stuck", detail="It is stuck.", advice="Look."
        )
        ledger.incidents.open(condition, NOW)
    closed, still_open = ledger.incidents.list_open()
    ledger.incidents.close([closed.id], Resolution.RECOVERED, NOW, lambda _: [MAIL])
    prune(ledger)
    assert len(ledger.incidents.newest()) == 2, "its notification is pending"
    for notification in ledger.notifications.claim(NOW, DAY):
        ledger.notifications.record(notification, DeliveryResult(delivered=True, detail=""), NOW)
    prune(ledger)
    assert [incident.id for incident in ledger.incidents.newest()] == [still_open.id]
    with ledger.database.reading() as connection:
        for table in (notifications, delivery_attempts):
            assert connection.scalar(select(func.count()).select_from(table)) == 0
        assert connection.scalar(select(func.count()).select_from(incidents)) == 1


def test_old_audit_entries_go_but_for_rollbacks(ledger: Ledger, target: Target) -> None:
    for action in (ROLLBACK, "key revoked", "key revoked"):
        ledger.audit.add("ada", action, str(target), NOW)
    ledger.audit.add("ada", "key revoked", str(target), LATER)
    prune(ledger)
    with ledger.database.reading() as connection:
        found = connection.execute(select(audit.c.action, audit.c.at).order_by(audit.c.id)).all()
    assert [tuple(row) for row in found] == [(ROLLBACK, NOW), ("key revoked", LATER)]
