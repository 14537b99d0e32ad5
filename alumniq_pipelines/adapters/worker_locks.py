"""Signs of life of the run workers on this machine: a file each, locked while its process lives.

Dagster's default launcher notices a dead worker only while the code server that started it lives.
Where both died, as when the machine was switched off, the run would stay "started" for good and
hold its target's place in the queue.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from alumniq_pipelines.files.private_files import create_file, make_folder

DONE = ".done"
"""Ends the name of a sign whose worker is done: Dagster hears of the run's end a little later."""
DONE_SECONDS = 60.0
RETENTION_SECONDS = 3_600.0


@contextmanager
def worker_lease(folder: Path, run_id: str) -> Iterator[None]:
    """Show for as long as this process works on a run that it does."""
    make_folder(folder)
    _sweep(folder)
    unlocked = folder / f"{run_id}.new"
    lease = folder / run_id
    with create_file(unlocked) as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        unlocked.replace(lease)  # never to be seen unlocked while the process lives
        try:
            yield
        finally:
            lease.touch()
            lease.replace(folder / f"{run_id}{DONE}")


def is_dead(folder: Path, run_id: str) -> bool:
    """Whether the worker of a run left its sign and lives no more.

    False where there is no sign: the worker has not begun, is done, or runs on another machine.
    """
    try:
        with (folder / run_id).open("r+") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (FileNotFoundError, BlockingIOError, PermissionError):
        return False
    return True


def is_missing(folder: Path, run_id: str) -> bool:
    """Whether a run has no worker here: none ever showed itself, or it is done for a minute."""
    if (folder / run_id).exists():
        return False
    try:
        done_at = (folder / f"{run_id}{DONE}").stat().st_mtime
    except FileNotFoundError:
        return True
    return time.time() - done_at > DONE_SECONDS


def clear(folder: Path, run_id: str) -> None:
    """Remove the sign of a worker that died."""
    (folder / run_id).unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Remove what workers left that have long been done."""
    for path in folder.glob(f"*{DONE}"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > RETENTION_SECONDS:
                path.unlink(missing_ok=True)
