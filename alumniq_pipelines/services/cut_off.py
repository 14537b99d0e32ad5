"""Closing an attempt that was cut off: as published, if its version had gone live by then."""

from datetime import datetime

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.load_result import Published
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult
from alumniq_pipelines.core.loads.warehouse import Warehouse
from alumniq_pipelines.services.publication import find_published_result


def close_cut_off(
    ledger: Ledger,
    warehouse: Warehouse,
    load: Load,
    attempt: AttemptRecord,
    now: datetime,
    result: AttemptResult = AttemptResult.LOST,
) -> bool:
    """Close an attempt whose worker will report no result; False if it is closed already.

    One that may be publishing is closed in one step, as what it is: at no time can the load be
    taken for one that has published nothing. Raises WarehouseUnavailable.
    """
    if not attempt.is_publishing:
        return ledger.attempts.close_lost(load.job_id, attempt.number, now, result)
    published = revoke_publication(warehouse, load, attempt)
    if published is None:
        return ledger.attempts.close_lost(load.job_id, attempt.number, now, result, is_revoked=True)
    ledger.attempts.mark_published(load.job_id, attempt.number, published.version, now)
    return True


def revoke_publication(
    warehouse: Warehouse, load: Load, attempt: AttemptRecord
) -> Published | None:
    """Prevent an attempt from publishing any more, and return what it has published by then.

    Raises WarehouseUnavailable; then nobody knows.
    """
    warehouse.revoke(load.target, number=load.number, attempt=attempt.number)
    return find_published_result(load, attempt.check, warehouse) if attempt.check else None
