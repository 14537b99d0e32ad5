"""Where the rows are found that foreign keys refer to: in what is live, or in other files."""

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
    """The live versions of one customer's other feeds, in the environment of a target.

    What has to be copied goes into `scratch`. What was lent stays as it is, also where another
    version goes live meanwhile.
    """

    warehouse: Warehouse
    target: Target
    scratch: Path

    def rows_of(self, feed: str, columns: Collection[str]) -> ReferencedRows | UncheckedReference:
        """Lend what is live of a feed; raises WarehouseUnavailable."""
        make_folder(self.scratch)
        folder = Path(tempfile.mkdtemp(dir=self.scratch))
        live = self.warehouse.live_rows(replace(self.target, feed=feed), folder, columns)
        if live is None:
            return UncheckedReference(nothing_live_note(feed))
        return ReferencedRows(live.database, live.table)


@dataclass(frozen=True, slots=True)
class ReferencedFile:
    """A file of another feed, which was not loaded."""

    path: Path
    field_map: FieldMap


@dataclass(frozen=True, slots=True)
class FileReferences:
    """Files of other feeds, by feed, each judged by its own field map; `others` have the rest.

    Their accepted rows are the partners: those that would be live, had the file been loaded.
    """

    files: Mapping[str, ReferencedFile]
    scratch: Path
    limits: Limits = DEFAULT_LIMITS
    others: ReferenceSources = NO_REFERENCE_SOURCES
    checked_rows: dict[str, ReferencedRows] = field(default_factory=dict)

    def rows_of(self, feed: str, columns: Collection[str]) -> ReferencedRows | UncheckedReference:
        """Judge a feed's file, once; raises OtherFileUnusable."""
        if feed not in self.files:
            return self.others.rows_of(feed, columns)
        if feed not in self.checked_rows:
            self.checked_rows[feed] = self._check(feed, self.files[feed])
        return self.checked_rows[feed]

    def _check(self, feed: str, file: ReferencedFile) -> ReferencedRows:
        from alumniq_pipelines.checking.check import CheckOptions, check_received_file
        from alumniq_pipelines.checking.step_timer import StepTimer

        folder = self.scratch / feed
        make_new_folder(folder)
        database = folder / "rows.duckdb"
        try:
            with check_received_file(
                file.path,
                file.field_map,
                folder,
                CheckOptions(database),
                self.limits,
                StepTimer(ignore_progress),
                self,
            ) as checked_file:
                accepted = checked_file.accept(database, etag=None)
        except FileProblem as problem:
            raise OtherFileUnusable(feed, [fault.detail for fault in problem.faults]) from None
        rejected = checked_file.check_result.counts.rows_rejected
        note = rejected_rows_note(feed, rejected) if rejected else ""
        return ReferencedRows(database, accepted.table, note)
