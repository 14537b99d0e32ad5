from datetime import timedelta

import pytest
from sqlalchemy import select

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.tables import audit
from alumniq_pipelines.core.loads.customer import Customer, Subscription
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.problems.command import BucketTaken, CustomerExists, UnknownCustomer
from tests.integration.ledger.conftest import NOW

IQU = Customer("iqu", "Inter-Quad University", "alumniq-iqu")
ZED = Customer("zed", "Zed College", "alumniq-zed")


def trail(ledger: Ledger) -> list[tuple[str, str, str, object]]:
    columns = (audit.c.actor, audit.c.action, audit.c.subject, audit.c.detail)
    with ledger.database.reading() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(audit.c.id))]


def test_customers_are_listed_by_id(ledger: Ledger) -> None:
    ledger.customers.add(ZED, NOW)
    ledger.customers.add(IQU, NOW)
    assert ledger.customers.all() == [IQU, ZED]
    assert ledger.customers.get("zed") == ZED


def test_an_unknown_customer_is_a_problem(ledger: Ledger) -> None:
    with pytest.raises(UnknownCustomer):
        ledger.customers.get("iqu")


def test_a_customer_is_added_once(ledger: Ledger) -> None:
    ledger.customers.add(IQU, NOW)
    with pytest.raises(CustomerExists):
        ledger.customers.add(Customer("iqu", "Another", "another-bucket"), NOW)
    assert ledger.customers.all() == [IQU]


def test_two_customers_never_share_a_bucket(ledger: Ledger) -> None:
    ledger.customers.add(IQU, NOW)
    with pytest.raises(BucketTaken):
        ledger.customers.add(Customer("zed", "Zed College", IQU.bucket), NOW)
    assert ledger.customers.all() == [IQU]


def test_adding_a_customer_leaves_one_entry_in_the_audit_trail(ledger: Ledger) -> None:
    ledger.customers.add(IQU, NOW, actor="ada")
    with pytest.raises(CustomerExists):
        ledger.customers.add(IQU, NOW, actor="bob")
    assert trail(ledger) == [("ada", "customer added", "iqu", {"bucket": "alumniq-iqu"})]


def test_a_subscription_is_replaced_by_the_next(ledger: Ledger, target: Target) -> None:
    ledger.customers.subscribe(Subscription(target, 10), NOW)
    ledger.customers.subscribe(Subscription(target), NOW + timedelta(days=1), actor="ada")
    assert ledger.customers.subscription(target) == Subscription(target)
    assert trail(ledger)[1:] == [
        ("system", "subscription changed", "iqu/qa/warehouse", {"max_rejected": 10}),
        (
            "ada",
            "subscription changed",
            "iqu/qa/warehouse",
            {"max_rejected": "as the field map says"},
        ),
    ]


def test_a_target_without_a_subscription_has_none(ledger: Ledger, target: Target) -> None:
    assert ledger.customers.subscription(target) is None


def test_subscriptions_are_listed_by_customer_environment_and_feed(
    ledger: Ledger, target: Target
) -> None:
    ledger.customers.add(ZED, NOW)
    wanted = [
        Subscription(Target("iqu", Environment.PRODUCTION, "warehouse"), 3),
        Subscription(target, 0),
        Subscription(Target("iqu", Environment.QA, "warehouse-degrees")),
        Subscription(Target("zed", Environment.PRODUCTION, "warehouse")),
    ]
    for subscription in reversed(wanted):
        ledger.customers.subscribe(subscription, NOW)
    assert ledger.customers.subscriptions() == wanted


def test_only_a_customer_subscribes(ledger: Ledger) -> None:
    with pytest.raises(UnknownCustomer):
        ledger.customers.subscribe(Subscription(Target("iqu", Environment.QA, "warehouse")), NOW)


def test_an_entry_of_its_own_is_stored(ledger: Ledger) -> None:
    ledger.audit.add("ada", "ledger opened", "ledger", NOW)
    assert trail(ledger) == [("ada", "ledger opened", "ledger", {})]
