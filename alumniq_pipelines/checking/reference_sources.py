"""Where the rows are found that foreign keys refer to: in what is live, or in other files."""

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from alumniq_pipelines.checking.decompress import DEFAULT_LIMITS, Limits
from alumniq_pipelines.checking.reference_rows import NO_PARTNERS, PartnerRows, Partners, Unchecked
from alumniq_pipelines.checking.rules import nothing_live_note, rejected_partners_note
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.progress import unwatched
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.loads.warehouse import Warehouse
from alumniq_pipelines.core.problems.command import OtherFileUnusable
from alumniq_pipelines.core.problems.file import FileProblem
from alumniq_pipelines.files.private_files import make_folder, make_new_folder


@dataclass(frozen=True, slots=True)
class LivePartners:
    """The live versions of one customer's other feeds, in the environment of a target.

    What has to be copied goes into `scratch`. What was lent stays as it is, also where another
    version goes live meanwhile.
    """

    warehouse: Warehouse
    target: Target
    scratch: Path

    def rows_of(self, feed: str, columns: Collection[str]) -> PartnerRows | Unchecked:
        """Lend what is live of a feed; raises WarehouseUnavailable."""
        make_folder(self.scratch)
        folder = Path(tempfile.mkdtemp(dir=self.scratch))
        live = self.warehouse.live_rows(replace(self.target, feed=feed), folder, columns)
        if live is None:
            return Unchecked(nothing_live_note(feed))
        return PartnerRows(live.database, live.table)


@dataclass(frozen=True, slots=True)
class OtherFile:
    """A file of another feed, which was not loaded."""

    path: Path
    field_map: FieldMap


@dataclass(frozen=True, slots=True)
class FilePartners:
    """Files of other feeds, by feed, each judged by its own field map; `others` have the rest.

    Their accepted rows are the partners: those that would be live, had the file been loaded.
    """

    files: Mapping[str, OtherFile]
    scratch: Path
    limits: Limits = DEFAULT_LIMITS
    others: Partners = NO_PARTNERS
    judged: dict[str, PartnerRows] = field(default_factory=dict)

    def rows_of(self, feed: str, columns: Collection[str]) -> PartnerRows | Unchecked:
        """Judge a feed's file, once; raises OtherFileUnusable."""
        if feed not in self.files:
            return self.others.rows_of(feed, columns)
        if feed not in self.judged:
            self.judged[feed] = self._judge(feed, self.files[feed])
        return self.judged[feed]

    def _judge(self, feed: str, file: OtherFile) -> PartnerRows:
        from alumniq_pipelines.checking.check import Purpose, Steps, judged

        folder = self.scratch / feed
        make_new_folder(folder)
        database = folder / "rows.duckdb"
        try:
            with judged(
                file.path,
                file.field_map,
                folder,
                Purpose(database),
                self.limits,
                Steps(unwatched),
                self,
            ) as judged_file:
                accepted = judged_file.accept(database, etag=None)
        except FileProblem as problem:
            raise OtherFileUnusable(feed, [each.detail for each in problem.faults]) from None
        rejected = judged_file.verdict.counts.rows_rejected
        note = rejected_partners_note(feed, rejected) if rejected else ""
        return PartnerRows(database, accepted.table, note)
