"""The archive as the rest of the system sees it: files, stored while they may be needed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from alumniq_pipelines.core.loads.load import JobId

RECEIVED = "received/"
HELD = "held/"
"""Prefixes of names: files as customers sent them, and rows that are held for approval."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a load read: the file's SHA-256, by which it is archived, and its ETag at that time."""

    sha256: str
    etag: str | None


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """A file in the archive; `stored_at` is when it was last put."""

    name: str
    stored_at: datetime


class Archive(Protocol):
    """Files by name, never changed once put. Raises ArchiveUnavailable."""

    def put(self, name: str, file: Path, *, durably: bool = False) -> None:
        """Store a file, completely or not at all; it must not be written to any more.

        The retention of a name that is stored already starts anew. `durably` costs time, and is
        for files that could not be made again.
        """
        ...

    def get(self, name: str, destination: Path) -> bool:
        """Copy a stored file to a local one; False if it is no longer stored."""
        ...

    def remove(self, name: str) -> None:
        """Delete a file; harmless to repeat."""
        ...

    def list_files(self, prefix: str) -> Iterable[ArchivedFile]:
        """List the stored files whose names start with `prefix`."""
        ...


def received_name(sha256: str) -> str:
    """Return the name of a received file: the same content is stored once."""
    return f"{RECEIVED}{sha256}"


def held_name(job_id: JobId, digest: str) -> str:
    """Return the name of a held load's rows, with the SHA-256 of the stored file.

    Two attempts at a load may store their rows at the same time: neither replaces the other's.
    """
    return f"{HELD}{job_id}.{digest}.duckdb"


def old_held_name(job_id: JobId) -> str:
    """Return the name of a held load's rows that an earlier release stored."""
    return f"{HELD}{job_id}.duckdb"


def job_of_held_rows(name: str) -> JobId:
    """Return the load that held rows belong to, by their name of either form."""
    return JobId(name.removeprefix(HELD).partition(".")[0])
