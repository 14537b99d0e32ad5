"""Work that goes on step by step: it pauses before each call to the objects that it works with."""

import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar, cast

Object = TypeVar("Object")
Pause = Callable[[], None]
Steps = Generator[None, None, None]


class Abandoned(BaseException):
    """Ends paused work that nobody continues, as a kill does."""


def paused(original: Object, pause: Pause) -> Object:
    """Return a stand-in for an object that pauses before it passes a call on."""

    class Paused:
        def __getattr__(self, name: str) -> Any:
            method = getattr(original, name)

            def call(*arguments: object, **options: object) -> object:
                pause()
                return method(*arguments, **options)

            return call

    return cast("Object", Paused())


def in_steps(work: Callable[[Pause], None]) -> Steps:
    """Do work that calls its argument to pause, one step at a time, in a thread of its own."""
    is_over = is_abandoned = False
    resumed, stopped = threading.Semaphore(0), threading.Semaphore(0)

    def pause() -> None:
        stopped.release()
        resumed.acquire()
        if is_abandoned:
            raise Abandoned

    def run() -> None:
        nonlocal is_over
        try:
            with suppress(Abandoned):
                work(pause)
        finally:
            is_over = True
            stopped.release()

    with ThreadPoolExecutor(1) as executor:
        working = executor.submit(run)
        try:
            stopped.acquire()
            while not is_over:
                yield
                resumed.release()
                stopped.acquire()
        finally:
            is_abandoned = True
            resumed.release()
        working.result()
