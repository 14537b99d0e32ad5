"""The files of loads: where they are read from, and what is archived of them."""

import hashlib
import logging
from dataclasses import dataclass, field
from pathlib import Path

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.archive import (
    Archive,
    Receipt,
    held_name,
    old_held_name,
    received_name,
)
from alumniq_pipelines.core.loads.bucket import Bucket, object_key
from alumniq_pipelines.core.loads.check_result import Cause
from alumniq_pipelines.core.loads.hold import HeldRows
from alumniq_pipelines.core.loads.load import JobId, Load
from alumniq_pipelines.core.loads.rejection_report import (
    ReportFormat,
    not_in_bucket_note,
    report_key,
    report_name,
    summary_name,
)
from alumniq_pipelines.core.loads.warehouse import AcceptedRows
from alumniq_pipelines.core.problems.file import FileGone
from alumniq_pipelines.core.problems.holding import ArchivedFileGone, HeldRowsGone
from alumniq_pipelines.core.problems.outage import BucketDenied
from alumniq_pipelines.core.problems.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFile:
    """The file of one load: in the customer's bucket, or in the archive for a repeated load.

    `repeated` is the receipt of the load that is repeated, None if that load read nothing.
    """

    load: Load
    bucket: Bucket
    archive: Archive
    repeated: Receipt | None = None
    log: logging.Logger = field(default_factory=lambda: logging.getLogger(__name__))

    def fetch(self, destination: Path) -> str | None:
        """Fetch the file and return its ETag.

        Raises FileGone, ArchivedFileGone and UnusableFilename.
        """
        repeats, repeated = self.load.request.repeats, self.repeated
        if repeats is not None:
            # The digest proves that the archived bytes are still what their name says.
            if (
                repeated is None
                or not self.archive.get(received_name(repeated.sha256), destination)
                or _digest(destination) != repeated.sha256
            ):
                raise ArchivedFileGone(repeats)
            return repeated.etag
        filename = self.load.request.filename
        key = object_key(self.load.target.environment, filename)
        stored = self.bucket.fetch(key, destination)
        if stored is None:
            raise FileGone(filename)
        return stored.etag

    def archive_received(self, received: Path, etag: str | None, sha256: str | None) -> Receipt:
        """Archive the received file and return its receipt; `sha256` saves reading it once more.

        From then on the file must not be written to: a folder archive stores a hard link to it.
        """
        receipt = Receipt(sha256 or _digest(received), etag)
        self.archive.put(received_name(receipt.sha256), received)
        return receipt

    def save_report(self, csv: Path, xlsx: Path, summary: bytes) -> Cause | None:
        """Archive the load's rejection report, and put it into the customer's bucket as well.

        A failure to put it there does not fail the load: the archived report is the same, and a
        note says so. Returns the note.
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
            self.log.warning(
                "The rejection report could not be put into the customer's bucket: %s", name
            )
            return not_in_bucket_note(job_id, is_denied=isinstance(fault, BucketDenied))
        return None


def store_held_rows(
    archive: Archive, job_id: JobId, field_map: FieldMap, accepted: AcceptedRows
) -> HeldRows:
    """Archive the file of accepted rows, and return all that publishing them later needs."""
    digest = _digest(accepted.file)
    archive.put(held_name(job_id, digest), accepted.file, durably=True)
    return HeldRows(
        digest=digest,
        field_map=field_map,
        table=accepted.table,
        columns=accepted.columns,
        rows=accepted.rows,
        sha256=accepted.sha256,
        etag=accepted.etag,
    )


def fetch_held_rows(
    archive: Archive, job_id: JobId, held: HeldRows, destination: Path
) -> AcceptedRows:
    """Fetch held rows for publishing; raises HeldRowsGone if they are missing or damaged."""
    names = (held_name(job_id, held.digest), old_held_name(job_id))
    found = any(archive.get(name, destination) for name in names)
    if not found or _digest(destination) != held.digest:
        raise HeldRowsGone(job_id)
    return AcceptedRows(
        database=destination,
        table=held.table,
        columns=held.columns,
        rows=held.rows,
        sha256=held.sha256,
        etag=held.etag,
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
