"""Rate limits: token buckets in the memory of the process, one for each key and each address.

Every worker process counts separately, so the effective limit is multiplied by their number.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

MAX_BUCKETS = 10_000
"""Beyond this number the bucket that was unused for longest is dropped."""


@dataclass(slots=True)
class RateLimit:
    """Allows each name `per_minute` requests a minute, in bursts up to that number; 0: no limit."""

    per_minute: int
    clock: Callable[[], float] = time.monotonic
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict, init=False, repr=False)
    """By name: the tokens left and when they were computed; least recently used first."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def wait(self, name: str) -> float:
        """Take a token and return 0, or return the seconds until the next token."""
        if not self.per_minute:
            return 0
        per_second, now = self.per_minute / 60, self.clock()
        with self._lock:
            tokens, then = self._buckets.pop(name, (float(self.per_minute), now))
            tokens = min(self.per_minute, tokens + (now - then) * per_second)
            is_allowed = tokens >= 1
            # Popped above and inserted again here: a dict keeps insertion order, so the first
            # key is always the least recently used one.
            self._buckets[name] = (tokens - is_allowed, now)
            if len(self._buckets) > MAX_BUCKETS:
                del self._buckets[next(iter(self._buckets))]
        return 0 if is_allowed else (1 - tokens) / per_second
