"""Group commit: entries that several threads write at about the same time share one commit.

A commit costs an fsync, which takes longer than all the rest;
docs/adr/the-hot-path-of-the-ledger.md.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from sqlalchemy.exc import IntegrityError

Entry = TypeVar("Entry")
Saved = TypeVar("Saved")


class GroupCommit(Generic[Entry, Saved]):
    """The thread that holds the lock writes all queued entries in one transaction.

    No thread waits to collect entries: a batch is what was queued while the previous one was
    written, at most `max_entries` of it. `write` saves all entries in one transaction or none, and
    returns once they are durable.
    """

    def __init__(
        self, write: Callable[[Sequence[Entry]], Sequence[Saved]], *, max_entries: int
    ) -> None:
        """Start with an empty queue."""
        self._write = write
        self._max_entries = max_entries
        self._waiting: deque[tuple[Entry, Future[Saved]]] = deque()
        self._lock = threading.Lock()

    def add(self, entries: Iterable[Entry]) -> Sequence[Future[Saved]]:
        """Save entries; when this returns, each is durable or its future has the error."""
        added: list[tuple[Entry, Future[Saved]]] = [(entry, Future()) for entry in entries]
        self._waiting.extend(added)
        with self._lock:
            # While this thread waited for the lock, its holder may have written our entries too.
            while not all(future.done() for _, future in added):
                # A fixed number is taken, since other threads extend the queue without the lock.
                count = min(len(self._waiting), self._max_entries)
                self._write_all([self._waiting.popleft() for _ in range(count)])
        return [future for _, future in added]

    def _write_all(self, waiting: Sequence[tuple[Entry, Future[Saved]]]) -> None:
        try:
            results = self._write([entry for entry, _ in waiting])
        except IntegrityError as error:
            if len(waiting) == 1:
                waiting[0][1].set_exception(error)
                return
            # One of them was refused: write each by itself to save the others.
            for entry in waiting:
                self._write_all([entry])
        except BaseException as fault:  # noqa: BLE001 - every waiting thread gets the error
            for _, future in waiting:
                future.set_exception(fault)
        else:
            for (_, future), result in zip(waiting, results, strict=True):
                future.set_result(result)
