"""Loads and their attempts; every change of state is a conditional UPDATE, so it happens once."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, func, insert, or_, select, update

from alumniq_pipelines.adapters.ledger.acceptance import LoadWriter
from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.load_rows import (
    attempt_of,
    change_column,
    check_columns,
    count_columns,
    load_of,
    warning_column,
)
from alumniq_pipelines.adapters.ledger.load_transitions import (
    close_open_attempt,
    in_acceptance_order,
    receipt_columns,
    transition,
)
from alumniq_pipelines.adapters.ledger.notifications import enqueue
from alumniq_pipelines.adapters.ledger.tables import attempts, loads
from alumniq_pipelines.adapters.ledger.targets import matches_target
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.load import (
    FINAL_STATES,
    UNDERWAY_STATES,
    JobId,
    Load,
    LoadRequest,
    LoadState,
    Origin,
)
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult, CheckRecord, Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.notifications.notification import Notice


@dataclass(frozen=True)
class Loads:
    """All loads, with the attempts at each."""

    database: Database
    acceptance: LoadWriter = field(repr=False)

    def accept(self, request: LoadRequest, now: datetime) -> Load:
        """Save a QUEUED load; it is on disk when this returns. Raises UnknownCustomer."""
        (saved,) = self.accept_all([request], now)
        if isinstance(saved, Exception):
            raise saved
        return saved

    def accept_all(
        self, requests: Iterable[LoadRequest], now: datetime
    ) -> Sequence[Load | Exception]:
        """Save loads with one commit; for one that could not be saved, return the error."""
        accepted = now.astimezone(UTC)
        return self.acceptance.save(
            [
                Load(
                    number=0,
                    request=request,
                    state=LoadState.QUEUED,
                    attempts=0,
                    accepted_at=accepted,
                )
                for request in requests
            ]
        )

    def get(self, job_id: JobId) -> Load | None:
        """Return a load."""
        return self._one(select(loads).where(loads.c.job_id == job_id))

    def by_idempotency_key(self, idempotency_key: str) -> Load | None:
        """Return the load that was accepted under an idempotency key."""
        return self.acceptance.by_idempotency_key(idempotency_key)

    def by_run(self, run_id: str) -> Load | None:
        """Return the load at which this Dagster run made an attempt."""
        worked_on = select(attempts.c.job_id).where(attempts.c.run_id == run_id)
        return self._one(select(loads).where(loads.c.job_id.in_(worked_on)))

    def find(
        self,
        *,
        customer: str | None = None,
        environment: Environment | None = None,
        feeds: Sequence[str] | None = None,
        target: Target | None = None,
        states: Sequence[LoadState] = (),
        before: int | None = None,
        limit: int = 50,
    ) -> Sequence[Load]:
        """Return loads, newest first; empty `states` means all.

        For the next page, `before` is the number of the last load seen.
        """
        query = select(loads).order_by(loads.c.number.desc()).limit(limit)
        if customer is not None:
            query = query.where(loads.c.customer == customer)
        if environment is not None:
            query = query.where(loads.c.environment == environment)
        if feeds is not None:
            query = query.where(loads.c.feed.in_(feeds))
        if target is not None:
            query = query.where(matches_target(loads, target))
        if before is not None:
            query = query.where(loads.c.number < before)
        if states:
            query = query.where(loads.c.state.in_(states))
        return self._many(query)

    def queued(self, limit: int = 500) -> Sequence[Load]:
        """Return QUEUED loads in order of acceptance."""
        return self._many(in_acceptance_order(LoadState.QUEUED).limit(limit))

    def unfinished(self) -> Sequence[Load]:
        """Return loads that are REQUESTED or RUNNING, in order of acceptance."""
        return self._many(in_acceptance_order(LoadState.REQUESTED, LoadState.RUNNING))

    def last_accepted(self, target: Target) -> Load | None:
        """Return the newest load that a webhook requested, whatever its outcome; no dry run."""
        query = select(loads).where(
            matches_target(loads, target),
            loads.c.origin == Origin.WEBHOOK,
            loads.c.dry_run.is_(False),
        )
        return self._one(query.order_by(loads.c.number.desc()).limit(1))

    def latest_by_feed(self, customer: str, environment: Environment) -> Mapping[str, Load]:
        """Return the newest load of each feed of a customer's environment, by feed."""
        newest = (
            select(func.max(loads.c.number))
            .where(loads.c.customer == customer, loads.c.environment == environment)
            .group_by(loads.c.feed)
        )
        found = self._many(select(loads).where(loads.c.number.in_(newest)))
        return {load.target.feed: load for load in found}

    def queue_position(self, load: Load) -> int | None:
        """Return a load's position in the queue of its target, from 1; None once it has started."""
        if load.state not in {LoadState.QUEUED, LoadState.REQUESTED}:
            return None
        query = (
            select(func.count())
            .select_from(loads)
            .where(
                matches_target(loads, load.target),
                loads.c.number <= load.number,
                loads.c.state.in_(sorted(UNDERWAY_STATES)),
            )
        )
        with self.database.reading() as connection:
            return connection.scalar(query)

    def mark_requested(self, job_id: JobId, now: datetime) -> bool:
        """Move a load from QUEUED to REQUESTED; False if it is not QUEUED."""
        statement = transition(job_id, LoadState.REQUESTED).values(requested_at=now)
        with self.database.writing_once() as connection:
            return connection.execute(statement).rowcount == 1

    def requeue(self, job_id: JobId, now: datetime) -> bool:
        """Move a load from REQUESTED or RUNNING to QUEUED, and close an open attempt as LOST."""
        statement = (
            transition(job_id, LoadState.QUEUED)
            .where(loads.c.state != LoadState.HELD)  # only an approval queues a held load
            .values(requested_at=None)
        )
        with self.database.writing() as connection:
            if connection.execute(statement).rowcount == 0:
                return False
            connection.execute(close_open_attempt(job_id, AttemptResult.LOST, now))
        return True

    def begin_attempt(self, job_id: JobId, run_id: str, now: datetime) -> AttemptRecord | None:
        """Open the next attempt and move the load to RUNNING; close an attempt left open as LOST.

        Return None if the load has ended already.
        """
        statement = (
            transition(job_id, LoadState.RUNNING)
            .values(
                attempts=loads.c.attempts + 1,
                run_id=run_id,
                started_at=func.coalesce(loads.c.started_at, now),
            )
            .returning(loads.c.attempts)
        )
        with self.database.writing() as connection:
            number = connection.scalar(statement)
            if number is None:
                return None
            connection.execute(close_open_attempt(job_id, AttemptResult.LOST, now))
            opened = {"number": number, "run_id": run_id, "started_at": now, "errors": []}
            connection.execute(insert(attempts).values(job_id=job_id, **opened))
        return AttemptRecord(number, run_id, started_at=now.astimezone(UTC))

    def record_check(
        self, job_id: JobId, number: int, check: CheckRecord, receipt: Receipt | None
    ) -> bool:
        """Record the result of checking the file, before anything is published.

        Return False, with nothing written, if the attempt may not continue: it was closed, another
        one has started, or the load has ended.
        """
        is_current = (
            select(loads.c.job_id)
            .where(
                loads.c.job_id == job_id,
                loads.c.state == LoadState.RUNNING,
                loads.c.attempts == number,
            )
            .exists()
        )
        recorded = (
            update(attempts)
            .where(
                attempts.c.job_id == job_id,
                attempts.c.number == number,
                attempts.c.result.is_(None),
                is_current,
            )
            .values(**check_columns(check), **receipt_columns(receipt))
        )
        with self.database.writing_once() as connection:
            return connection.execute(recorded).rowcount == 1

    def end_attempt(
        self,
        job_id: JobId,
        number: int,
        result: AttemptResult,
        now: datetime,
        *,
        errors: Sequence[str] = (),
        check: CheckRecord | None = None,
        receipt: Receipt | None = None,
    ) -> None:
        """Close an attempt; closing it again changes nothing.

        Without `check` or `receipt`, earlier records of them stay.
        """
        closed = (
            close_open_attempt(job_id, result, now)
            .where(attempts.c.number == number)
            .values(errors=list(errors), **receipt_columns(receipt))
        )
        if check is not None:
            closed = closed.values(check_columns(check))
        with self.database.writing_once() as connection:
            connection.execute(closed)

    def mark_published(self, job_id: JobId, number: int, now: datetime) -> None:
        """Close or correct an attempt that published and was interrupted or failed after that."""
        interrupted = (AttemptResult.LOST, AttemptResult.OUTAGE)
        corrected = (
            update(attempts)
            .where(
                attempts.c.job_id == job_id,
                attempts.c.number == number,
                or_(attempts.c.result.is_(None), attempts.c.result.in_(interrupted)),
            )
            .values(
                result=AttemptResult.PUBLISHED,
                errors=[],
                ended_at=func.coalesce(attempts.c.ended_at, now),
            )
        )
        with self.database.writing_once() as connection:
            connection.execute(corrected)

    def receipt(self, job_id: JobId) -> Receipt | None:
        """Return the receipt of the file that the latest attempt at a load has read."""
        read = [attempt for attempt in self.attempts(job_id) if attempt.sha256 is not None]
        return Receipt(read[-1].sha256 or "", read[-1].etag) if read else None

    def unchanged_after(self, load: Load) -> int | None:
        """Return the number of the latest later load whose file was already live; None without one.

        That load published no version of its own, but a load accepted before it comes too late.
        """
        later = (
            select(func.max(loads.c.number))
            .join(attempts)
            .where(
                matches_target(loads, load.target),
                loads.c.number > load.number,
                attempts.c.result == AttemptResult.UNCHANGED,
            )
        )
        with self.database.reading() as connection:
            number: int | None = connection.scalar(later)
        return number

    def attempts(self, job_id: JobId) -> Sequence[AttemptRecord]:
        """Return the attempts at a load, oldest first."""
        query = select(attempts).where(attempts.c.job_id == job_id).order_by(attempts.c.number)
        with self.database.reading() as connection:
            return [attempt_of(row) for row in connection.execute(query).mappings()]

    def end(
        self,
        job_id: JobId,
        outcome: Outcome,
        notices: Sequence[Notice],
        now: datetime,
        *,
        only_from: Collection[LoadState] = (),
    ) -> bool:
        """Give a load its one outcome and its notifications, in one transaction.

        Return False, with nothing written, if it has an outcome already, or is in none of the
        states of `only_from`. An attempt left open is closed as LOST: its worker will not report a
        result.
        """
        if outcome.state not in FINAL_STATES:
            message = f"{outcome.state} does not end a load."
            raise ValueError(message)
        statement = transition(job_id, outcome.state).values(
            ended_at=now,
            errors=list(outcome.errors),
            **count_columns(outcome.counts),
            **change_column(outcome.changes),
            **warning_column(outcome.warnings),
        )
        if only_from:
            statement = statement.where(loads.c.state.in_(sorted(only_from)))
        with self.database.writing() as connection:
            if connection.execute(statement).rowcount == 0:
                return False
            connection.execute(close_open_attempt(job_id, AttemptResult.LOST, now))
            enqueue(connection, f"msg_{job_id}", notices, now, job_id=job_id)
        return True

    def _one(self, query: Select[Any]) -> Load | None:
        found = self._many(query)
        return found[0] if found else None

    def _many(self, query: Select[Any]) -> Sequence[Load]:
        with self.database.reading() as connection:
            return [load_of(row) for row in connection.execute(query).mappings()]
