"""The statements that change the state of loads and attempts, only from a legal state."""

from datetime import datetime
from typing import Any

from sqlalchemy import Select, Update, select, update

from alumniq_pipelines.adapters.ledger.tables import attempts, loads
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.load import JobId, LoadState, states_before
from alumniq_pipelines.core.loads.outcome import AttemptResult


def in_acceptance_order(*states: LoadState) -> Select[Any]:
    """Return the query for loads in some states, in order of acceptance."""
    return select(loads).where(loads.c.state.in_(states)).order_by(loads.c.number)


def transition(job_id: JobId, state: LoadState) -> Update:
    """Return the update of a load to a state, which applies only from a legal state."""
    legal = sorted(states_before(state))
    return (
        update(loads).where(loads.c.job_id == job_id, loads.c.state.in_(legal)).values(state=state)
    )


def receipt_columns(receipt: Receipt | None) -> dict[str, str | None]:
    """Return the columns of `attempts` for a receipt; none without one."""
    return {} if receipt is None else {"sha256": receipt.sha256, "etag": receipt.etag}


def close_open_attempt(job_id: JobId, result: AttemptResult, now: datetime) -> Update:
    """Return the update that closes the open attempt of a load with a result."""
    return (
        update(attempts)
        .where(attempts.c.job_id == job_id, attempts.c.result.is_(None))
        .values(result=result, ended_at=now)
    )
