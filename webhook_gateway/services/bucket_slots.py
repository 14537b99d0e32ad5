"""How many calls look into one bucket at once: one that hangs must not occupy all threads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from alumniq_pipelines.core.problems.outage import BucketUnavailable

MAX_LOOKUPS = 8
SLOT_SECONDS = 5.0
"""How long a call waits until fewer look into its bucket; many at once are usual at night."""


@dataclass(slots=True)
class BucketSlots:
    """The lookups in one bucket."""

    is_stuck: bool = False
    """Whether a call waited in vain and no lookup has ended since: further calls do not wait."""

    _free: threading.Semaphore = field(
        default_factory=lambda: threading.Semaphore(MAX_LOOKUPS), init=False, repr=False
    )

    @contextmanager
    def lookup(self) -> Iterator[None]:
        """Take a slot for a lookup; raises BucketUnavailable if none is free in time."""
        if not self._free.acquire(timeout=0 if self.is_stuck else SLOT_SECONDS):
            self.is_stuck = True
            reason = f"{MAX_LOOKUPS} earlier calls still wait for a response"
            raise BucketUnavailable(reason)
        try:
            yield
        finally:
            self.is_stuck = False
            self._free.release()
