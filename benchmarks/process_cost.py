"""What a command costs: time by the clock, time of the processors, and memory at its peak."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

SAMPLE_SECONDS = 0.02
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds from start to end, and of processors; resident bytes of all its processes."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def cost_of(
    command: Sequence[str],
    *,
    accepted_code: int = 0,
    output: int | IO[bytes] = subprocess.DEVNULL,
    max_seconds: float | None = None,
) -> Cost:
    """Run a command to its end and measure it; its output goes to a file, if one is given.

    Raises CalledProcessError on another exit code, or where anything was said on stderr, and
    TimeoutExpired where it would take longer than it may.
    """
    started, cpu_before = time.perf_counter(), _cpu_of_children()
    with subprocess.Popen(
        command, stdout=output, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        watch = MemoryWatch(process.pid)
        watch.start()
        try:
            _, stderr = process.communicate(timeout=max_seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            seconds = time.perf_counter() - started
            watch.ended.set()
            watch.join()
    if process.returncode != accepted_code or stderr:
        sys.stderr.buffer.write(stderr)
        raise subprocess.CalledProcessError(process.returncode, command)
    return Cost(seconds, _cpu_of_children() - cpu_before, watch.peak_bytes)


class MemoryWatch(threading.Thread):
    """Samples the memory of a session of processes."""

    def __init__(self, session: int) -> None:
        """Watch the session that a process leads."""
        super().__init__(daemon=True)
        self.session = session
        self.peak_bytes = 0
        self.ended = threading.Event()

    def run(self) -> None:
        """Keep the highest sum."""
        while not self.ended.wait(SAMPLE_SECONDS):
            self.peak_bytes = max(self.peak_bytes, sum(_resident_bytes(self.session)))


def _cpu_of_children() -> float:
    """Return the processor time of all children that have ended, including their own children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _resident_bytes(session: int) -> Iterator[int]:
    """Yield the resident memory of each process of a session."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name of a program may hold spaces and brackets: what counts follows the last one.
            fields = (folder / "stat").read_text().rpartition(") ")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == session:
            yield int(fields[21]) * PAGE_BYTES
