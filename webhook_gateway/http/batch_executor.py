"""Run blocking handlers on a small thread pool, draining waiting calls in batches.

With a thread for each call, switching between threads would cost more than the calls themselves.
So would a thread that works while the event loop reads other calls: whenever one of them releases
the interpreter's lock, the other is woken on another processor, mostly for nothing. So the loop
starts a batch once it has read all calls that have arrived, and the next one once it has responded
to those of the batch before.
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
"""How long a thread adds calls to a batch before it returns their results."""

QUIET_STEPS = 2
"""A batch starts once so many steps of the event loop brought no call: what a socket brings in one
step becomes a call in the next."""

SCALE_CHECK_SECONDS = 0.01
"""How often to check for slow threads while calls are waiting."""


def _never(call: object) -> None:
    """Wait for the result of a call however long it takes."""
    del call


class BatchExecutor(Generic[Call, Result]):
    """Runs calls through `handler`, in the order in which they arrive.

    `handler` receives an iterator over the calls of a batch and returns, in the same order, the
    result of each call or the exception to raise for it. Calls that arrive meanwhile wait for the
    next batch. A thread is slow if a call takes longer than `BATCH_SECONDS`; while at least half of
    the threads are slow, their number doubles, so that slow calls run in parallel. Where calls may
    hang, `max_batch_size` is 1: the results of a batch wait for its last call.

    No call waits longer than `max_seconds`, however many calls wait and however long the threads
    are blocked: `give_up` is then asked for the exception to raise. It returns None if the result
    of the call is on its way, which the call then waits for.
    """

    def __init__(
        self,
        handler: Callable[[Iterator[Call]], Sequence[Result | Exception]],
        *,
        max_batch_size: int = MAX_BATCH_SIZE,
        max_seconds: float | None = None,
        give_up: Callable[[Call], Exception | None] = _never,
    ) -> None:
        """Start without threads; the first call starts one."""
        self._handler = handler
        self._max_batch_size = max_batch_size
        self._max_seconds = max_seconds
        self._give_up = give_up
        self._unanswered: dict[asyncio.Future[Result], tuple[Call, float]] = {}
        self._timed_loop: Loop | None = None
        self._pending: deque[tuple[Call, asyncio.Future[Result]]] = deque()
        self._lock = threading.Lock()
        self._active_threads = 0
        self._starting_loop: Loop | None = None
        self._started_at: dict[int, float] = {}
        self._monitored_loop: Loop | None = None
        self._pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="batch")

    async def run(self, call: Call) -> Result:
        """Return the result of a call, or raise the exception that the handler returned for it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        # Under the lock that a stopping thread holds as well: either that thread still sees this
        # call, or its count is already gone and the loop starts a thread. No call is left behind.
        with self._lock:
            self._pending.append((call, future))
            is_idle = not self._active_threads
        if is_idle:
            self._start_when_read(loop)
        # A thread inside a slow handler cannot ask for help, so the event loop watches it. The loop
        # is compared because one executor may serve several loops, one after another.
        if self._monitored_loop is not loop:
            self._monitored_loop = loop
            loop.call_later(SCALE_CHECK_SECONDS, self._scale_up, loop)
        self._unanswered[future] = (call, loop.time())
        if self._max_seconds is not None and self._timed_loop is not loop:
            self._timed_loop = loop
            loop.call_later(self._max_seconds, self._time_out, loop, self._max_seconds)
        try:
            return await future
        finally:
            del self._unanswered[future]

    def stop_waiting(self, give_up: Callable[[Call], Exception | None]) -> None:
        """Respond to all calls whose results are not on their way, as when the process stops."""
        for future, (call, _) in list(self._unanswered.items()):
            _answer(future, call, give_up)

    def _time_out(self, loop: Loop, max_seconds: float) -> None:
        """Give up calls that have taken too long, and come back when the next one may have.

        One timer serves all calls, because starting and canceling one for each would cost more than
        a call itself.
        """
        latest_start = loop.time() - max_seconds
        next_start: float | None = None
        for future, (call, started) in list(self._unanswered.items()):  # oldest first
            if started > latest_start:
                next_start = started
                break
            _answer(future, call, self._give_up)
        if next_start is None:
            self._timed_loop = None
        else:
            loop.call_at(next_start + max_seconds, self._time_out, loop, max_seconds)

    def _scale_up(self, loop: Loop) -> None:
        """Start more threads if calls are waiting and at least half of the threads are slow."""
        with self._lock:
            slow_since = time.monotonic() - BATCH_SECONDS
            # Copied first, because the threads change the dictionary without the lock.
            started_at = list(self._started_at.values())
            slow_threads = sum(started < slow_since for started in started_at)
            # At most as many as there are threads, which doubles them, and as there are calls.
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

    def _start_when_read(self, loop: Loop) -> None:
        """Start a thread once the loop has read the calls that have arrived."""
        if self._starting_loop is not loop:
            self._starting_loop = loop
            loop.call_soon(self._start_if_read, loop, len(self._pending), 1)

    def _start_if_read(self, loop: Loop, count: int, quiet_steps: int) -> None:
        waiting = len(self._pending)
        if waiting > count:
            quiet_steps = 0
        if quiet_steps < QUIET_STEPS and waiting < self._max_batch_size:
            loop.call_soon(self._start_if_read, loop, waiting, quiet_steps + 1)
            return
        self._starting_loop = None
        with self._lock:
            started = 0 if self._active_threads else 1
            self._active_threads += started
        self._start_threads(started)

    def _start_threads(self, count: int) -> None:
        for _ in range(count):
            self._pool.submit(self._run_worker)

    def _run_worker(self) -> None:
        """Handle batches until no call is waiting or the other threads suffice."""
        keep_running = True
        while keep_running:
            futures: list[asyncio.Future[Result]] = []
            try:
                # If the handler fails, its traceback keeps the generator alive. Closing it here
                # clears this thread's entry in `_started_at`; otherwise it would count as slow.
                with closing(self._next_batch(futures)) as calls:
                    results = self._handler(calls)
            except Exception as error:  # noqa: BLE001 - raised again in every call of the batch
                results = [error] * len(futures)
            # Deciding to stop and no longer being counted are one step: see `run`.
            with self._lock:
                # A batch of several calls shows that calls are fast: one thread is enough, and the
                # loop starts it again. A batch of one shows that its call was slow, so further
                # threads remain useful; one that came too late for any call ends if none waits.
                is_useful = not futures or (len(futures) == 1 and self._active_threads > 1)
                keep_running = bool(self._pending) and is_useful
                self._active_threads -= not keep_running
            # Waking an event loop costs a system call, so each loop is woken once per batch.
            by_loop = defaultdict(list)
            for future, result in zip(futures, results, strict=True):
                by_loop[future.get_loop()].append((future, result))
            for loop, completed in by_loop.items():
                loop.call_soon_threadsafe(self._set_results, loop, completed)

    def _next_batch(self, futures: list[asyncio.Future[Result]]) -> Generator[Call]:
        """Yield the calls that wait now until their time is up; collect their futures.

        Those that arrive meanwhile are the next batch: nobody waits for a call that came later.
        """
        thread_id, until = threading.get_ident(), time.monotonic() + BATCH_SECONDS
        size = min(len(self._pending), self._max_batch_size)
        try:
            while len(futures) < size and (now := time.monotonic()) < until:
                try:
                    call, future = self._pending.popleft()
                except IndexError:  # another thread took the last call
                    return
                self._started_at[thread_id] = now
                futures.append(future)
                yield call
        finally:
            self._started_at.pop(thread_id, None)

    def _set_results(
        self, loop: Loop, completed: Sequence[tuple[asyncio.Future[Result], Result | Exception]]
    ) -> None:
        """Respond to the calls of a batch, then start the next one."""
        for future, result in completed:
            if future.done():  # canceled: the client has disconnected
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
        if self._pending:
            self._start_when_read(loop)


def _answer(
    future: asyncio.Future[Result], call: Call, give_up: Callable[[Call], Exception | None]
) -> None:
    """Respond to a call whose result is not on its way."""
    error = None if future.done() else give_up(call)
    if error is not None:
        future.set_exception(error)
