"""The warehouse as the rest of the system sees it: versions of targets, one of them live."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.target import Target

GAPS = "_gaps"
"""The table that maps a row's position to its number in the file; see docs/warehouse.md."""

WRITE_CONFIG: dict[str, Any] = {"max_vacuum_tasks": 0}
"""The options for writing the file of a version: its row groups are not compacted.

Rejected rows stay in it, marked as deleted: compacting the others would take as long as writing
them did.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One published state of a target; `number` is the number of the load that published it.

    It belongs to the load with the `job_id`: after the ledger was restored from a backup, numbers
    may have been given twice.

    `sha256` and `etag` are those of the delivered file, `field_map_sha256` identifies the rules it
    was checked by.
    """

    target: Target
    number: int
    job_id: JobId
    rows: int
    sha256: str
    etag: str | None
    relation: str
    published_at: datetime
    field_map_sha256: str = ""


@dataclass(frozen=True, slots=True)
class MemoryDatabase:
    """A DuckDB database in this process's memory, which a connection elsewhere keeps open.

    It is opened once more by its name, with the same options.
    """

    name: str
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedRows:
    """The rows to be published, typed: a table of a closed, checkpointed DuckDB file, or in memory.

    They are in the order of the delivered file, with exactly `columns` (field map order, then
    extension columns) in the DuckDB types of `core/feeds/column_types.py`; blank is NULL, and
    defaults are filled in. A table `_gaps` maps them back to their rows of the delivered file. The
    database is made for this publication only: a warehouse of DuckDB files may move it into place
    instead of copying it, which saves two thirds of the time of a load.
    """

    database: Path | MemoryDatabase
    table: str
    columns: tuple[str, ...]
    rows: int
    sha256: str
    etag: str | None

    @property
    def file(self) -> Path:
        """The file that they are in; raises TypeError if they are in memory."""
        if isinstance(self.database, MemoryDatabase):
            message = "These rows are in memory."
            raise TypeError(message)
        return self.database


@dataclass(frozen=True, slots=True)
class LiveRows:
    """The rows of a live version: a table of a DuckDB file that nobody writes to."""

    version: Version
    database: Path
    table: str


BeforePointerMoves = Callable[[], None]
"""Claims a publication: an exception from it ends the publication, and nothing becomes visible."""


def no_claim() -> None:
    """Claim nothing before the pointer moves: for publications that no ledger knows of."""


class Warehouse(Protocol):
    """Published versions.

    All methods raise WarehouseUnavailable when the store is away, and DatabaseProblem when it is
    not set up as it must be.
    """

    @property
    def moves_files(self) -> bool:
        """Whether `publish` moves the file of accepted rows into place, so they must be in one.

        Otherwise it copies them: it takes them from memory as well, where they are staged in half
        the time.
        """
        ...

    def live(self, target: Target) -> Version | None:
        """Return the version that readers see now."""
        ...

    def live_rows(
        self, target: Target, scratch: Path, columns: Collection[str] | None = None
    ) -> LiveRows | None:
        """Return the live version with its rows, for comparisons and lookups.

        Rows that are not in a DuckDB file are copied into one in `scratch`; if `columns` are given,
        only those of them that exist.
        """
        ...

    def publish(
        self,
        target: Target,
        field_map: FieldMap,
        accepted: AcceptedRows,
        *,
        number: int,
        job_id: JobId,
        now: datetime,
        attempt: int = 1,
        before_pointer_moves: BeforePointerMoves = no_claim,
    ) -> Version:
        """Complete a new version, then move the pointer to it.

        `number` and `attempt` are the token of this publication. `before_pointer_moves` is called
        once, when the version is complete, directly before the pointer moves; it is not called if
        the pointer will not move.

        Repeating it for the same load is harmless. The pointer never moves back: where a higher
        number is live already, that version is returned. Raises IncompleteVersion, and publishes
        nothing, where the number of rows is not the expected one; raises AttemptOver, and publishes
        nothing, where the token was revoked; raises VersionNumberTaken, and publishes nothing,
        where a version of another load has the number.
        """
        ...

    def revoke(self, target: Target, *, number: int, attempt: int) -> None:
        """Prevent a publication for good, whether it has begun, is paused, or is yet to begin.

        After this, `publish` can never move the pointer under this token. If it had moved the
        pointer before, nothing changes, and readers see that version: ask `live` and `versions`.
        Harmless to repeat. Raises WarehouseUnavailable rather than wait long for a paused process.
        """
        ...

    def make_live(self, target: Target, number: int, now: datetime) -> Version:
        """Move the pointer to a stored version, older or newer; raises UnknownVersion."""
        ...

    def versions(self, target: Target) -> Sequence[Version]:
        """List the stored versions, newest first: each was live once, and can be made live."""
        ...

    def targets(self) -> Sequence[Target]:
        """List the targets that have a version, in order."""
        ...

    def highest_number(self, target: Target | None = None) -> int:
        """Return the highest number that a target has a trace of, or any target; 0 if none.

        Traces of publications that were never completed or were revoked count, too.
        """
        ...

    def query(
        self, customer: str, environment: str, sql: str, limit: int | None = None
    ) -> tuple[Sequence[str], Sequence[tuple[object, ...]]]:
        """Run one SELECT over an environment's tables: column names and rows, at most `limit`.

        It can write nothing and reach nothing outside the environment. Raises NothingPublished and
        UnusableQuery.
        """
        ...
