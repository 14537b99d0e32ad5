"""Scratch folders of load attempts, for temporary files: rows of customers.

A process locks the folder that it works in. The system releases the lock however the process ends,
so what a killed one has left on this machine shows by itself.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from alumniq_pipelines.core.problems.outage import ScratchUnavailable
from alumniq_pipelines.files.private_files import make_new_folder

NEW = ".new"
"""The suffix of a folder that is not locked yet."""
NEW_SECONDS = 3_600.0


@contextmanager
def disk_errors_as_outage() -> Iterator[None]:
    """Raise ScratchUnavailable where the operating system reports a full or broken disk."""
    try:
        yield
    except OSError as error:
        raise ScratchUnavailable(error.strerror or type(error).__name__) from None


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder, and delete it with its content afterwards.

    Raises ScratchUnavailable.
    """
    unlocked = folder.with_name(f"{folder.name}{NEW}")
    with ExitStack() as stack:
        with disk_errors_as_outage():
            for left in (folder, unlocked):
                shutil.rmtree(left, ignore_errors=True)
            make_new_folder(unlocked)
            stack.callback(os.close, _lock(unlocked))
            # Renamed once locked: nobody ever sees the folder of a live process unlocked.
            unlocked.rename(folder)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


def sweep(scratch: Path) -> int:
    """Delete the folders that killed processes have left on this machine; return how many."""
    swept = 0
    for folder in scratch.glob("*"):
        with suppress(OSError):  # it is locked, or its owner has just deleted it
            if folder.suffix == NEW and time.time() - folder.stat().st_mtime < NEW_SECONDS:
                continue
            descriptor = _lock(folder)
            try:
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)
            swept += 1
    return swept


def _lock(folder: Path) -> int:
    """Lock a folder and return its descriptor; raises BlockingIOError if another process has."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
