"""Loads and their attempts: every state move is a conditional UPDATE, so each happens once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Update,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.load_rows import (
    attempt_of,
    count_columns,
    load_of,
    row_of,
)
from alumniq_pipelines.adapters.ledger.notifications import owe
from alumniq_pipelines.adapters.ledger.tables import attempts, customers, loads
from alumniq_pipelines.core.load import (
    FINAL_STATES,
    JobId,
    Load,
    LoadRequest,
    LoadState,
    Origin,
    states_before,
)
from alumniq_pipelines.core.notification import Notice
from alumniq_pipelines.core.outcome import Attempt, AttemptResult, Outcome
from alumniq_pipelines.core.problems.command import UnknownCustomer
from alumniq_pipelines.core.target import Target
from alumniq_pipelines.core.verdict import Counts


@dataclass(frozen=True)
class Loads:
    """All loads, and the attempts at each."""

    database: Database

    def accept(self, request: LoadRequest, now: datetime) -> Load:
        """Keep a load, QUEUED; it is on disk when this returns. Raises UnknownCustomer."""
        load = Load(0, request, LoadState.QUEUED, attempts=0, accepted_at=now.astimezone(UTC))
        try:
            with self.database.writing_once() as connection:
                key: Any = connection.execute(_ACCEPT, row_of(load)).inserted_primary_key
        except IntegrityError:
            self._refuse_unknown(request.target.customer)
            raise
        return replace(load, number=key.number)

    def get(self, job_id: JobId) -> Load | None:
        """Look a load up."""
        return self._one(select(loads).where(loads.c.job_id == job_id))

    def by_run(self, run_id: str) -> Load | None:
        """Find the load whose latest or earlier attempt was this Dagster run's."""
        worked_on = select(attempts.c.job_id).where(attempts.c.run_id == run_id)
        return self._one(select(loads).where(loads.c.job_id.in_(worked_on)))

    def find(
        self,
        *,
        customer: str | None = None,
        target: Target | None = None,
        states: Sequence[LoadState] = (),
        most: int = 50,
    ) -> Sequence[Load]:
        """List loads, newest first; an empty `states` means all."""
        wanted = select(loads).order_by(loads.c.number.desc()).limit(most)
        if customer is not None:
            wanted = wanted.where(loads.c.customer == customer)
        if target is not None:
            wanted = wanted.where(*_is_of(target))
        if states:
            wanted = wanted.where(loads.c.state.in_(states))
        return self._many(wanted)

    def waiting(self, most: int = 500) -> Sequence[Load]:
        """List QUEUED loads in order of acceptance."""
        return self._many(_in_order(LoadState.QUEUED).limit(most))

    def unfinished(self) -> Sequence[Load]:
        """List loads that are REQUESTED or RUNNING, in order of acceptance."""
        return self._many(_in_order(LoadState.REQUESTED, LoadState.RUNNING))

    def last_accepted(self, target: Target) -> Load | None:
        """Answer the newest load of a target that a webhook asked for, whatever became of it."""
        wanted = select(loads).where(*_is_of(target), loads.c.origin == Origin.WEBHOOK)
        return self._one(wanted.order_by(loads.c.number.desc()).limit(1))

    def mark_requested(self, job_id: JobId, now: datetime) -> bool:
        """QUEUED → REQUESTED; False where the load had already moved on."""
        moved = _move(job_id, LoadState.REQUESTED).values(requested_at=now)
        with self.database.writing_once() as connection:
            return connection.execute(moved).rowcount == 1

    def requeue(self, job_id: JobId, now: datetime) -> bool:
        """REQUESTED or RUNNING → QUEUED, closing an open attempt as LOST."""
        moved = _move(job_id, LoadState.QUEUED).values(requested_at=None)
        with self.database.writing() as connection:
            if connection.execute(moved).rowcount == 0:
                return False
            connection.execute(_close_open(job_id, AttemptResult.LOST, now))
        return True

    def begin_attempt(self, job_id: JobId, run_id: str, now: datetime) -> Attempt | None:
        """Open the next attempt and move to RUNNING, closing one left open as LOST.

        None where the load has ended already.
        """
        moved = (
            _move(job_id, LoadState.RUNNING)
            .values(
                attempts=loads.c.attempts + 1,
                run_id=run_id,
                started_at=func.coalesce(loads.c.started_at, now),
            )
            .returning(loads.c.attempts)
        )
        with self.database.writing() as connection:
            number = connection.scalar(moved)
            if number is None:
                return None
            connection.execute(_close_open(job_id, AttemptResult.LOST, now))
            opened = {"number": number, "run_id": run_id, "started_at": now, "errors": []}
            connection.execute(insert(attempts).values(job_id=job_id, **opened))
        return Attempt(number, run_id, started_at=now.astimezone(UTC))

    def end_attempt(
        self,
        job_id: JobId,
        number: int,
        result: AttemptResult,
        now: datetime,
        *,
        errors: Sequence[str] = (),
        counts: Counts | None = None,
    ) -> None:
        """Close an attempt; closing it again changes nothing."""
        closed = (
            _close_open(job_id, result, now)
            .where(attempts.c.number == number)
            .values(errors=list(errors), **count_columns(counts))
        )
        with self.database.writing_once() as connection:
            connection.execute(closed)

    def attempts(self, job_id: JobId) -> Sequence[Attempt]:
        """List the attempts at a load, oldest first."""
        wanted = select(attempts).where(attempts.c.job_id == job_id).order_by(attempts.c.number)
        with self.database.reading() as connection:
            return [attempt_of(row) for row in connection.execute(wanted).mappings()]

    def end(
        self, job_id: JobId, outcome: Outcome, notices: Sequence[Notice], now: datetime
    ) -> bool:
        """Give a load its one outcome and its notifications, in one transaction.

        False, and nothing written, where an outcome stood already. An attempt left open is closed
        as LOST: whoever worked at it will not come back to say how it went.
        """
        if outcome.state not in FINAL_STATES:
            message = f"{outcome.state} does not end a load."
            raise ValueError(message)
        moved = _move(job_id, outcome.state).values(
            ended_at=now, errors=list(outcome.errors), **count_columns(outcome.counts)
        )
        with self.database.writing() as connection:
            if connection.execute(moved).rowcount == 0:
                return False
            connection.execute(_close_open(job_id, AttemptResult.LOST, now))
            owe(connection, f"msg_{job_id}", notices, now, job_id=job_id)
        return True

    def _one(self, wanted: Select[Any]) -> Load | None:
        found = self._many(wanted)
        return found[0] if found else None

    def _many(self, wanted: Select[Any]) -> Sequence[Load]:
        with self.database.reading() as connection:
            return [load_of(row) for row in connection.execute(wanted).mappings()]

    def _refuse_unknown(self, customer: str) -> None:
        with self.database.reading() as connection:
            if connection.scalar(select(customers.c.id).where(customers.c.id == customer)) is None:
                raise UnknownCustomer(customer) from None


_ACCEPT = insert(loads)
"""Made once: the gateway's hot path."""


def _in_order(*states: LoadState) -> Select[Any]:
    return select(loads).where(loads.c.state.in_(states)).order_by(loads.c.number)


def _is_of(target: Target) -> Iterable[ColumnElement[bool]]:
    return (
        loads.c.customer == target.customer,
        loads.c.environment == target.environment,
        loads.c.feed == target.feed,
    )


def _move(job_id: JobId, state: LoadState) -> Update:
    legal = sorted(states_before(state))
    return (
        update(loads).where(loads.c.job_id == job_id, loads.c.state.in_(legal)).values(state=state)
    )


def _close_open(job_id: JobId, result: AttemptResult, now: datetime) -> Update:
    return (
        update(attempts)
        .where(attempts.c.job_id == job_id, attempts.c.result.is_(None))
        .values(result=result, ended_at=now)
    )
