"""Ending a load: its one outcome and its notifications, in the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Update, case

from alumniq_pipelines.adapters.ledger.load_rows import (
    change_column,
    count_columns,
    warning_column,
)
from alumniq_pipelines.adapters.ledger.load_transitions import transition
from alumniq_pipelines.adapters.ledger.notifications import enqueue
from alumniq_pipelines.adapters.ledger.tables import loads
from alumniq_pipelines.core.loads.load import FINAL_STATES, OUTSTANDING_STATES, JobId
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.notifications.notification import Notice


def ending(job_id: JobId, outcome: Outcome, now: datetime, *, stop_run: bool = False) -> Update:
    """Return the update that ends a load; with `stop_run`, its run must be stopped as well."""
    if outcome.state not in FINAL_STATES:
        message = f"{outcome.state} does not end a load."
        raise ValueError(message)
    statement = transition(job_id, outcome.state).values(
        ended_at=now, errors=list(outcome.errors), next_attempt_at=None
    )
    if outcome.counts is not None:  # otherwise what was found when the load was held stays
        statement = statement.values(
            **count_columns(outcome.counts),
            **change_column(outcome.changes),
            **warning_column(outcome.warnings),
        )
    if not stop_run:
        return statement
    has_run = loads.c.state.in_(sorted(OUTSTANDING_STATES))
    return statement.values(stop_requested_at=case((has_run, now), else_=None))


def end_in_transaction(
    connection: Connection,
    statement: Update,
    job_id: JobId,
    notices: Sequence[Notice],
    now: datetime,
) -> bool:
    """Execute an `ending` and enqueue the notices; False if the load has an outcome already."""
    if connection.execute(statement).rowcount == 0:
        return False
    enqueue(connection, f"msg_{job_id}", notices, now, job_id=job_id)
    return True
