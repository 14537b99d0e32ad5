"""The statements that change the state of loads and attempts, only from a legal state.

Who may write for an attempt is decided by its fencing token, the load's job id and the attempt's
number: the load is RUNNING, this is its latest attempt, and nobody has closed it. Every write of an
attempt has this condition, so that a worker that wakes up late changes nothing.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Exists, Select, Update, or_, select, text, update

from alumniq_pipelines.adapters.ledger.tables import attempts, loads
from alumniq_pipelines.adapters.ledger.targets import same_target
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.load import OUTSTANDING_STATES, JobId, LoadState, states_before
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.loads.target import Target


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


def update_current_attempt(job_id: JobId, number: int) -> Update:
    """Return the update of an attempt that applies only while it is the current one."""
    is_current = (
        select(loads.c.job_id)
        .where(
            loads.c.job_id == job_id,
            loads.c.state == LoadState.RUNNING,
            loads.c.attempts == number,
        )
        .exists()
    )
    return update(attempts).where(
        attempts.c.job_id == job_id,
        attempts.c.number == number,
        attempts.c.result.is_(None),
        is_current,
    )


def has_open_attempt(job_id: JobId) -> Exists:
    """Return the condition that an attempt at a load is open."""
    return _has_attempt(job_id, attempts.c.result.is_(None))


def has_publishing_attempt(job_id: JobId) -> Exists:
    """Return the condition that an open attempt at a load may be publishing right now."""
    return _has_attempt(job_id, attempts.c.result.is_(None), attempts.c.publishing_at.is_not(None))


def may_have_published(job_id: JobId) -> Exists:
    """Return the condition that an attempt at a load has claimed its publication, open or not."""
    return _has_attempt(job_id, attempts.c.publishing_at.is_not(None))


def _has_attempt(job_id: JobId, *conditions: ColumnElement[bool]) -> Exists:
    return select(attempts.c.number).where(attempts.c.job_id == job_id, *conditions).exists()


def is_first_in_line() -> ColumnElement[bool]:
    """Return the condition that no other load of the table comes before the one that is updated.

    One that is outstanding comes first, whatever its number: a held load may be approved while a
    later one runs.
    """
    other = loads.alias("other")
    comes_before = or_(
        other.c.state.in_(sorted(OUTSTANDING_STATES)),
        (other.c.state == LoadState.QUEUED) & (other.c.number < loads.c.number),
    )
    before = select(other.c.number).where(
        same_target(other, loads), other.c.number != loads.c.number, comes_before
    )
    return ~before.correlate(loads).exists()


def lock_line(connection: Connection, target: Target) -> None:
    """Let nobody else take a load out of the line of this table until the transaction ends.

    SQLite has one writer at a time; on PostgreSQL, two might each miss the other's change.
    """
    if connection.dialect.name == "postgresql":
        statement = text("SELECT pg_advisory_xact_lock(hashtextextended(:target, 0))")
        connection.execute(statement, {"target": str(target)})


def lock_load(connection: Connection, job_id: JobId) -> None:
    """Let nobody else change a load or its attempts until the transaction ends.

    On PostgreSQL, conditions that read both tables might each miss the other's change otherwise.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(loads.c.number).where(loads.c.job_id == job_id).with_for_update())
