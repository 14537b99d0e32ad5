"""The staff dashboard on each engine: its order, its pages, and its number of queries."""

from datetime import timedelta

import pytest

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import Load, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.monitoring.incident import Condition, Kind
from tests.integration.ledger.conftest import NOW
from tests.integration.ledger.counted_statements import counted_statements
from webhook_gateway.services.staff_dashboard import (
    CUSTOMERS_PER_PAGE,
    ITEMS_PER_PAGE,
    Dashboard,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def dashboard(ledger: Ledger) -> Dashboard:
    """The dashboard of an empty ledger."""
    return Dashboard(ledger)


def add_customer(ledger: Ledger, number: int, name: str = "University") -> str:
    """Add a customer, and return its id."""
    customer = Customer(f"u{number:04}", name, f"bucket-{number:04}")
    ledger.customers.add(customer, NOW)
    return customer.id


def accept(ledger: Ledger, target: Target) -> Load:
    """Accept a load."""
    request = LoadRequest(new_job_id(), target, "warehouse.csv", "e1", 1_000)
    return ledger.loads.accept(request, NOW)


def end(ledger: Ledger, target: Target, state: LoadState, hours: int = 0) -> Load:
    """Accept a load, and end it some hours later."""
    load = accept(ledger, target)
    ledger.loads.end(load.job_id, Outcome(state, ("why",)), [], NOW + hours * HOUR)
    return load


def test_a_feed_fails_until_a_later_load_of_its_table(ledger: Ledger, dashboard: Dashboard) -> None:
    customer = add_customer(ledger, 1)
    target = Target(customer, Environment.PRODUCTION, "warehouse")
    other = Target(customer, Environment.QA, "warehouse")
    end(ledger, target, LoadState.FAILED)
    end(ledger, other, LoadState.FAILED)
    accept(ledger, target)
    (item,), _ = dashboard.attention_items(NOW)
    assert (item.title, item.detail, item.environment) == (
        "warehouse failed",
        "why",
        Environment.QA,
    )


def test_items_are_listed_by_urgency_then_production_first_then_the_oldest_first(
    ledger: Ledger, dashboard: Dashboard
) -> None:
    customer = add_customer(ledger, 1)
    ledger.keys.issue(customer, Environment.PRODUCTION, NOW, days=20)
    ledger.keys.issue(customer, Environment.QA, NOW, days=1)
    for hours, feed in ((3, "warehouse"), (2, "warehouse-b")):
        for environment in Environment:
            end(ledger, Target(customer, environment, feed), LoadState.FAILED, hours)
    condition = Condition(
        key="queue", kind=Kind.QUEUE_STUCK, title="Stuck", detail="It is stuck.", advice="Look."
    )
    ledger.incidents.open(condition, NOW + 4 * HOUR)
    items, has_more = dashboard.attention_items(NOW)
    assert not has_more
    assert [(item.title.partition(" ")[0], item.environment) for item in items] == [
        ("warehouse-b", Environment.PRODUCTION),
        ("warehouse", Environment.PRODUCTION),
        ("Stuck", None),
        ("warehouse-b", Environment.QA),
        ("warehouse", Environment.QA),
        ("The", Environment.QA),
        ("The", Environment.PRODUCTION),
    ]


@pytest.mark.parametrize(("days", "is_listed"), [(0, False), (1, True), (30, True), (31, False)])
def test_a_key_is_listed_in_its_last_30_days(
    ledger: Ledger, dashboard: Dashboard, days: int, *, is_listed: bool
) -> None:
    ledger.keys.issue(add_customer(ledger, 1), Environment.QA, NOW, days=days)
    items, _ = dashboard.attention_items(NOW)
    assert bool(items) == is_listed


def test_a_key_is_not_listed_beside_one_that_lasts_longer(
    ledger: Ledger, dashboard: Dashboard
) -> None:
    customer = add_customer(ledger, 1)
    ledger.keys.issue(customer, Environment.QA, NOW, days=5)
    ledger.keys.issue(customer, Environment.PRODUCTION, NOW, days=300)
    assert len(dashboard.attention_items(NOW)[0]) == 1, "it is of another environment"
    _, lasting = ledger.keys.issue(customer, Environment.QA, NOW, days=40)
    assert dashboard.attention_items(NOW)[0] == []
    ledger.keys.revoke(lasting.prefix, NOW)
    assert len(dashboard.attention_items(NOW)[0]) == 1


def test_customers_that_need_attention_come_first(ledger: Ledger, dashboard: Dashboard) -> None:
    for number in range(4):
        customer = add_customer(ledger, number)
        ledger.keys.issue(customer, Environment.QA, NOW)
    end(ledger, Target("u0002", Environment.QA, "warehouse"), LoadState.FAILED)
    end(ledger, Target("u0003", Environment.PRODUCTION, "warehouse"), LoadState.FAILED)
    summaries, _ = dashboard.environment_summaries(NOW)
    customers = dict.fromkeys(summary.customer for summary in summaries)
    assert list(customers) == ["u0003", "u0002", "u0000", "u0001"]


def test_every_item_and_every_customer_is_on_one_page(ledger: Ledger, dashboard: Dashboard) -> None:
    count = 2 * max(ITEMS_PER_PAGE, CUSTOMERS_PER_PAGE) + 1
    for number in range(count):
        target = Target(add_customer(ledger, number), Environment.QA, "warehouse")
        end(ledger, target, LoadState.FAILED)
    for read in (dashboard.attention_items, dashboard.environment_summaries):
        found: list[str | None] = []
        for page in (1, 2, 3):
            rows, has_more = read(NOW, "", page)
            found += [row.customer for row in rows]
            assert has_more == (page < 3)
        assert sorted(map(str, found)) == [f"u{number:04}" for number in range(count)]


@pytest.mark.parametrize(
    ("search", "expected"),
    [("u0001", ["u0001"]), ("BOREAL", ["u0000"]), ("0", ["u0000", "u0001"]), ("%", []), ("_", [])],
)
def test_customers_are_found_by_a_part_of_their_id_or_name(
    ledger: Ledger, dashboard: Dashboard, search: str, expected: list[str]
) -> None:
    for number, name in enumerate(("Boreal University", "Austral College")):
        target = Target(add_customer(ledger, number, name), Environment.QA, "warehouse")
        end(ledger, target, LoadState.FAILED)
    summaries, _ = dashboard.environment_summaries(NOW, search)
    items, _ = dashboard.attention_items(NOW, search)
    assert [summary.customer for summary in summaries] == expected
    assert sorted(str(item.customer) for item in items) == expected


def test_the_number_of_queries_does_not_grow_with_the_customers(
    ledger: Ledger, dashboard: Dashboard
) -> None:
    def count() -> int:
        with counted_statements(ledger.engine) as executed:
            dashboard.attention_items(NOW)
            dashboard.environment_summaries(NOW)
        return len(executed)

    add_customer(ledger, 0)
    before = count()
    for number in range(1, 40):
        target = Target(add_customer(ledger, number), Environment.QA, "warehouse")
        end(ledger, target, LoadState.FAILED)
        ledger.keys.issue(target.customer, Environment.PRODUCTION, NOW, days=2)
    assert count() == before
    assert len(dashboard.attention_items(NOW)[0]) == ITEMS_PER_PAGE
