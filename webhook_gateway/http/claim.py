"""A call that is answered once: by the thread that handles it, or by the code that waits for it."""

import threading


class Claim:
    """Decides once, between threads, what becomes of a call: the first to claim it answers it.

    A thread claims a call before it records a load. Code that gives up waiting for that thread
    claims the call before it says so: a caller who reads that no load was queued can rely on it.
    """

    def __init__(self) -> None:
        """Start unclaimed."""
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Claim the call; False if somebody has done so before."""
        return self._lock.acquire(blocking=False)

    @property
    def is_taken(self) -> bool:
        """Whether the call is claimed."""
        return self._lock.locked()
