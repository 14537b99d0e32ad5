"""Rate limits: token buckets in the memory of the process, one per key and per address.

Each worker process counts for itself: what holds for one is multiplied by their number.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

MAX_BUCKETS = 10_000
"""What is remembered at most; beyond it, who was quiet for longest is forgotten."""


@dataclass(slots=True)
class RateLimit:
    """Lets each name through so many times a minute, saved up for at most a minute; 0: always."""

    per_minute: int
    clock: Callable[[], float] = time.monotonic
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict, init=False, repr=False)
    """Tokens left and when that was reckoned, by name; who came last stands last."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def wait(self, name: str) -> float:
        """Let a name through and answer 0, or answer in how many seconds it may come again."""
        if not self.per_minute:
            return 0
        per_second, now = self.per_minute / 60, self.clock()
        with self._lock:
            tokens, then = self._buckets.pop(name, (float(self.per_minute), now))
            tokens = min(self.per_minute, tokens + (now - then) * per_second)
            is_allowed = tokens >= 1
            self._buckets[name] = (tokens - is_allowed, now)
            if len(self._buckets) > MAX_BUCKETS:
                del self._buckets[next(iter(self._buckets))]
        return 0 if is_allowed else (1 - tokens) / per_second
