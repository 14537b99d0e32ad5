"""What we create is private to its user, whatever umask a process was started with.

Processes that we start run under UMASK. Adapters name the rights of what they make all the same:
a plain `dagster dev` and other programs that use them have a umask of their own.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

UMASK = 0o077
PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
SHARED_FOLDER = 0o750
SHARED_FILE = 0o640
"""What a group may read."""


@contextmanager
def private_umask() -> Iterator[None]:
    """Make everything that is created meanwhile private; for processes that are ours alone."""
    before = os.umask(UMASK)
    try:
        yield
    finally:
        os.umask(before)


def make_folder(folder: Path) -> None:
    """Make a private folder and those above it; what exists stays as it is."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)


def make_new_folder(folder: Path) -> None:
    """Make a private folder, and those above it; raises FileExistsError where it is there."""
    make_folder(folder.parent)
    folder.mkdir(mode=PRIVATE_FOLDER)


def grant_read(group: int | None, path: Path) -> None:
    """Let a group read a file or a folder, or nobody but its user."""
    is_folder = path.is_dir()
    if group is None:
        path.chmod(PRIVATE_FOLDER if is_folder else PRIVATE_FILE)
        return
    os.chown(path, -1, group)
    path.chmod(SHARED_FOLDER if is_folder else SHARED_FILE)


def create_file(path: Path, *, exclusive: bool = False) -> BinaryIO:
    """Open a private file for writing; raises FileExistsError where it must be new and is not."""
    must_be_new = os.O_EXCL if exclusive else os.O_TRUNC
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | must_be_new, PRIVATE_FILE)
    return os.fdopen(descriptor, "wb")
