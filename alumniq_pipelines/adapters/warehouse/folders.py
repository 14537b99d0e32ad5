"""The folders of a DuckDB warehouse, and how a file is stored in them for good.

    <customer>/<environment>/catalog.duckdb        → catalogs/000000042.duckdb
    <customer>/<environment>/<feed>/live.duckdb    → 000000017.duckdb
    <customer>/<environment>/<feed>/000000017.duckdb

A file named by a number is complete and never written again. Only the two links change, and a link
is replaced atomically. A version is stored before the link moves to it; until then, the empty file
`.000000017.unpublished` beside it says that nobody has seen it.
"""

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from alumniq_pipelines.files.disk_sync import sync
from alumniq_pipelines.files.private_files import create_file, grant_read, make_folder

SUFFIX = ".duckdb"
GRACE = timedelta(hours=1)
"""How long superseded files stay readable for readers who started before."""
POLL_SECONDS = 0.02
"""How often to try for the lock of a folder that another process holds."""
MAX_RETIRED_NAMES = 1_000
"""How many later versions an open connection survives before the name it knows is deleted."""


@dataclass(frozen=True, slots=True)
class NumberedFiles:
    """A folder of files named by increasing numbers, and a link to one of them."""

    folder: Path
    link: Path
    group: int | None = None
    """The group that may read the files."""

    def path(self, number: int) -> Path:
        """Return the path of a number's file."""
        return self.folder / f"{number:09d}{SUFFIX}"

    def numbers(self) -> Sequence[int]:
        """Return the numbers, highest first, without retired ones, which are links.

        A number that was stored, but to which the link never pointed, is not among them.
        """
        while True:
            # Other processes publish meanwhile. A number loses its mark after the link has moved
            # to it: so the marks are read before and after the names, and all of it again if the
            # link has moved.
            linked, unpublished = self.linked_number(), self._unpublished()
            names = self._names()
            unpublished |= self._unpublished()
            if self.linked_number() == linked:
                break
        numbers = [int(file.stem) for file in names if not file.is_symlink()]
        return [number for number in numbers if number == linked or number not in unpublished]

    def linked_number(self) -> int | None:
        """Return the number that the link points to."""
        return int(self.link.readlink().stem) if self.link.is_symlink() else None

    def move_link(self, number: int) -> None:
        """Point the link to a number, atomically and durably."""
        replace_by_link(self.link, self.path(number))

    def store(self, file: Path, number: int, now: datetime) -> None:
        """Store a finished file under a number, durably, with its publication time as mtime."""
        self.finish(file, now)
        file.replace(self.path(number))
        sync(self.folder)

    def finish(self, file: Path, now: datetime) -> None:
        """Finish a complete file that gets its name next: its time, its permissions, on disk."""
        # `superseded` reads it: how long readers have had this version instead of the one before.
        os.utime(file, (now.timestamp(), now.timestamp()))
        grant_read(self.group, file)
        sync(file)

    def mark_unpublished(self, number: int) -> None:
        """Mark a number as stored only: it is not listed until the link points to it.

        Storing it makes the mark durable, too: both are names in the same folder.
        """
        create_file(self._mark(number)).close()

    def settle(self) -> None:
        """Delete what was stored but not linked; the folder must be locked.

        Storing and linking take place under one lock, so whoever stored it has died or failed.
        """
        linked = self.linked_number()
        for number in self._unpublished():
            if number != linked:
                self.path(number).unlink(missing_ok=True)
            self._mark(number).unlink(missing_ok=True)

    def superseded(self, retained: int, now: datetime) -> Sequence[int]:
        """Return the numbers beyond the newest `retained` whose successor is older than GRACE."""
        numbers = self.numbers()
        latest = (now - GRACE).timestamp()
        return [
            number
            for newer, number in pairwise(numbers)
            if number not in {*numbers[:retained], self.linked_number()}
            and self.path(newer).stat().st_mtime < latest
        ]

    def retire(self, number: int) -> None:
        """Replace a file by a link to the linked file, for readers who still know its name."""
        replace_by_link(self.path(number), self.link)
        links = [file for file in self._names() if file.is_symlink()]
        # Highest number first: the oldest names are forgotten.
        for forgotten in links[MAX_RETIRED_NAMES:]:
            forgotten.unlink()

    def _mark(self, number: int) -> Path:
        return self.folder / f".{number:09d}.unpublished"

    def _unpublished(self) -> set[int]:
        """Return the numbers that are marked as stored only."""
        return {int(mark.stem.removeprefix(".")) for mark in self.folder.glob(".*.unpublished")}

    def _names(self) -> Sequence[Path]:
        """Return the files, and the links that replaced retired ones, highest number first."""
        return sorted(self.folder.glob(f"[0-9]*{SUFFIX}"), reverse=True)


def create_folders(folder: Path, top: Path, group: int | None) -> None:
    """Create a folder and missing parents, durably; from `top` on, the group may read them."""
    if not folder.is_dir():
        create_folders(folder.parent, top, group)
        make_folder(folder)
        grant_read(group if folder.is_relative_to(top) else None, folder)
        sync(folder.parent)


@contextmanager
def lock_folder(folder: Path, seconds: float) -> Iterator[None]:
    """Lock a folder against other writers; the lock ends with the process, however that ends.

    Raises TimeoutError if another process holds it all the time.
    """
    deadline = time.monotonic() + seconds
    with create_file(folder / ".lock") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError from None
                time.sleep(POLL_SECONDS)
        yield


def replace_by_link(name: Path, destination: Path) -> None:
    """Replace whatever has a name by a relative link, atomically."""
    # A link cannot be changed in place: a new one takes its name.
    fresh = name.with_suffix(".link")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(os.path.relpath(destination, name.parent))
    fresh.replace(name)
    sync(name.parent)
