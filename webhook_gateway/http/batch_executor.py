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
Answer = TypeVar("Answer")
Loop = asyncio.AbstractEventLoop

MOST_LANES = 40
MOST_CALLS = 64
TAKING_SECONDS = 0.01
"""How many calls a lane takes before it answers them, and for how long."""

LOOK_SECONDS = 0.01
"""A call that fills the time for taking holds its lane up. Where half of them are, they double."""


class Lanes(Generic[Call, Answer]):
    """Answers calls by `work`, in the order in which they came.

    `work` takes calls out of an iterator, which ends soon, and answers each in its place, or says
    what is to be raised. Calls that come meanwhile wait for the next turn; where each of them takes
    long, they are worked off side by side.
    """

    def __init__(self, work: Callable[[Iterator[Call]], Sequence[Answer | Exception]]) -> None:
        """Begin with no lane open."""
        self._work = work
        self._waiting: deque[tuple[Call, asyncio.Future[Answer]]] = deque()
        self._turn = threading.Lock()
        self._open = 0
        self._taken_at: dict[int, float] = {}
        self._watching: Loop | None = None
        self._threads = ThreadPoolExecutor(MOST_LANES, thread_name_prefix="lane")

    async def answer(self, call: Call) -> Answer:
        """Answer a call, or raise what refused it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        with self._turn:
            self._waiting.append((call, future))
            first = 0 if self._open else 1
            self._open += first
        self._begin(first)
        if self._watching is not loop:
            self._watching = loop
            loop.call_later(LOOK_SECONDS, self._look, loop)
        return await future

    def _look(self, loop: Loop) -> None:
        """Open further lanes where those that are open are held up by slow calls."""
        with self._turn:
            until = time.monotonic() - TAKING_SECONDS
            held_up = sum(taken < until for taken in list(self._taken_at.values()))
            most = min(len(self._waiting), self._open, MOST_LANES - self._open)
            further = most if 2 * held_up >= self._open else 0
            self._open += further
        self._begin(further)
        if self._waiting:
            loop.call_later(LOOK_SECONDS, self._look, loop)
        else:
            self._watching = None

    def _begin(self, lanes: int) -> None:
        for _ in range(lanes):
            self._threads.submit(self._work_off)

    def _work_off(self) -> None:
        """Work until nobody waits, or others can do without this lane."""
        goes_on = True
        while goes_on:
            futures: list[asyncio.Future[Answer]] = []
            try:
                with closing(self._take(futures)) as calls:
                    answers = self._work(calls)
            except Exception as fault:  # noqa: BLE001 - everybody who waits is told
                answers = [fault] * len(futures)
            by_loop = defaultdict(list)
            for future, answer in zip(futures, answers, strict=True):
                by_loop[future.get_loop()].append((future, answer))
            for loop, answered in by_loop.items():
                loop.call_soon_threadsafe(_tell, answered)
            goes_on = self._goes_on(taken=len(futures))

    def _goes_on(self, taken: int) -> bool:
        """Whether this lane is needed after a turn; else it is closed."""
        with self._turn:
            is_needed = bool(self._waiting) and (taken == 1 or self._open == 1)
            self._open -= not is_needed
        return is_needed

    def _take(self, futures: list[asyncio.Future[Answer]]) -> Generator[Call]:
        lane, until = threading.get_ident(), time.monotonic() + TAKING_SECONDS
        try:
            while len(futures) < MOST_CALLS and (now := time.monotonic()) < until:
                try:
                    call, future = self._waiting.popleft()
                except IndexError:  # another lane was faster
                    return
                self._taken_at[lane] = now
                futures.append(future)
                yield call
        finally:
            self._taken_at.pop(lane, None)


def _tell(answered: Sequence[tuple["asyncio.Future[Answer]", Answer | Exception]]) -> None:
    for future, answer in answered:
        if future.done():  # whoever waited has gone
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
