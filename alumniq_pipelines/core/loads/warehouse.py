"""The warehouse as the rest of the system sees it: versions of targets, one of them live."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.target import Target

GAPS = "_gaps"
"""The table that leads from a row's place to its number in the file; see docs/warehouse.md."""

WRITE_CONFIG: dict[str, Any] = {"max_vacuum_tasks": 0}
"""How the file of a version is opened to be written: what is in it is not packed anew.

Rejected rows stay in it, marked as deleted: to move the others together would take as long as
writing them did.
"""


@dataclass(frozen=True, slots=True)
class Version:
    """One published state of a target; `number` is the number of the load that published it.

    `sha256` and `etag` are of the delivered file, `field_map_sha256` tells by which rules it was
    judged.
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
class AcceptedRows:
    """The rows to be published, typed: a table of a closed, checkpointed DuckDB file.

    They stand in the order of the delivered file, with exactly `columns` (field map order, then
    extension columns) in the DuckDB types of `core/feeds/column_types.py`; blank is NULL, defaults
    are filled in. A table `_gaps` beside them leads back to their rows of the delivered file. The
    database is made for this one publishing: a warehouse of DuckDB files may move it into place
    instead of copying it, which saves two thirds of the time of a load.
    """

    database: Path
    table: str
    columns: tuple[str, ...]
    rows: int
    sha256: str
    etag: str | None


@dataclass(frozen=True, slots=True)
class LiveRows:
    """The rows of a live version, to be read: a table of a DuckDB file that nobody writes to."""

    version: Version
    database: Path
    table: str


class Warehouse(Protocol):
    """Published versions. All methods raise WarehouseUnavailable when the store is away."""

    def live(self, target: Target) -> Version | None:
        """Answer the version that readers who come now will see."""
        ...

    def live_rows(
        self, target: Target, scratch: Path, columns: Collection[str] | None = None
    ) -> LiveRows | None:
        """Answer the live version with its rows, for comparing and looking up.

        Where they do not lie in a DuckDB file, they are copied into one in `scratch`: of `columns`,
        if some are named, those that there are.
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
    ) -> Version:
        """Complete a new version, then move the pointer to it.

        Repeating it with the same number is harmless. The pointer never moves back: where a higher
        number is live already, that one is answered. Raises IncompleteVersion, and publishes
        nothing, where the rows are not those that were announced.
        """
        ...

    def make_live(self, target: Target, number: int, now: datetime) -> Version:
        """Move the pointer to a version that is kept, older or newer; raises UnknownVersion."""
        ...

    def versions(self, target: Target) -> Sequence[Version]:
        """List the versions kept, newest first; each of them can be made live."""
        ...

    def query(
        self, customer: str, environment: str, sql: str, limit: int | None = None
    ) -> tuple[Sequence[str], Sequence[tuple[object, ...]]]:
        """Run one SELECT over an environment's tables: column names and rows, at most `limit`.

        It can write nothing and reach nothing outside the environment. Raises NothingPublished and
        UnusableQuery.
        """
        ...
