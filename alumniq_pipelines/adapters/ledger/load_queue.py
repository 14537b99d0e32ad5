"""The queue of loads: which one a run is requested for next, and what is outstanding.

Each table has a line: one load of it at a time, in order of acceptance. The queue takes from the
heads of the lines.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, case, func, or_, select, update

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.load_rows import load_of
from alumniq_pipelines.adapters.ledger.load_transitions import (
    has_open_attempt,
    in_acceptance_order,
    is_first_in_line,
    lock_line,
    lock_load,
    transition,
)
from alumniq_pipelines.adapters.ledger.tables import loads
from alumniq_pipelines.adapters.ledger.targets import target_columns
from alumniq_pipelines.core.loads.load import (
    OUTSTANDING_STATES,
    UNDERWAY_STATES,
    JobId,
    Load,
    LoadState,
)
from alumniq_pipelines.core.loads.target import Environment

MAX_STOPPING = 50


@dataclass(frozen=True)
class LoadQueue:
    """The loads that are queued or outstanding."""

    database: Database

    def next_loads(
        self, feeds: Collection[str], max_outstanding: int, now: datetime
    ) -> Sequence[Load]:
        """Return the loads to request runs for now, in this order.

        Only the first load in the line of each table, if it is queued and due and its feed is among
        `feeds`; and only so many that at most `max_outstanding` are outstanding. Production comes
        before QA, then the customer with the fewest outstanding loads, counting those returned
        before; then the order of acceptance.
        """
        with self.database.reading() as connection:
            room = max_outstanding - (connection.scalar(_COUNT_OUTSTANDING) or 0)
            if room <= 0:
                return ()
            query = _next_loads(sorted(feeds), now).limit(room)
            return [load_of(row) for row in connection.execute(query).mappings()]

    def request(self, load: Load, now: datetime) -> int | None:
        """Move a load from QUEUED to REQUESTED and return the launch of the run to request.

        None if it is not queued, or not the first in the line of its table.
        """
        statement = (
            transition(load.job_id, LoadState.REQUESTED)
            .where(is_first_in_line())
            .values(requested_at=now, launch=loads.c.launch + 1, next_attempt_at=None)
            .returning(loads.c.launch)
        )
        with self.database.writing() as connection:
            lock_line(connection, load.target)
            lock_load(connection, load.job_id)
            launch: int | None = connection.scalar(statement)
        return launch

    def requeue(
        self, load: Load, next_attempt_at: datetime | None, *, is_failed_launch: bool
    ) -> bool:
        """Move an outstanding load to QUEUED; runs of its present launch may not begin any more.

        False, with nothing written, if its launch is another one by now or an attempt is open.
        """
        statement = (
            transition(load.job_id, LoadState.QUEUED)
            .where(
                loads.c.state.in_(sorted(OUTSTANDING_STATES)),
                loads.c.launch == load.launch,
                ~has_open_attempt(load.job_id),
            )
            .values(
                requested_at=None,
                launch=loads.c.launch + 1,
                failed_launches=loads.c.failed_launches + int(is_failed_launch),
                next_attempt_at=next_attempt_at,
            )
        )
        with self.database.writing() as connection:
            lock_load(connection, load.job_id)
            return connection.execute(statement).rowcount == 1

    def release(self, job_id: JobId) -> None:
        """Let a queued load be requested as soon as it is its turn."""
        statement = update(loads).where(
            loads.c.job_id == job_id, loads.c.state == LoadState.QUEUED, loads.c.attempts == 0
        )
        with self.database.writing_once() as connection:
            connection.execute(statement.values(next_attempt_at=None))

    def outstanding(self) -> Sequence[Load]:
        """Return the loads that are REQUESTED or RUNNING, in order of acceptance."""
        return self._many(in_acceptance_order(*sorted(OUTSTANDING_STATES)))

    def queued_of_other_feeds(self, feeds: Collection[str], limit: int = 50) -> Sequence[Load]:
        """Return QUEUED loads of feeds other than these, in order of acceptance."""
        query = in_acceptance_order(LoadState.QUEUED).where(loads.c.feed.not_in(sorted(feeds)))
        return self._many(query.limit(limit))

    def stopping(self) -> Sequence[Load]:
        """Return ended loads whose runs are to be stopped, in order of acceptance."""
        query = select(loads).where(loads.c.stop_requested_at.is_not(None)).order_by(loads.c.number)
        return self._many(query.limit(MAX_STOPPING))

    def mark_stopped(self, job_id: JobId) -> None:
        """Record that no run of an ended load is left to be stopped."""
        statement = update(loads).where(loads.c.job_id == job_id).values(stop_requested_at=None)
        with self.database.writing_once() as connection:
            connection.execute(statement)

    def _many(self, query: Select[tuple[object, ...]]) -> Sequence[Load]:
        with self.database.reading() as connection:
            return [load_of(row) for row in connection.execute(query).mappings()]


_COUNT_OUTSTANDING = (
    select(func.count()).select_from(loads).where(loads.c.state.in_(sorted(OUTSTANDING_STATES)))
)


def _next_loads(feeds: Sequence[str], now: datetime) -> Select[tuple[object, ...]]:
    """Return the query for the loads that are next.

    It reads the unfinished loads by the index on the state, once.
    """
    is_outstanding = case((loads.c.state.in_(sorted(OUTSTANDING_STATES)), 1), else_=0)
    lines = (
        select(
            loads.c.number,
            loads.c.customer,
            loads.c.environment,
            loads.c.feed,
            loads.c.state,
            loads.c.next_attempt_at,
            # An outstanding load is the first in its line, whatever its number.
            func.row_number()
            .over(
                partition_by=target_columns(loads),
                order_by=(is_outstanding.desc(), loads.c.number),
            )
            .label("position"),
            func.sum(is_outstanding)
            .over(partition_by=loads.c.customer)
            .label("outstanding_of_customer"),
        )
        .where(loads.c.state.in_(sorted(UNDERWAY_STATES)))
        .subquery("lines")
    )
    is_test = case((lines.c.environment == Environment.PRODUCTION, 0), else_=1)
    # What its customer would have outstanding once this load is requested, too.
    share = lines.c.outstanding_of_customer + func.row_number().over(
        partition_by=lines.c.customer, order_by=(is_test, lines.c.number)
    )
    due = (
        select(lines.c.number, is_test.label("is_test"), share.label("share"))
        .where(
            lines.c.position == 1,
            lines.c.state == LoadState.QUEUED,
            or_(lines.c.next_attempt_at.is_(None), lines.c.next_attempt_at <= now),
            lines.c.feed.in_(feeds),
        )
        .subquery("due")
    )
    return (
        select(loads)
        .join(due, due.c.number == loads.c.number)
        .order_by(due.c.is_test, due.c.share, loads.c.number)
    )
