"""The use case: delete archived files that are no longer needed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.archive import (
    HELD,
    RECEIVED,
    Archive,
    held_name,
    job_of_held_rows,
    old_held_name,
)
from alumniq_pipelines.core.loads.rejection_report import REPORTS
from alumniq_pipelines.core.loads.warehouse import Warehouse

MAX_REMOVALS_PER_TICK = 500
"""Deleting an object in S3 takes about 50 ms, and Dagster ends a tick after 60 seconds."""

UNCLAIMED_AFTER = timedelta(days=1)
"""The minimum age of held rows without a hold: an attempt died, or is about to record its hold."""


def prune(
    archive: Archive,
    ledger: Ledger,
    warehouse: Warehouse,
    archive_retention: timedelta,
    now: datetime,
    report_retention: timedelta,
) -> int:
    """Delete expired files and return how many; harmless to repeat and to interrupt.

    Received files expire `archive_retention` after they were last received, unless a stored version
    was made from them; held rows, once their load has ended; rejection reports, `report_retention`
    after they were written.
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


def _expired_received_files(
    archive: Archive, ledger: Ledger, warehouse: Warehouse, cutoff: datetime
) -> Iterator[str]:
    for file in archive.list_files(RECEIVED):
        if file.stored_at >= cutoff:
            continue
        # Staff may roll back to a stored version that was made from this file.
        is_needed = any(
            version.number in {stored.number for stored in warehouse.versions(version.target)}
            for version in ledger.versions.by_sha256(_stem(file.name))
        )
        if not is_needed:
            yield file.name


def _expired_held_rows(archive: Archive, ledger: Ledger, now: datetime) -> Iterator[str]:
    for file in archive.list_files(HELD):
        job_id = job_of_held_rows(file.name)
        load, hold = ledger.loads.get(job_id), ledger.holds.get(job_id)
        # An attempt that is over may have stored rows of its own beside those of the hold.
        is_claimed = hold is not None and file.name in {
            held_name(job_id, hold.held.digest),
            old_held_name(job_id),
        }
        if (
            load is None
            or load.is_final
            or (not is_claimed and file.stored_at < now - UNCLAIMED_AFTER)
        ):
            yield file.name


def _stem(name: str) -> str:
    return PurePosixPath(name).stem
