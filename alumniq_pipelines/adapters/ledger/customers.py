"""Customers and their subscriptions."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, insert, select
from sqlalchemy.exc import IntegrityError

from alumniq_pipelines.adapters.ledger.audit import AuditTrail
from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.tables import customers, subscriptions
from alumniq_pipelines.adapters.ledger.targets import (
    matches_target,
    target_columns,
    target_of,
    target_values,
)
from alumniq_pipelines.core.feeds.field_map import Threshold
from alumniq_pipelines.core.loads.customer import Customer, Subscription
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.problems.command import BucketTaken, CustomerExists, UnknownCustomer

_CUSTOMER = select(customers.c.id, customers.c.name, customers.c.bucket)
_TARGET = target_columns(subscriptions)


@dataclass(frozen=True)
class Customers:
    """The customers, and the feeds that each sends per environment."""

    database: Database
    audit: AuditTrail

    def add(self, customer: Customer, now: datetime, *, actor: str = "system") -> None:
        """Add a customer; raises CustomerExists and BucketTaken."""
        row = {"id": customer.id, "name": customer.name, "bucket": customer.bucket}
        try:
            with self.database.writing() as connection:
                connection.execute(insert(customers).values(**row, created_at=now))
                self.audit.add(
                    actor,
                    "customer added",
                    customer.id,
                    now,
                    detail={"bucket": customer.bucket},
                    connection=connection,
                )
        except IntegrityError:
            # Id and bucket are both unique, and only the driver's message says which was taken.
            known = any(other.id == customer.id for other in self.all())
            raise (CustomerExists(customer.id) if known else BucketTaken(customer.bucket)) from None

    def check_new(self, customer: Customer) -> None:
        """Raise CustomerExists or BucketTaken if `add` would; nothing is changed."""
        known = self.all()
        if any(other.id == customer.id for other in known):
            raise CustomerExists(customer.id)
        if any(other.bucket == customer.bucket for other in known):
            raise BucketTaken(customer.bucket)

    def get(self, customer_id: str) -> Customer:
        """Return a customer; raises UnknownCustomer."""
        with self.database.reading() as connection:
            row = connection.execute(_CUSTOMER.where(customers.c.id == customer_id)).one_or_none()
        if row is None:
            raise UnknownCustomer(customer_id)
        return Customer(*row)

    def all(self) -> Sequence[Customer]:
        """Return all customers by id."""
        with self.database.reading() as connection:
            rows = connection.execute(_CUSTOMER.order_by(customers.c.id)).all()
        return [Customer(*row) for row in rows]

    def subscribe(
        self, subscription: Subscription, now: datetime, *, actor: str = "system"
    ) -> None:
        """Add or replace a subscription; raises UnknownCustomer."""
        target, limit = subscription.target, subscription.max_rejected
        thresholds = {
            kind: threshold.model_dump() for kind, threshold in subscription.thresholds.items()
        }
        fill = {"fill": subscription.fill, "fill_of": dict(subscription.fill_of)}
        has_fill = subscription.fill is not None or subscription.fill_of
        terms = {
            "max_rejected": limit,
            "thresholds": thresholds or None,
            "fill": fill if has_fill else None,
            "updated_at": now,
        }
        detail = {"max_rejected": "as the field map says" if limit is None else limit}
        if thresholds:
            detail["thresholds"] = json.dumps(thresholds)
        if has_fill:
            detail["fill"] = json.dumps(fill)
        statement = self.database.insert(subscriptions).values(**target_values(target), **terms)
        try:
            with self.database.writing() as connection:
                connection.execute(
                    statement.on_conflict_do_update(index_elements=_TARGET, set_=terms)
                )
                self.audit.add(
                    actor,
                    "subscription changed",
                    str(target),
                    now,
                    detail=detail,
                    connection=connection,
                )
        except IntegrityError:  # the foreign key; an upsert cannot violate the primary key
            raise UnknownCustomer(target.customer) from None

    def subscription(self, target: Target) -> Subscription | None:
        """Return the subscription of a target, if there is one."""
        query = select(subscriptions).where(matches_target(subscriptions, target))
        with self.database.reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else _subscription(row)

    def subscriptions(self) -> Sequence[Subscription]:
        """Return all subscriptions by customer, environment and feed."""
        with self.database.reading() as connection:
            rows = connection.execute(select(subscriptions).order_by(*_TARGET)).mappings()
            return [_subscription(row) for row in rows]


def _subscription(row: RowMapping) -> Subscription:
    return Subscription(
        target_of(row),
        row["max_rejected"],
        {kind: Threshold(**stored) for kind, stored in (row["thresholds"] or {}).items()},
        **(row["fill"] or {}),
    )
