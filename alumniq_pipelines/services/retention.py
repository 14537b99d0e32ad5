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

MOST_AT_ONCE = 500
"""Removing an object takes a store some 50 ms, and a tick must be over well before its minute."""

UNCLAIMED = timedelta(days=1)
"""How old held rows without a hold must be: those of an attempt that died, or holds just now."""


def prune(
    archive: Archive,
    ledger: Ledger,
    warehouse: Warehouse,
    keep_for: timedelta,
    now: datetime,
    reports_for: timedelta,
) -> int:
    """Remove what is past its time, and count it; harmless to repeat, and to break off.

    Received files go `keep_for` after they were last received, unless a version that is kept was
    made from them; held rows go once their load has its outcome; rejection reports `reports_for`
    after they were written.
    """
    due = [
        *_received(archive, ledger, warehouse, now - keep_for),
        *_held(archive, ledger, now),
        *(each.name for each in archive.kept(REPORTS) if each.kept_at < now - reports_for),
    ]
    for name in due[:MOST_AT_ONCE]:
        archive.remove(name)
    return min(len(due), MOST_AT_ONCE)


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


def _received(
    archive: Archive, ledger: Ledger, warehouse: Warehouse, latest: datetime
) -> Iterator[str]:
    for file in archive.kept(RECEIVED):
        if file.kept_at < latest and not _is_published(_stem(file.name), ledger, warehouse):
            yield file.name


def _is_published(sha256: str, ledger: Ledger, warehouse: Warehouse) -> bool:
    """Whether a version that can still be rolled back to was made from a file."""
    return any(
        version.number in {kept.number for kept in warehouse.versions(version.target)}
        for version in ledger.versions.made_from(sha256)
    )


def _held(archive: Archive, ledger: Ledger, now: datetime) -> Iterator[str]:
    for file in archive.kept(HELD):
        job_id = JobId(_stem(file.name))
        load = ledger.loads.get(job_id)
        is_claimed = ledger.holds.get(job_id) is not None
        if load is None or load.is_final or (not is_claimed and file.kept_at < now - UNCLAIMED):
            yield file.name


def _stem(name: str) -> str:
    return PurePosixPath(name).stem
