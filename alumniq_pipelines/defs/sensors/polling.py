"""Waiting inside a tick: Dagster's sensor daemon looks every 5 seconds, and customers are waiting.

A tick that has nothing to do keeps looking for most of that time, so what comes up is acted upon at
once instead of at the next look. See docs/adr for what it saves.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

TICK_SECONDS = 3.5
"""Well below the 5 seconds between two looks of the daemon: a tick not over by then misses one, and
starting and ending a tick takes a second on a busy machine."""

POLL_SECONDS = 0.2

Item = TypeVar("Item")


def poll() -> Iterator[None]:
    """Come round again and again until the tick's time is up, at least once."""
    until = time.monotonic() + TICK_SECONDS
    yield
    while time.monotonic() < until:
        time.sleep(POLL_SECONDS)
        yield


def poll_until_found(query: Callable[[], Sequence[Item]]) -> Sequence[Item]:
    """Look until something is there or the tick's time is up."""
    found: Sequence[Item] = ()
    for _ in poll():
        found = query()
        if found:
            break
    return found
