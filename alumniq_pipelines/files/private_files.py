"""Files and folders that only their owner can access, whatever umask the process has.

Processes that we start run under UMASK. Adapters still set permissions explicitly, because a plain
`dagster dev` and other programs that use them have their own umask.
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
"""Permissions of what a group may read."""


@contextmanager
def private_umask() -> Iterator[None]:
    """Run a block under UMASK, which applies to the whole process; for processes of our own."""
    before = os.umask(UMASK)
    try:
        yield
    finally:
        os.umask(before)


def make_folder(folder: Path) -> None:
    """Create a private folder and missing parents; existing ones stay as they are."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)


def make_new_folder(folder: Path) -> None:
    """Create a private folder and missing parents; raises FileExistsError if it exists."""
    make_folder(folder.parent)
    folder.mkdir(mode=PRIVATE_FOLDER)


def grant_read(group: int | None, path: Path) -> None:
    """Let a group read a file or a folder; with None, only its owner."""
    is_folder = path.is_dir()
    if group is None:
        path.chmod(PRIVATE_FOLDER if is_folder else PRIVATE_FILE)
        return
    os.chown(path, -1, group)
    path.chmod(SHARED_FOLDER if is_folder else SHARED_FILE)


def create_file(path: Path, *, exclusive: bool = False) -> BinaryIO:
    """Open a private file for writing; if `exclusive`, raises FileExistsError if it exists."""
    must_be_new = os.O_EXCL if exclusive else os.O_TRUNC
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | must_be_new, PRIVATE_FILE)
    return os.fdopen(descriptor, "wb")
