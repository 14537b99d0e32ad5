"""Deleting what is old: each method finds its rows by index and deletes few in a transaction.

SQLite has one writer at a time: while a transaction deletes, no load is accepted.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, literal, select, tuple_
from sqlalchemy.sql.expression import false

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.tables import (
    attempts,
    audit,
    delivery_attempts,
    holds,
    incidents,
    loads,
    notifications,
    versions,
)
from alumniq_pipelines.adapters.ledger.targets import (
    matches_target,
    target_columns,
    target_of,
    target_values,
)
from alumniq_pipelines.core.loads.baseline import ROLLBACK
from alumniq_pipelines.core.loads.load import FINAL_STATES, JobId, LoadState, Origin
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.notifications.notification import NotificationState

KEPT_LOADS = 20
"""Of each table, the newest loads stay, and those of the newest files, however old they are."""
_TARGET = target_columns(loads)


@dataclass(frozen=True)
class ExpiredRows:
    """Finds and deletes rows that nothing needs any more; the rules are in LedgerRetention."""

    database: Database

    def next_target(self, after: Target | None) -> Target | None:
        """Return the first target, in their order, that has a load; None behind the last."""
        query = select(*_TARGET).order_by(*_TARGET).limit(1)
        if after is not None:
            values = target_values(after)
            bounds = [literal(values[column.name], column.type) for column in _TARGET]
            query = query.where(tuple_(*_TARGET) > tuple_(*bounds))
        with self.database.reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else target_of(row)

    def expired_loads(
        self, target: Target, before: datetime, *, after: int, limit: int
    ) -> Sequence[tuple[int, JobId]]:
        """Return loads behind a number that ended before a time and that the ledger can spare.

        The newest KEPT_LOADS stay, the newest published files with the calls of the webhook that
        announced them, and loads that a person had repeated.
        """
        with self.database.reading() as connection:
            newest = connection.scalars(
                select(loads.c.number)
                .where(matches_target(loads, target))
                .order_by(loads.c.number.desc())
                .limit(KEPT_LOADS)
            ).all()
            if len(newest) < KEPT_LOADS:
                return []
            query = (
                select(loads.c.number, loads.c.job_id)
                .where(
                    matches_target(loads, target),
                    loads.c.number > after,
                    loads.c.number < newest[-1],
                    loads.c.state.in_(sorted(FINAL_STATES)),
                    loads.c.ended_at < before,
                    loads.c.stop_requested_at.is_(None),
                )
                .order_by(loads.c.number)
                .limit(limit)
            )
            if connection.execute(query.limit(1)).one_or_none() is None:  # nearly always
                return []
            repeated = select(loads.c.repeats).where(
                matches_target(loads, target), loads.c.repeats.is_not(None)
            )
            spared = query.where(
                loads.c.number.not_in(_arrivals(connection, target)),
                loads.c.job_id.not_in(repeated),
            )
            return [(row.number, JobId(row.job_id)) for row in connection.execute(spared)]

    def delete_loads(self, target: Target, job_ids: Collection[JobId]) -> int:
        """Delete ended loads of a target with all that belongs to them, and return how many.

        None that has a notification which is pending, or is to be sent again since.
        """
        with self.database.writing() as connection:
            # On PostgreSQL, nobody else adds to these loads, or changes their notifications.
            locked = select(loads.c.job_id).where(
                matches_target(loads, target),
                loads.c.job_id.in_(job_ids),
                loads.c.state.in_(sorted(FINAL_STATES)),
            )
            ended = set(connection.scalars(locked.with_for_update()))
            about = select(notifications.c.job_id, notifications.c.state).where(
                notifications.c.job_id.in_(ended)
            )
            pending = {
                row.job_id
                for row in connection.execute(about.with_for_update())
                if row.state is NotificationState.PENDING
            }
            spared = sorted(ended - pending)
            _delete_notifications(connection, notifications.c.job_id.in_(spared))
            for table in (attempts, holds):
                connection.execute(delete(table).where(table.c.job_id.in_(spared)))
            connection.execute(
                delete(versions).where(
                    matches_target(versions, target), versions.c.job_id.in_(spared)
                )
            )
            connection.execute(delete(loads).where(loads.c.job_id.in_(spared)))
        return len(spared)

    def delete_incidents(self, before: datetime, limit: int) -> int:
        """Delete incidents that were closed before a time, with their notifications."""
        is_pending = (
            select(notifications.c.id)
            .where(
                notifications.c.incident_id == incidents.c.id,
                notifications.c.state == NotificationState.PENDING,
            )
            .exists()
        )
        expired = (
            select(incidents.c.id)
            .where(incidents.c.opened_at < before, incidents.c.closed_at < before, ~is_pending)
            .order_by(incidents.c.opened_at)
            .limit(limit)
            .with_for_update()
        )
        with self.database.writing() as connection:
            ids = connection.scalars(expired).all()
            _delete_notifications(connection, notifications.c.incident_id.in_(ids))
            connection.execute(delete(incidents).where(incidents.c.id.in_(ids)))
        return len(ids)

    def delete_audit_entries(self, before: datetime, limit: int) -> int:
        """Delete entries of the audit trail that were made before a time, but for rollbacks.

        A sensor reports those to Dagster, maybe later.
        """
        oldest = (
            select(audit.c.id, audit.c.at)
            .where(audit.c.action != ROLLBACK)
            .order_by(audit.c.id)
            .limit(limit)
        )
        with self.database.reading() as connection:
            expired = [row.id for row in connection.execute(oldest) if row.at < before]
        if expired:
            with self.database.writing_once() as connection:
                connection.execute(delete(audit).where(audit.c.id.in_(expired)))
        return len(expired)


def _arrivals(connection: Connection, target: Target) -> set[int]:
    """Return the numbers of the calls that announced the files last published, and their successes.

    A load that staff requested has the file of the webhook's load before it. See Watches.arrivals.
    """
    found: set[int] = set()
    behind: list[ColumnElement[bool]] = []
    for _ in range(KEPT_LOADS):
        success = _newest(connection, target, loads.c.state == LoadState.SUCCEEDED, *behind)
        if success is None:
            break
        is_call = loads.c.origin == Origin.WEBHOOK
        arrival = _newest(connection, target, is_call, loads.c.number <= success)
        found.add(success)
        if arrival is None:
            break
        found.add(arrival)
        behind = [loads.c.number < arrival]
    return found


def _newest(connection: Connection, target: Target, *conditions: ColumnElement[bool]) -> int | None:
    """Return the number of a target's newest load of a kind; no dry run."""
    query = (
        select(loads.c.number)
        .where(matches_target(loads, target), loads.c.dry_run == false(), *conditions)
        .order_by(loads.c.number.desc())
        .limit(1)
    )
    number: int | None = connection.scalar(query)
    return number


def _delete_notifications(connection: Connection, condition: Any) -> None:
    ids = select(notifications.c.id).where(condition)
    connection.execute(
        delete(delivery_attempts).where(delivery_attempts.c.notification_id.in_(ids))
    )
    connection.execute(delete(notifications).where(condition))
