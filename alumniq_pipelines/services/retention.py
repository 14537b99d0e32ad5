"""The use case: let go of files that nobody may need any more, free of Dagster."""

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.archive import HELD, RECEIVED, Archive
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.rejection_report import REPORTS
from alumniq_pipelines.core.loads.warehouse import Warehouse

MAX_REMOVALS_PER_TICK = 500
"""Removing an object takes a store some 50 ms, and a tick must be over well before its minute."""

UNCLAIMED_AFTER = timedelta(days=1)
"""How old held rows without a hold must be: those of an attempt that died, or holds just now."""


def prune(
    archive: Archive,
    ledger: Ledger,
    warehouse: Warehouse,
    archive_retention: timedelta,
    now: datetime,
    report_retention: timedelta,
) -> int:
    """Remove what is past its time, and count it; harmless to repeat, and to break off.

    Received files go `archive_retention` after they were last received, unless a version that is
    kept was made from them; held rows go once their load has its outcome; rejection reports
    `report_retention` after they were written.
    """
    due = [
        *_expired_received_files(archive, ledger, warehouse, now - archive_retention),
        *_expired_held_rows(archive, ledger, now),
        *(
            report.name
            for report in archive.list_files(REPORTS)
            if report.stored_at < now - report_retention
        ),
    ]
    for name in due[:MAX_REMOVALS_PER_TICK]:
        archive.remove(name)
    return min(len(due), MAX_REMOVALS_PER_TICK)


def sweep(scratch: Path, ledger: Ledger) -> int:
    """Remove what loads that have their outcome left in the scratch folder, and count it.

    Attempts clean up after themselves, and so does settling after those that were killed; what
    either could not remove, since the disk was away just then, goes here.
    """
    left = [
        folder
        for folder in scratch.glob("*")
        if (load := ledger.loads.get(JobId(folder.name))) is not None and load.is_final
    ]
    for folder in left:
        shutil.rmtree(folder, ignore_errors=True)
    return len(left)


def _expired_received_files(
    archive: Archive, ledger: Ledger, warehouse: Warehouse, cutoff: datetime
) -> Iterator[str]:
    for file in archive.list_files(RECEIVED):
        if file.stored_at < cutoff and not _is_published(_stem(file.name), ledger, warehouse):
            yield file.name


def _is_published(sha256: str, ledger: Ledger, warehouse: Warehouse) -> bool:
    """Whether a version that can still be rolled back to was made from a file."""
    return any(
        version.number in {retained.number for retained in warehouse.versions(version.target)}
        for version in ledger.versions.by_sha256(sha256)
    )


def _expired_held_rows(archive: Archive, ledger: Ledger, now: datetime) -> Iterator[str]:
    for file in archive.list_files(HELD):
        job_id = JobId(_stem(file.name))
        load = ledger.loads.get(job_id)
        is_claimed = ledger.holds.get(job_id) is not None
        if (
            load is None
            or load.is_final
            or (not is_claimed and file.stored_at < now - UNCLAIMED_AFTER)
        ):
            yield file.name


def _stem(name: str) -> str:
    return PurePosixPath(name).stem
