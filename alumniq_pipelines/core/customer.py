"""A customer, and its subscriptions: which feed it sends where, and on what terms."""

from dataclasses import dataclass

from alumniq_pipelines.core.target import Target


@dataclass(frozen=True, slots=True)
class Customer:
    """An institution. `id` is its short name in paths and partitions."""

    id: str
    name: str
    bucket: str


@dataclass(frozen=True, slots=True)
class Subscription:
    """A feed a customer sends in an environment; `max_rejected` None means the field map's own."""

    target: Target
    max_rejected: int | None = None
