"""A load beside what the warehouse knows of its table, which may be more than the ledger knows.

A ledger that was restored from a backup knows nothing of what was published since. A version
belongs to the load whose job id it has; what the backup did not know is recorded here, before an
attempt at a load of the table goes on.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.warehouse import Version, Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedLoad:
    """A load with a number of its own, and its version, if that is in the warehouse already."""

    load: Load
    own: Version | None = None


def compare_load(
    ledger: Ledger,
    warehouse: Warehouse,
    load: Load,
    live: Version | None,
    now: datetime,
    log: logging.Logger,
) -> ComparedLoad:
    """Compare a load with the versions of its table; record those that the ledger does not know.

    A load that was accepted under a number that a lost load had gets a new one, and with it the
    loads of the table that wait behind it. That is certain if a version with this number or a
    higher one was published before the load was accepted. `live` is the live version.
    """
    if live is None:
        return ComparedLoad(load=load)
    is_known = live.job_id == load.job_id or ledger.versions.has(live)
    highest = warehouse.highest_number(load.target)
    if is_known and highest < load.number:
        return ComparedLoad(load=load)
    stored = warehouse.versions(load.target)
    own = next((version for version in stored if version.job_id == load.job_id), None)
    others = [version for version in stored if version.job_id != load.job_id]
    recorded = record_unknown(ledger, others, now)
    if recorded:
        log.warning(
            "Recorded %d versions of %s that the ledger did not know.", len(recorded), load.target
        )
    if own is not None:
        return ComparedLoad(load=load, own=own)
    lost = [
        version.published_at
        for version in others
        if version.number >= load.number
        and version.published_at < load.accepted_at
        and ledger.loads.get(version.job_id) is None
    ]
    if lost:
        for job_id, number in ledger.numbers.renumber(load.target, max(lost), highest):
            log.warning("Load %s has the number %d now: its old one was taken.", job_id, number)
    return ComparedLoad(load=ledger.loads.get(load.job_id) or load)


def record_unknown(ledger: Ledger, stored: Sequence[Version], now: datetime) -> Sequence[Version]:
    """Record the versions of a table that the ledger does not know, and return those recorded."""
    unknown = [version for version in stored if not ledger.versions.has(version)]
    for version in unknown:
        ledger.versions.record(version, now)
    # One is left out if the ledger has another version with its number.
    return [version for version in unknown if ledger.versions.has(version)]
