"""Polling within a tick: Dagster's daemon starts sensor ticks only every 5 seconds.

A tick without work polls for most of that time, so that new work starts at once instead of at the
next tick. docs/adr/sensors-poll-within-a-tick.md says what this saves.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from alumniq_pipelines.adapters.ledger.change_detector import detect_changes
from alumniq_pipelines.adapters.ledger.ledger import Ledger

TICK_SECONDS = 3.5
"""Well below the daemon's 5 seconds: a tick that lasts longer misses the next one, and starting and
ending a tick takes a second on a busy machine.
"""

POLL_SECONDS = 0.2

Item = TypeVar("Item")


def poll(seconds: float = POLL_SECONDS) -> Iterator[None]:
    """Yield at intervals until the tick's time is up, at least once."""
    until = time.monotonic() + TICK_SECONDS
    yield
    while time.monotonic() + seconds < until:
        time.sleep(seconds)
        yield


def poll_changes(ledger: Ledger) -> Iterator[None]:
    """Yield at the start of the tick, and whenever the ledger may have changed since."""
    with detect_changes(ledger.database, recheck_seconds=TICK_SECONDS) as changes:
        for _ in poll():
            if changes.has_changed():
                yield


def poll_until_found(ledger: Ledger, query: Callable[[], Sequence[Item]]) -> Sequence[Item]:
    """Query until something is found or the tick's time is up."""
    found: Sequence[Item] = ()
    for _ in poll_changes(ledger):
        found = query()
        if found:
            break
    return found
