"""Interruptions of a run's worker by signal, and who asked for them."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus
from dagster._core.errors import DagsterExecutionInterruptedError  # has no public name

INTERRUPTIONS = (DagsterExecutionInterruptedError, KeyboardInterrupt)
"""What Dagster's signal handlers raise."""
MAX_RUNTIME_WORDS = "exceeding maximum runtime"
"""In the message of the event by which Dagster's monitoring, not a person, begins to stop a run."""
CANCELING = frozenset({DagsterRunStatus.CANCELING, DagsterRunStatus.CANCELED})


@contextmanager
def on_interruption(act: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Act once SIGTERM or SIGINT comes within the block; yield whether one has.

    Dagster's handlers, which raise, are called as well, but what they raise may not arrive: DuckDB
    raises a RuntimeError instead, or goes on with its query. So a thread acts, and the block may
    last until the process is killed. Only the first signal raises.
    """
    if threading.current_thread() is not threading.main_thread():  # only that one gets signals
        yield lambda: False
        return
    acting: list[threading.Thread] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def note(number: int, frame: FrameType | None) -> None:
        handler = before[signal.Signals(number)]
        if not acting:
            acting.append(threading.Thread(target=act, name="interruption", daemon=True))
            acting[0].start()
            if callable(handler):
                handler(number, frame)

    for number in before:
        signal.signal(number, note)
    try:
        yield lambda: bool(acting)
    finally:
        for thread in acting:
            thread.join()
        for number, handler in before.items():
            signal.signal(number, handler)


def is_canceling(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether Dagster is stopping a run, or has: an interruption now is a part of that."""
    run = instance.get_run_by_id(run_id)
    return run is not None and run.status in CANCELING


def has_exceeded_runtime(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether Dagster has stopped a run because of its maximum runtime; no person has, then.

    Dagster reports such a run as failed, unless its worker was faster to report it as canceled.
    """
    events = instance.get_records_for_run(run_id, of_type=DagsterEventType.PIPELINE_CANCELING)
    messages = (record.event_log_entry.dagster_event for record in events.records)
    return any(MAX_RUNTIME_WORDS in (event.message or "") for event in messages if event)
