"""Keeping: what loads read, and rows that wait for a person, in the archive and out of it again."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.archive import Archive, Receipt, held_name, received_name
from alumniq_pipelines.core.loads.bucket import Bucket, object_key
from alumniq_pipelines.core.loads.hold import HeldRows
from alumniq_pipelines.core.loads.load import JobId, Load
from alumniq_pipelines.core.loads.rejection_report import (
    ReportFormat,
    report_key,
    report_name,
    summary_name,
)
from alumniq_pipelines.core.loads.warehouse import AcceptedRows
from alumniq_pipelines.core.problems.file import FileGone
from alumniq_pipelines.core.problems.holding import ArchivedFileGone, HeldRowsGone
from alumniq_pipelines.core.problems.problem import Problem


@dataclass
class LoadFile:
    """The file of one load: from the customer's bucket, or from the archive for a repeated load.

    `repeated` is what the load read that is repeated. `receipt` is what was read now, once it is
    archived; who knows its `sha256` before spares reading the file once more.
    """

    load: Load
    bucket: Bucket
    archive: Archive
    repeated: Receipt | None = None
    receipt: Receipt | None = None
    etag: str | None = None
    sha256: str | None = None
    log: logging.Logger = field(default_factory=lambda: logging.getLogger(__name__))

    def fetch(self, destination: Path) -> None:
        """Fetch the file; raises FileGone and ArchivedFileGone."""
        repeats, repeated = self.load.request.repeats, self.repeated
        if repeats is not None:
            if repeated is None or not _fetch_archived(self.archive, repeated.sha256, destination):
                raise ArchivedFileGone(repeats)
            self.etag = repeated.etag
            return
        filename = self.load.request.filename
        key = object_key(self.load.target.environment, filename)
        stored = self.bucket.fetch(key, destination)
        if stored is None:
            raise FileGone(filename)
        self.etag = stored.etag

    @contextmanager
    def archive_when_checked(self, received: Path) -> Iterator[None]:
        """Archive what was fetched as soon as it is judged, also where it cannot be read at all.

        The file must not be written to any more.
        """
        try:
            yield
        finally:
            digest = self.sha256 or _digest(received)
            self.archive.put(received_name(digest), received)
            self.receipt = Receipt(digest, self.etag)

    def save_report(self, csv: Path, xlsx: Path, summary: bytes) -> None:
        """Keep the load's rejection report, and put it into the customer's bucket too.

        That it cannot be put there fails no load: the kept report is the same.
        """
        job_id = self.load.job_id
        summary_file = csv.with_name("summary.json")
        summary_file.write_bytes(summary)
        self.archive.put(report_name(job_id, ReportFormat.CSV), csv)
        self.archive.put(report_name(job_id, ReportFormat.XLSX), xlsx)
        self.archive.put(summary_name(job_id), summary_file)
        try:
            self.bucket.put(report_key(self.load.target, job_id), csv)
        except (Problem, OSError) as fault:
            name = type(fault).__name__
            self.log.warning("The report was not put into the customer's bucket: %s", name)


def store_held_rows(
    archive: Archive, job_id: JobId, field_map: FieldMap, accepted: AcceptedRows
) -> HeldRows:
    """Keep accepted rows, byte for byte, with all that publishing them later needs."""
    archive.put(held_name(job_id), accepted.database, durably=True)
    return HeldRows(
        _digest(accepted.database),
        field_map,
        accepted.table,
        accepted.columns,
        accepted.rows,
        accepted.sha256,
        accepted.etag,
    )


def fetch_held_rows(
    archive: Archive, job_id: JobId, held: HeldRows, destination: Path
) -> AcceptedRows:
    """Copy kept rows, for publishing; raises HeldRowsGone where they are not what was kept."""
    if not archive.get(held_name(job_id), destination) or _digest(destination) != held.digest:
        raise HeldRowsGone(job_id)
    return AcceptedRows(destination, held.table, held.columns, held.rows, held.sha256, held.etag)


def _fetch_archived(archive: Archive, sha256: str, destination: Path) -> bool:
    """Copy a received file out of the archive; it must still be what its name says."""
    return archive.get(received_name(sha256), destination) and _digest(destination) == sha256


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
