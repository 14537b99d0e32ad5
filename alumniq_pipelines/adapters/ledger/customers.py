"""Customers and their subscriptions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from alumniq_pipelines.core.customer import Customer, Subscription
from alumniq_pipelines.core.target import Target


@dataclass(frozen=True)
class Customers:
    """Institutions, and which feeds each sends in which environment."""

    engine: Engine

    def add(self, customer: Customer, now: datetime) -> None:
        """Keep a new customer; raises CustomerExists."""
        raise NotImplementedError

    def get(self, customer_id: str) -> Customer:
        """Look a customer up; raises UnknownCustomer."""
        raise NotImplementedError

    def all(self) -> Sequence[Customer]:
        """List customers by id."""
        raise NotImplementedError

    def subscribe(self, subscription: Subscription, now: datetime) -> None:
        """Keep or replace a subscription."""
        raise NotImplementedError

    def subscription(self, target: Target) -> Subscription | None:
        """Answer the subscription of a target, if one was made."""
        raise NotImplementedError

    def subscriptions(self) -> Sequence[Subscription]:
        """List all subscriptions by customer, environment and feed."""
        raise NotImplementedError
