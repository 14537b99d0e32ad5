"""Signs of life of the run workers on this machine: a file each, locked while its process lives.

Dagster's default launcher notices a dead worker only while the code server that started it lives.
Where both died, as when the machine was switched off, the run would stay "started" for good and
hold its target's place in the queue.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def sign_of_life(folder: Path, run_id: str) -> Iterator[None]:
    """Show for as long as this process works on a run that it does."""
    folder.mkdir(parents=True, exist_ok=True)
    unlocked = folder / f"{run_id}.new"
    sign = folder / run_id
    with unlocked.open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        unlocked.replace(sign)  # never to be seen unlocked while the process lives
        try:
            yield
        finally:
            sign.unlink(missing_ok=True)


def has_died(folder: Path, run_id: str) -> bool:
    """Whether the worker of a run left its sign and lives no more.

    False where there is no sign: the worker has not begun, is done, or runs on another machine.
    """
    try:
        with (folder / run_id).open("r+") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (FileNotFoundError, BlockingIOError, PermissionError):
        return False
    return True


def clear(folder: Path, run_id: str) -> None:
    """Remove the sign of a worker that died."""
    (folder / run_id).unlink(missing_ok=True)
