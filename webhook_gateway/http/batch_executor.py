"""Lanes: blocking calls are worked off by few threads, each taking all that wait.

A thread for each call would spend more on switching than on the calls.
"""

import asyncio
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Generic, TypeVar

Call = TypeVar("Call")
Result = TypeVar("Result")
Loop = asyncio.AbstractEventLoop

MAX_THREADS = 40
MAX_BATCH_SIZE = 64
BATCH_SECONDS = 0.01
"""How many calls a lane takes before it answers them, and for how long."""

SCALE_CHECK_SECONDS = 0.01
"""A call that fills the time for taking holds its lane up. Where half of them are, they double."""


class BatchExecutor(Generic[Call, Result]):
    """Answers calls by `handler`, in the order in which they came.

    `handler` takes calls out of an iterator, which ends soon, and answers each in its place, or
    says what is to be raised. Calls that come meanwhile wait for the next turn; where each of them
    takes long, they are worked off side by side.
    """

    def __init__(self, handler: Callable[[Iterator[Call]], Sequence[Result | Exception]]) -> None:
        """Begin with no lane open."""
        self._handler = handler
        self._pending: deque[tuple[Call, asyncio.Future[Result]]] = deque()
        self._lock = threading.Lock()
        self._active_threads = 0
        self._started_at: dict[int, float] = {}
        self._monitored_loop: Loop | None = None
        self._pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="lane")

    async def answer(self, call: Call) -> Result:
        """Answer a call, or raise what refused it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        with self._lock:
            self._pending.append((call, future))
            started = 0 if self._active_threads else 1
            self._active_threads += started
        self._start_threads(started)
        if self._monitored_loop is not loop:
            self._monitored_loop = loop
            loop.call_later(SCALE_CHECK_SECONDS, self._scale_up, loop)
        return await future

    def _scale_up(self, loop: Loop) -> None:
        """Open further lanes where those that are open are held up by slow calls."""
        with self._lock:
            until = time.monotonic() - BATCH_SECONDS
            slow_threads = sum(taken < until for taken in list(self._started_at.values()))
            limit = min(
                len(self._pending), self._active_threads, MAX_THREADS - self._active_threads
            )
            added = limit if 2 * slow_threads >= self._active_threads else 0
            self._active_threads += added
        self._start_threads(added)
        if self._pending:
            loop.call_later(SCALE_CHECK_SECONDS, self._scale_up, loop)
        else:
            self._monitored_loop = None

    def _start_threads(self, count: int) -> None:
        for _ in range(count):
            self._pool.submit(self._run_worker)

    def _run_worker(self) -> None:
        """Work until nobody waits, or others can do without this lane."""
        keep_running = True
        while keep_running:
            futures: list[asyncio.Future[Result]] = []
            try:
                with closing(self._next_batch(futures)) as calls:
                    answers = self._handler(calls)
            except Exception as fault:  # noqa: BLE001 - everybody who waits is told
                answers = [fault] * len(futures)
            by_loop = defaultdict(list)
            for future, answer in zip(futures, answers, strict=True):
                by_loop[future.get_loop()].append((future, answer))
            for loop, completed in by_loop.items():
                loop.call_soon_threadsafe(_set_results, completed)
            keep_running = self._is_still_needed(taken=len(futures))

    def _is_still_needed(self, taken: int) -> bool:
        """Whether this lane is needed after a turn; else it is closed."""
        with self._lock:
            is_needed = bool(self._pending) and (taken == 1 or self._active_threads == 1)
            self._active_threads -= not is_needed
        return is_needed

    def _next_batch(self, futures: list[asyncio.Future[Result]]) -> Generator[Call]:
        thread_id, until = threading.get_ident(), time.monotonic() + BATCH_SECONDS
        try:
            while len(futures) < MAX_BATCH_SIZE and (now := time.monotonic()) < until:
                try:
                    call, future = self._pending.popleft()
                except IndexError:  # another lane was faster
                    return
                self._started_at[thread_id] = now
                futures.append(future)
                yield call
        finally:
            self._started_at.pop(thread_id, None)


def _set_results(completed: Sequence[tuple["asyncio.Future[Result]", Result | Exception]]) -> None:
    for future, answer in completed:
        if future.done():  # whoever waited has gone
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
