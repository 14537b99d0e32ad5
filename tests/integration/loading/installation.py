"""A bucket, an archive and a warehouse, and methods to deliver and load files."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alumniq_pipelines.adapters.archive import FolderArchive
from alumniq_pipelines.adapters.bucket.folder import FolderBucket
from alumniq_pipelines.checking.decompress import DEFAULT_LIMITS, Limits
from alumniq_pipelines.core.feeds.field_map import FieldMap, Thresholds
from alumniq_pipelines.core.loads.baseline import NO_BASELINE, Baseline
from alumniq_pipelines.core.loads.hold import Hold
from alumniq_pipelines.core.loads.load import JobId, Load, LoadRequest, LoadState
from alumniq_pipelines.core.loads.load_result import Held, LoadResult, Published, Rejected
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Warehouse
from alumniq_pipelines.services.load import NEVER_HELD, publish_held, run_load
from alumniq_pipelines.services.load_files import LoadFile

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)


@dataclass
class Installation:
    """A bucket, an archive, a warehouse and a scratch folder."""

    folder: Path
    people: FieldMap
    warehouse: Warehouse
    progress_calls: list[tuple[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bucket = FolderBucket(self.folder / "bucket", settle_seconds=0)
        self.archive = FolderArchive(self.folder / "archive")
        self.scratch = self.folder / "scratch"
        self.delivered = self.folder / "bucket" / "qa" / "warehouse"
        self.delivered.mkdir(parents=True)

    def deliver(self, content: str | bytes, customer: str = "iqu") -> None:
        """Put a file into the bucket."""
        path = self.delivered / f"{customer}.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def load(
        self,
        number: int = 1,
        customer: str = "iqu",
        max_rejected: int = 0,
        limits: Limits = DEFAULT_LIMITS,
        thresholds: Thresholds = NEVER_HELD,
        *,
        dry_run: bool = False,
        baseline: Baseline = NO_BASELINE,
        unchanged_after: int | None = None,
    ) -> LoadResult:
        """Load the delivered file."""
        load = self._record(number, customer, dry_run=dry_run)
        return run_load(
            LoadFile(load=load, bucket=self.bucket, archive=self.archive),
            self.people,
            self.warehouse,
            self.scratch,
            max_rejected=max_rejected,
            now=NOW,
            progress=lambda step, fraction: self.progress_calls.append((step, fraction)),
            limits=limits,
            thresholds=thresholds,
            baseline=baseline,
            unchanged_after=unchanged_after,
        )

    def publish(
        self,
        number: int = 1,
        customer: str = "iqu",
        max_rejected: int = 0,
        thresholds: Thresholds = NEVER_HELD,
    ) -> Published:
        """Load the delivered file, and assert that it is published."""
        result = self.load(number, customer, max_rejected, thresholds=thresholds)
        assert isinstance(result, Published)
        return result

    def hold(self, number: int, thresholds: Thresholds = NEVER_HELD) -> Held:
        """Load the delivered file, and assert that it is held."""
        result = self.load(number, thresholds=thresholds)
        assert isinstance(result, Held)
        return result

    def publish_held(self, number: int, held: Held) -> Published:
        """Publish the rows of a held load."""
        load = self._record(number, "iqu")
        hold = Hold(
            job_id=load.job_id,
            held=held.rows,
            counts=held.check_result.counts,
            changes=held.changes,
            reasons=held.reasons,
            held_at=NOW,
            expires_at=NOW + timedelta(days=7),
        )
        result = publish_held(load, hold, self.archive, self.warehouse, self.scratch, NOW)
        assert isinstance(result, Published)
        return result

    def reject(self, number: int = 1, customer: str = "iqu", max_rejected: int = 0) -> Rejected:
        """Load the delivered file, and assert that too many of its rows are rejected."""
        result = self.load(number, customer, max_rejected)
        assert isinstance(result, Rejected)
        return result

    def rows(self, customer: str = "iqu") -> Sequence[tuple[object, ...]]:
        """Return some columns of the live version."""
        return self.warehouse.query(customer, "qa", "SELECT xid, visits, born FROM people")[1]

    def _record(self, number: int, customer: str, *, dry_run: bool = False) -> Load:
        """Return the ledger's record of a load."""
        target = Target(customer, Environment.QA, self.people.name)
        request = LoadRequest(
            JobId(f"job-{number}"),
            target,
            f"{customer}.csv",
            etag="of-old",
            size_bytes=None,
            dry_run=dry_run,
        )
        return Load(number, request, LoadState.RUNNING, 1, NOW)
