"""Loads: accepting, finding and ending them. A change of state is a conditional UPDATE."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, func, or_, select

from alumniq_pipelines.adapters.ledger.acceptance import LoadWriter
from alumniq_pipelines.adapters.ledger.audit import AuditTrail
from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.load_ending import end_in_transaction, ending
from alumniq_pipelines.adapters.ledger.load_rows import load_of
from alumniq_pipelines.adapters.ledger.load_transitions import (
    close_open_attempt,
    has_publishing_attempt,
    lock_load,
    may_have_published,
)
from alumniq_pipelines.adapters.ledger.tables import attempts, loads
from alumniq_pipelines.adapters.ledger.targets import matches_target
from alumniq_pipelines.core.loads.load import (
    OUTSTANDING_STATES,
    JobId,
    Load,
    LoadRequest,
    LoadState,
    Origin,
    first_attempt_due,
)
from alumniq_pipelines.core.loads.outcome import AttemptResult, Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.notifications.notification import Notice


@dataclass(frozen=True)
class Loads:
    """All loads."""

    database: Database
    acceptance: LoadWriter = field(repr=False)
    audit: AuditTrail = field(repr=False)

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
        return self.acceptance.save([_queued(request, now) for request in requests])

    def accept_repeat(self, request: LoadRequest, actor: str, now: datetime) -> Load:
        """Save a QUEUED load that a person requests of an earlier one, and audit it: both or none.

        Requires a request that repeats a load.
        """
        new = _queued(request, now)
        with self.database.writing() as connection:
            saved = self.acceptance.save_in_transaction(connection, new)
            self.audit.add(
                actor,
                "load repeated",
                str(request.repeats),
                now,
                detail={"by": request.job_id},
                connection=connection,
            )
        return saved

    def get(self, job_id: JobId) -> Load | None:
        """Return a load."""
        return self._one(select(loads).where(loads.c.job_id == job_id))

    def of_ids(self, job_ids: Collection[JobId]) -> Sequence[Load]:
        """Return these loads."""
        return self._many(select(loads).where(loads.c.job_id.in_(job_ids)))

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
        """Return a load's position in the line of its table, from 1; None once it has started.

        One that is outstanding comes first, whatever its number.
        """
        if load.state is LoadState.REQUESTED:
            return 1
        if load.state is not LoadState.QUEUED:
            return None
        is_outstanding = loads.c.state.in_(sorted(OUTSTANDING_STATES))
        is_earlier = (loads.c.state == LoadState.QUEUED) & (loads.c.number < load.number)
        query = (
            select(func.count())
            .select_from(loads)
            .where(matches_target(loads, load.target), or_(is_outstanding, is_earlier))
        )
        with self.database.reading() as connection:
            return 1 + (connection.scalar(query) or 0)

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

    def end(
        self,
        job_id: JobId,
        outcome: Outcome,
        notices: Sequence[Notice],
        now: datetime,
        *,
        closing: AttemptResult = AttemptResult.LOST,
        only_after: int | None = None,
        canceled_by: str | None = None,
    ) -> bool:
        """Give a load its one outcome and its notifications, in one transaction.

        Return False, with nothing written, if it has an outcome already, if an attempt may be
        publishing right now, or if it has not had `only_after` attempts. An attempt left open is
        closed with `closing`: its worker can record nothing any more. If a person canceled the
        load, the audit trail says who, and a run of it is to be stopped; that is refused as soon as
        anything of the load may have been published.
        """
        is_canceled = canceled_by is not None
        in_the_way = may_have_published if is_canceled else has_publishing_attempt
        statement = ending(job_id, outcome, now, stop_run=is_canceled).where(~in_the_way(job_id))
        if only_after is not None:
            statement = statement.where(loads.c.attempts == only_after)
        with self.database.writing() as connection:
            lock_load(connection, job_id)
            if not end_in_transaction(connection, statement, job_id, notices, now):
                return False
            connection.execute(close_open_attempt(job_id, closing, now))
            if canceled_by is not None:
                self.audit.add(canceled_by, "load canceled", job_id, now, connection=connection)
        return True

    def _one(self, query: Select[Any]) -> Load | None:
        found = self._many(query)
        return found[0] if found else None

    def _many(self, query: Select[Any]) -> Sequence[Load]:
        with self.database.reading() as connection:
            return [load_of(row) for row in connection.execute(query).mappings()]


def _queued(request: LoadRequest, now: datetime) -> Load:
    """Return a new load; its number comes from the database."""
    accepted = now.astimezone(UTC)
    return Load(
        number=0,
        request=request,
        state=LoadState.QUEUED,
        attempts=0,
        accepted_at=accepted,
        next_attempt_at=first_attempt_due(request.origin, accepted),
    )
