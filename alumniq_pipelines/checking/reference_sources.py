"""Sources of the rows that foreign keys refer to: live versions, or other files."""

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from alumniq_pipelines.checking.decompress import DEFAULT_LIMITS, Limits
from alumniq_pipelines.checking.reference_rows import (
    NO_REFERENCE_SOURCES,
    ReferencedRows,
    ReferenceSources,
    UncheckedReference,
)
from alumniq_pipelines.checking.rules import nothing_live_note, rejected_rows_note
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.progress import ignore_progress
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.loads.warehouse import Warehouse
from alumniq_pipelines.core.problems.command import OtherFileUnusable
from alumniq_pipelines.core.problems.file import FileProblem
from alumniq_pipelines.files.private_files import make_folder, make_new_folder


@dataclass(frozen=True, slots=True)
class LiveReferences:
    """The live versions of a customer's other feeds, in the environment of a target.

    Rows that have to be copied are copied into `scratch`. Returned rows stay as they are, even if
    another version goes live in the meantime.
    """

    warehouse: Warehouse
    target: Target
    scratch: Path

    def rows_of(self, feed: str, columns: Collection[str]) -> ReferencedRows | UncheckedReference:
        """Return the live rows of a feed; raises WarehouseUnavailable."""
        make_folder(self.scratch)
        folder = Path(tempfile.mkdtemp(dir=self.scratch))
        live = self.warehouse.live_rows(replace(self.target, feed=feed), folder, columns)
        if live is None:
            return UncheckedReference(nothing_live_note(feed))
        return ReferencedRows(live.database, live.table)


@dataclass(frozen=True, slots=True)
class ReferencedFile:
    """A file of another feed that was not loaded."""

    path: Path
    field_map: FieldMap


@dataclass(frozen=True, slots=True)
class FileReferences:
    """Files of other feeds, by feed; `others` is asked for feeds without a file.

    Each file is checked by its own field map. Its accepted rows are those that would be live after
    a load of it, so only they may be referred to.
    """

    files: Mapping[str, ReferencedFile]
    scratch: Path
    limits: Limits = DEFAULT_LIMITS
    others: ReferenceSources = NO_REFERENCE_SOURCES
    checked_rows: dict[str, ReferencedRows] = field(default_factory=dict)

    def rows_of(self, feed: str, columns: Collection[str]) -> ReferencedRows | UncheckedReference:
        """Return the accepted rows of a feed's file, checked on first use.

        Raises OtherFileUnusable.
        """
        # Imported late: commands that check no file start without DuckDB and NumPy.
        from alumniq_pipelines.checking.check import CheckOptions, check_received_file
        from alumniq_pipelines.checking.step_timer import StepTimer

        if feed not in self.files:
            return self.others.rows_of(feed, columns)
        if feed in self.checked_rows:
            return self.checked_rows[feed]
        file, folder = self.files[feed], self.scratch / feed
        make_new_folder(folder)
        database = folder / "rows.duckdb"
        try:
            with check_received_file(
                file.path,
                file.field_map,
                folder,
                CheckOptions(stores_rows=True, database=database),
                self.limits,
                StepTimer(ignore_progress),
                self,
            ) as checked_file:
                accepted = checked_file.accept(etag=None)
        except FileProblem as problem:
            raise OtherFileUnusable(feed, [fault.detail for fault in problem.faults]) from None
        rejected = checked_file.check_result.counts.rows_rejected
        note = rejected_rows_note(feed, rejected) if rejected else ""
        self.checked_rows[feed] = ReferencedRows(database, accepted.table, note)
        return self.checked_rows[feed]
