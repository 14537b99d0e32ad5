"""Gathering: what several threads write at about the same time shares one commit."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from sqlalchemy.exc import IntegrityError

Entry = TypeVar("Entry")
Saved = TypeVar("Saved")


class GroupCommit(Generic[Entry, Saved]):
    """Lets whoever has the turn write for all who wait for it; nobody waits for others to come.

    `write` keeps all entries in one transaction or none, and answers once they are durable.
    """

    def __init__(self, write: Callable[[Sequence[Entry]], Sequence[Saved]]) -> None:
        """Begin with nobody waiting."""
        self._write = write
        self._waiting: deque[tuple[Entry, Future[Saved]]] = deque()
        self._lock = threading.Lock()

    def add(self, entries: Iterable[Entry]) -> Sequence[Future[Saved]]:
        """Keep entries; each is durable when this returns, or its future tells what refused it."""
        added: list[tuple[Entry, Future[Saved]]] = [(entry, Future()) for entry in entries]
        self._waiting.extend(added)
        with self._lock:
            if not all(future.done() for _, future in added):
                self._write_all([self._waiting.popleft() for _ in range(len(self._waiting))])
        return [future for _, future in added]

    def _write_all(self, waiting: Sequence[tuple[Entry, Future[Saved]]]) -> None:
        try:
            results = self._write([entry for entry, _ in waiting])
        except IntegrityError as error:
            if len(waiting) == 1:
                waiting[0][1].set_exception(error)
                return
            for entry in waiting:  # one of them is at fault; the others are not to suffer for it
                self._write_all([entry])
        except BaseException as fault:  # noqa: BLE001 - who waits is told, here and in every thread
            for _, future in waiting:
                future.set_exception(fault)
        else:
            for (_, future), result in zip(waiting, results, strict=True):
                future.set_result(result)
