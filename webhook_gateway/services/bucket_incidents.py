"""Incidents of customers' buckets that calls find: monitoring notifies of them and closes them."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.monitoring.conditions import customer_bucket_unavailable
from alumniq_pipelines.core.problems.outage import BucketUnavailable, LedgerUnavailable

REPEAT_SECONDS = 60.0
"""Between two attempts to open the incident of one bucket, which is usually open already."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BucketIncidents:
    """Opens an incident for a bucket in which a file could not be looked up.

    Whether it lasts is for monitoring to find out: it tries the bucket every minute, notifies staff
    after five minutes, and closes the incident when the bucket responds.
    """

    ledger: Ledger
    clock: Callable[[], datetime]
    _tried_at: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    def open(self, bucket: str, problem: BucketUnavailable) -> None:
        """Open the incident of a bucket; the call itself is refused, whether or not this works."""
        now = time.monotonic()
        if now < self._tried_at.get(bucket, -REPEAT_SECONDS) + REPEAT_SECONDS:
            return
        self._tried_at[bucket] = now
        condition = customer_bucket_unavailable(bucket, problem)
        try:
            self.ledger.incidents.open(condition, self.clock())
        except LedgerUnavailable as fault:
            logger.warning("The incident of a bucket cannot be opened: %s", fault.reason)
