"""Where the files of a DuckDB warehouse lie, and how one is put into place for good.

    <customer>/<environment>/catalog.duckdb        → catalogs/000000042.duckdb
    <customer>/<environment>/<feed>/live.duckdb    → 000000017.duckdb
    <customer>/<environment>/<feed>/000000017.duckdb

A file below a number is complete and never written again. What changes is only where the two links
lead, and a link is replaced in one step.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from alumniq_pipelines.files.private_files import create_file, grant_read, make_folder

SUFFIX = ".duckdb"
GRACE = timedelta(hours=1)
"""How long what was superseded stays readable for those who began to read before."""
MAX_RETIRED_NAMES = 1_000
"""Versions that a connection may stay open for before the names it knows are gone."""


@dataclass(frozen=True, slots=True)
class NumberedFiles:
    """A folder of files named by growing numbers, and a link that leads to one of them."""

    folder: Path
    link: Path
    group: int | None = None
    """Who may read the files beside their user."""

    def path(self, number: int) -> Path:
        """Name the file of a number."""
        return self.folder / f"{number:09d}{SUFFIX}"

    def numbers(self) -> Sequence[int]:
        """List the numbers there are, highest first; links left for late readers do not count."""
        return [int(file.stem) for file in self._names() if not file.is_symlink()]

    def linked_number(self) -> int | None:
        """Answer the number that the link leads to."""
        return int(self.link.readlink().stem) if self.link.is_symlink() else None

    def move_link(self, number: int) -> None:
        """Let the link lead to a number: in one step, and durably."""
        replace_by_link(self.link, self.path(number))

    def store(self, file: Path, number: int, now: datetime) -> None:
        """Give a finished file its number, durably; its time is the one it is published at."""
        os.utime(file, (now.timestamp(), now.timestamp()))
        grant_read(self.group, file)
        sync(file)
        file.replace(self.path(number))
        sync(self.folder)

    def superseded(self, retained: int, now: datetime) -> Sequence[int]:
        """List the numbers beyond the newest `retained` whose successor is older than the grace."""
        numbers = self.numbers()
        latest = (now - GRACE).timestamp()
        return [
            number
            for newer, number in pairwise(numbers)
            if number not in {*numbers[:retained], self.linked_number()}
            and self.path(newer).stat().st_mtime < latest
        ]

    def retire(self, number: int) -> None:
        """Take a file away for good; readers who still know its name are led to the linked one."""
        replace_by_link(self.path(number), self.link)
        links = [file for file in self._names() if file.is_symlink()]
        for forgotten in links[MAX_RETIRED_NAMES:]:
            forgotten.unlink()

    def _names(self) -> Sequence[Path]:
        """List files and links left in their place, highest number first."""
        return sorted(self.folder.glob(f"[0-9]*{SUFFIX}"), reverse=True)


def create_folders(folder: Path, top: Path, group: int | None) -> None:
    """Make a folder and those above it, durably; from `top` on the group may read them."""
    if not folder.is_dir():
        create_folders(folder.parent, top, group)
        make_folder(folder)
        grant_read(group if folder.is_relative_to(top) else None, folder)
        sync(folder.parent)


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold a folder against other writers; the lock ends with the process, however that ends."""
    with create_file(folder / ".lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def replace_by_link(name: Path, destination: Path) -> None:
    """Put a relative link under a name in one step, whatever the name was before."""
    fresh = name.with_suffix(".link")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(os.path.relpath(destination, name.parent))
    fresh.replace(name)
    sync(name.parent)


def sync(path: Path) -> None:
    """Have the disk hold a file's content, or a folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
