"""Fault points: the moments of an attempt at which a test may kill its worker.

Tests alone switch them on, by two environment variables that are no settings. The points in
`ALUMNIQ_FAULT_POINTS` are separated by commas: `fetched` kills every process that reaches the
point, `fetched:0.05` one in twenty, `fetched:once` the first one only. `ALUMNIQ_FAULT_RECORDS` is a
folder that gets a file, named after the point, for each process that was killed.

Add a point here and the line that reaches it; every point is struck by
`tests/integration/dagster/test_dagster_fault_points.py`.
"""

import os
import random
import signal
from enum import StrEnum
from pathlib import Path

from alumniq_pipelines.files.private_files import create_file

POINTS = "ALUMNIQ_FAULT_POINTS"
RECORDS = "ALUMNIQ_FAULT_RECORDS"
ONCE = "once"
FIRST = 0
"""In the name of a record where its point strikes only once; otherwise, a process id."""


class FaultPoint(StrEnum):
    """The points of an attempt at a load, in the order in which it passes them."""

    ATTEMPT_BEGUN = "attempt-begun"
    FETCHED = "fetched"
    DECOMPRESSED = "decompressed"
    CHECKED = "checked"
    REPORT_SAVED = "report-saved"
    COMPARED = "compared"
    ARCHIVED = "archived"
    HELD_ROWS_STORED = "held-rows-stored"
    RESULT_RECORDED = "result-recorded"
    VERSION_STORED = "version-stored"
    POINTER_MOVED = "pointer-moved"
    ATTEMPT_ENDING = "attempt-ending"
    ATTEMPT_ENDED = "attempt-ended"
    EVENTS_YIELDED = "events-yielded"


def reach(point: FaultPoint) -> None:
    """Kill this process with SIGKILL if a test has switched the point on; otherwise do nothing."""
    points = os.environ.get(POINTS)
    if points:
        _strike(point, points)


def _strike(point: FaultPoint, points: str) -> None:
    """Kill this process if `points` name the point, and chance allows it."""
    strengths = dict(entry.partition(":")[::2] for entry in points.split(","))
    strength = strengths.get(point)
    if strength is None:
        return
    if strength != ONCE and random.random() >= float(strength or 1):  # noqa: S311 - chance, no secret
        return
    who = FIRST if strength == ONCE else os.getpid()
    try:
        create_file(Path(os.environ[RECORDS]) / f"{point}.{who}", exclusive=True).close()
    except FileExistsError:
        return  # it has struck before
    os.kill(os.getpid(), signal.SIGKILL)
