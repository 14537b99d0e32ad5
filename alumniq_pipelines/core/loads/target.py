"""A target: the table of a customer, an environment and a feed."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

CUSTOMER_PATTERN = re.compile(r"[a-z][a-z0-9-]{0,30}")


class Environment(StrEnum):
    """The two environments of a customer; a key is valid in exactly one of them."""

    QA = "qa"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Target:
    """The table that loads publish to: one feed of one customer in one environment."""

    customer: str
    environment: Environment
    feed: str

    @property
    def partition_key(self) -> str:
        """The target's partition of its feed's asset: `customer.environment`."""
        return f"{self.customer}.{self.environment}"

    @classmethod
    def from_partition_key(cls, partition_key: str, feed: str) -> Self:
        """Parse `customer.environment`; raises ValueError on anything else."""
        customer, _, environment = partition_key.rpartition(".")
        if not CUSTOMER_PATTERN.fullmatch(customer):
            message = (
                f"The partition key {partition_key!r} is not of the form customer.environment."
            )
            raise ValueError(message)
        return cls(customer, Environment(environment), feed)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `customer/environment/feed`, as `str` returns it."""
        customer, environment, feed = text.split("/")
        return cls(customer, Environment(environment), feed)

    def __str__(self) -> str:
        """Return `customer/environment/feed`."""
        return f"{self.customer}/{self.environment}/{self.feed}"
