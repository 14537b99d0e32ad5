"""A customer, and its subscriptions: which feeds it sends to which environment, on what terms."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from alumniq_pipelines.core.feeds.field_map import Threshold
from alumniq_pipelines.core.loads.target import CUSTOMER_PATTERN, Target
from alumniq_pipelines.core.problems.command import UnusableBucket, UnusableCustomer

BUCKET_PATTERN = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""S3's rule for names, which also prevents a folder bucket from leaving its parent folder."""


@dataclass(frozen=True, slots=True)
class Customer:
    """An institution. `id` is its short name in paths and partitions."""

    id: str
    name: str
    bucket: str

    def __post_init__(self) -> None:
        """Refuse names that cannot be a path or a partition key."""
        if not CUSTOMER_PATTERN.fullmatch(self.id):
            raise UnusableCustomer(self.id)
        if not BUCKET_PATTERN.fullmatch(self.bucket):
            raise UnusableBucket(self.bucket)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A feed that a customer sends, and the terms that replace those of its field map.

    `max_rejected` None, `fill` None, and kinds of change (`added`, `changed`, `removed`) that
    `thresholds` lack, mean the field map's own. `fill` is by how many points the share of filled
    rows of a column may fall, `fill_of` the same for single columns, by name.
    """

    target: Target
    max_rejected: int | None = None
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    fill: float | None = None
    fill_of: Mapping[str, float] = field(default_factory=dict)
