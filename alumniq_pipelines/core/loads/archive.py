"""The archive as the rest of the system sees it: files kept for as long as they may be needed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from alumniq_pipelines.core.loads.load import JobId

RECEIVED = "received/"
HELD = "held/"
"""How names begin: of files as customers sent them, and of rows that wait for a person."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a load read: the file's SHA-256, by which it is archived, and its ETag of then."""

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
        """Keep a file, whole or not at all; nobody may write to it any more.

        A name that is kept already is kept anew from now on. `durably` is worth its time where no
        one could make the file again.
        """
        ...

    def get(self, name: str, destination: Path) -> bool:
        """Copy a kept file to a local one; False where it is kept no longer."""
        ...

    def remove(self, name: str) -> None:
        """Keep a file no longer; harmless to repeat."""
        ...

    def list_files(self, prefix: str) -> Iterable[ArchivedFile]:
        """List kept files whose names begin so."""
        ...


def received_name(sha256: str) -> str:
    """Name a received file: the same content is kept once, whoever sent it how often."""
    return f"{RECEIVED}{sha256}"


def held_name(job_id: JobId) -> str:
    """Name the rows of a held load."""
    return f"{HELD}{job_id}.duckdb"
