"""A backup: what is in it, and how the stores write to it and read from it.

The manifest comes last. So a backup without one is incomplete, and nothing needs to be known before
it is written.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from alumniq_pipelines.core.loads.warehouse import Version

FORMAT = 1
"""Raise it with every change that a release before could not restore."""

MANIFEST = "manifest.json"
KEYS, FIELD_MAPS, ARCHIVE, UPLOADS, WAREHOUSE, LEDGER = (
    "keys",
    "field-maps",
    "archive",
    "uploads",
    "warehouse",
    "ledger",
)
"""The folders of a backup. Uploads are customers' files that a load still has to read."""

LedgerEngine = Literal["sqlite", "postgresql"]
KeysIncluded = Literal["yes", "left-out", "none"]
"""None: the installation has no key files, since it has none yet or they are settings."""


class Member(BaseModel):
    """One file of a backup."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    sha256: str


class Manifest(BaseModel):
    """What a backup says of itself; `missing` names what it should have and was not there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    release: str
    revision: str
    taken_at: datetime
    ledger: LedgerEngine
    warehouse: str
    keys: KeysIncluded
    missing: tuple[str, ...]
    members: Mapping[str, Member]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupEntry:
    """One file of a backup, or a stream that was written in parts; to be read before the next."""

    name: str
    modified_at: datetime
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file in a customer's bucket."""

    bucket: str
    key: str

    @property
    def name(self) -> str:
        """Its name in a backup."""
        return f"{UPLOADS}/{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NeededFiles:
    """The files without which a ledger's unfinished loads cannot end as they should.

    Of the names of held rows, one is enough: an earlier release had another.
    """

    held: tuple[tuple[str, str], ...]
    repeated: tuple[str, ...]
    received: tuple[str, ...]
    """Archived files that help only to repeat such a load."""
    uploads: tuple[Upload, ...]


class BackupWriter(Protocol):
    """Writes a backup, one entry after the other."""

    def add_file(self, name: str, file: BinaryIO, modified_at: datetime | None = None) -> None:
        """Add an open file."""
        ...

    def add_stream(self, name: str, chunks: Iterable[bytes]) -> None:
        """Add what is known only once it was written; an empty stream leaves no entry."""
        ...


class WarehouseBackup(Protocol):
    """The versions of a warehouse, into a backup and out of it. Raises WarehouseUnavailable."""

    @property
    def engine(self) -> str:
        """The engine, as the settings name it: a backup can be restored to the same one only."""
        ...

    def contents(self) -> str:
        """Name what is in the warehouse; empty if there is nothing."""
        ...

    def back_up(self, into: BackupWriter) -> Iterator[Version]:
        """Write all stored versions, each table as of one moment, and yield them."""
        ...

    def restore(self, entries: Iterator[BackupEntry]) -> None:
        """Store versions in an empty warehouse, and make those live that were."""
        ...
