"""Leases of the run workers on this machine: a file per run, locked while its process lives.

Dagster's default launcher notices a dead worker only while the code server that started it lives.
If both died, for example by a power cut, the run would stay "started" forever and block the queue
of its target.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from alumniq_pipelines.files.private_files import create_file, make_folder

DONE = ".done"
"""The suffix of a lease whose worker has finished: Dagster records the run's end a little later."""
DONE_SECONDS = 60.0
RETENTION_SECONDS = 3_600.0


@contextmanager
def worker_lease(folder: Path, run_id: str) -> Iterator[None]:
    """Hold the lease of a run while this process works on it."""
    make_folder(folder)
    for done in folder.glob(f"*{DONE}"):
        with suppress(FileNotFoundError):  # another worker deletes old leases as well
            if time.time() - done.stat().st_mtime > RETENTION_SECONDS:
                done.unlink()
    unlocked = folder / f"{run_id}.new"
    lease = folder / run_id
    with create_file(unlocked) as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        # Renamed once locked: no reader ever sees the lease of a live process unlocked.
        unlocked.replace(lease)
        try:
            yield
        finally:
            lease.touch()
            lease.replace(folder / f"{run_id}{DONE}")


def is_dead(folder: Path, run_id: str) -> bool:
    """Whether the worker of a run has died: its lease exists and is not locked.

    False without a lease: the worker has not started, has finished, or runs on another machine.
    """
    try:
        with (folder / run_id).open("r+") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (FileNotFoundError, BlockingIOError, PermissionError):
        return False
    return True


def is_missing(folder: Path, run_id: str) -> bool:
    """Whether a run has no worker here: none ever had a lease, or it finished a minute ago."""
    if (folder / run_id).exists():
        return False
    try:
        done_at = (folder / f"{run_id}{DONE}").stat().st_mtime
    except FileNotFoundError:
        return True
    return time.time() - done_at > DONE_SECONDS


def clear(folder: Path, run_id: str) -> None:
    """Delete the lease of a dead worker."""
    (folder / run_id).unlink(missing_ok=True)
