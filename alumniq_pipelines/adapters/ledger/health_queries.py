"""Queries for loads and notifications that need the attention of staff."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, case, func, or_, select, tuple_

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.load_rows import load_of
from alumniq_pipelines.adapters.ledger.notifications import delivery_result_of
from alumniq_pipelines.adapters.ledger.tables import (
    attempts,
    delivery_attempts,
    holds,
    loads,
    notifications,
)
from alumniq_pipelines.adapters.ledger.targets import same_target
from alumniq_pipelines.core.loads.load import MAX_ATTEMPTS, UNDERWAY_STATES, Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.notifications.failure_cause import FailureCause
from alumniq_pipelines.core.notifications.load_outcome import OUR_FAULTS
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    DeliveryResult,
    NotificationState,
)
from alumniq_pipelines.core.problems.api import LoadCanceled, LoadCanceledUnderway
from alumniq_pipelines.core.problems.outcome import NotStarted

RECENT_LOADS = 500


@dataclass(frozen=True, slots=True)
class Backlog:
    """Loads that have not ended: how many, how many of them are running, and the first of them."""

    count: int
    running: int
    first: Load


@dataclass(frozen=True, slots=True, kw_only=True)
class UndeliveredDestination:
    """A destination whose newest notification could not be delivered.

    `digest` identifies it without showing it; a destination of staff has no `customer`.
    `last_result` is that of the notification's last attempt.
    """

    audience: Audience
    customer: str
    channel: Channel
    notification_id: str
    digest: str
    last_result: DeliveryResult


@dataclass(frozen=True)
class HealthQueries:
    """Read-only queries over loads and notifications."""

    database: Database

    def backlog(self, accepted_before: datetime, feeds: Collection[str]) -> Backlog | None:
        """Count the loads of these feeds that were accepted before a time and have not ended.

        None if there are none.
        """
        is_running = case((loads.c.state == LoadState.RUNNING, 1), else_=0)
        counts = select(
            func.count().label("count"),
            func.sum(is_running).label("running"),
            func.min(loads.c.number).label("first"),
        ).where(
            loads.c.state.in_(sorted(UNDERWAY_STATES)),
            loads.c.accepted_at < accepted_before,
            loads.c.feed.in_(sorted(feeds)),
        )
        counted = counts.subquery()
        query = select(loads, counted.c.count, counted.c.running).join(
            counted, counted.c.first == loads.c.number
        )
        with self.database.reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else Backlog(row["count"], row["running"], load_of(row))

    def stuck(self, before: datetime, feeds: Collection[str]) -> Sequence[tuple[Load, datetime]]:
        """Return loads of these feeds that left the queue before a time and have not ended.

        Each with the time when it did: when a run was requested, it began, or its hold was
        approved. Loads that wait for their turn are not among them.
        """
        since = func.coalesce(holds.c.decided_at, loads.c.started_at, loads.c.requested_at)
        query = (
            select(loads, since.label("since"))
            .outerjoin(holds, holds.c.job_id == loads.c.job_id)
            .where(
                loads.c.state.in_(sorted(UNDERWAY_STATES)),
                since < before,
                loads.c.feed.in_(sorted(feeds)),
            )
            .order_by(loads.c.number)
        )
        with self.database.reading() as connection:
            rows = connection.execute(query).mappings()
            return [(load_of(row), row["since"]) for row in rows]

    def not_starting(self, failed_launches: int) -> Sequence[Load]:
        """Return unfinished loads of which at least so many launches in a row have failed."""
        query = select(loads).where(
            loads.c.state.in_(sorted(UNDERWAY_STATES)),
            loads.c.failed_launches >= failed_launches,
        )
        with self.database.reading() as connection:
            rows = connection.execute(query.order_by(loads.c.number)).mappings()
            return [load_of(row) for row in rows]

    def last_activity(self) -> datetime | None:
        """Return when an attempt at any load last started or ended."""
        # Only attempts at the newest loads that have any are read, by index: attempts have no index
        # by time, and activity is where the newest of these loads are.
        recent = (
            select(loads.c.job_id)
            .where(loads.c.attempts > 0)
            .order_by(loads.c.number.desc())
            .limit(RECENT_LOADS)
            .subquery()
        )
        query = select(func.max(attempts.c.started_at), func.max(attempts.c.ended_at)).where(
            attempts.c.job_id.in_(select(recent.c.job_id))
        )
        with self.database.reading() as connection:
            times = [time for time in connection.execute(query).one() if time is not None]
        return max(times, default=None)

    def exhausted(self, since: datetime) -> Sequence[Load]:
        """Return each target's last load since then that failed by our fault for good."""
        later = loads.alias("later")
        has_recovered = (
            select(later.c.number)
            .where(
                same_target(later, loads),
                later.c.number > loads.c.number,
                later.c.state == LoadState.SUCCEEDED,
            )
            .exists()
        )
        last_attempt = and_(
            attempts.c.job_id == loads.c.job_id, attempts.c.number == loads.c.attempts
        )
        is_exhausted = or_(
            loads.c.attempts >= MAX_ATTEMPTS,
            # Never retried, so it is final at the first attempt.
            attempts.c.result == AttemptResult.MISCONFIGURED,
        )
        query = (
            select(loads)
            .outerjoin(attempts, last_attempt)
            .where(
                loads.c.state == LoadState.FAILED,
                loads.c.ended_at > since,
                or_(
                    is_exhausted & attempts.c.result.in_(OUR_FAULTS),
                    loads.c.failed_launches > 0,
                ),
                ~has_recovered,
            )
            .order_by(loads.c.number)
        )
        with self.database.reading() as connection:
            rows = connection.execute(query).mappings()
            found = [load for load in map(load_of, rows) if _failed_by_our_fault(load)]
        # In order of number, so the last load of each target wins.
        return list({load.target: load for load in found}.values())

    def channel_failure(self, channel: Channel) -> str | None:
        """Return how our own end of a channel failed; None if an attempt has got further since."""
        of_channel = (
            select(delivery_attempts.c.id, delivery_attempts.c.detail)
            .join(notifications, notifications.c.id == delivery_attempts.c.notification_id)
            .where(notifications.c.channel == channel)
        )
        failed = delivery_attempts.c.cause == FailureCause.CHANNEL
        last = of_channel.where(failed).order_by(delivery_attempts.c.id.desc()).limit(1)
        with self.database.reading() as connection:
            failure = connection.execute(last).one_or_none()
            if failure is None:
                return None
            later = of_channel.where(delivery_attempts.c.id > failure.id).limit(1)
            has_recovered = connection.execute(later).one_or_none() is not None
        return None if has_recovered else str(failure.detail)

    def overdue_notifications(self, before: datetime) -> tuple[int, datetime] | None:
        """Count the notifications that nobody sends although they were due before a time.

        With the time when the first of them was due; None if there are none.
        """
        query = select(func.count(), func.min(notifications.c.next_attempt_at)).where(
            notifications.c.state == NotificationState.PENDING,
            notifications.c.next_attempt_at < before,
            func.coalesce(notifications.c.leased_until, before) <= before,
        )
        with self.database.reading() as connection:
            count, first = connection.execute(query).one()
        return (count, first) if count else None

    def undelivered(self, since: datetime) -> Sequence[UndeliveredDestination]:
        """Return destinations whose newest finished notification about a load was given up.

        None of those that were given up because our own end of the channel failed.
        """
        # Staff are one recipient, whichever customer's load a notification is about.
        is_customer = notifications.c.audience == Audience.CUSTOMER
        customer = case((is_customer, loads.c.customer), else_="").label("customer")
        destination = (
            notifications.c.audience,
            customer,
            notifications.c.channel,
            notifications.c.destination,
        )
        finished = (
            select(*destination, notifications.c.id, notifications.c.state)
            .join(loads, loads.c.job_id == notifications.c.job_id)
            .where(
                # Heartbeats are given up by design, once they are too old to mean anything.
                notifications.c.audience != Audience.MONITOR,
                notifications.c.created_at > since,
                notifications.c.state != NotificationState.PENDING,
            )
        )
        given_up = (
            select(*destination)
            .join(loads, loads.c.job_id == notifications.c.job_id)
            .where(
                notifications.c.created_at > since,
                notifications.c.state == NotificationState.GIVEN_UP,
            )
        )
        # Destinations that never failed are not read: nearly all of them.
        newest_last = finished.where(tuple_(*destination).in_(given_up)).order_by(
            notifications.c.created_at, notifications.c.id
        )
        with self.database.reading() as connection:
            # Rows come oldest first, so the newest row of each destination wins.
            newest = {tuple(row[:4]): row for row in connection.execute(newest_last)}
            unsent = [row for row in newest.values() if row.state is NotificationState.GIVEN_UP]
            results = _last_results(connection, [row.id for row in unsent])
        return [
            UndeliveredDestination(
                audience=row.audience,
                customer=row.customer,
                channel=row.channel,
                notification_id=row.id,
                digest=hashlib.sha256(row.destination.encode("utf-8", "replace")).hexdigest()[:12],
                last_result=results[row.id],
            )
            for row in unsent
            if results[row.id].cause is not FailureCause.CHANNEL
        ]


def _last_results(
    connection: Connection, notification_ids: Collection[str]
) -> Mapping[str, DeliveryResult]:
    """Return the result of the last delivery attempt of each of these notifications."""
    if not notification_ids:
        return {}
    attempted = delivery_attempts.c.notification_id
    last = select(func.max(delivery_attempts.c.id)).where(attempted.in_(notification_ids))
    query = select(delivery_attempts).where(delivery_attempts.c.id.in_(last.group_by(attempted)))
    rows = connection.execute(query).mappings()
    return {row["notification_id"]: delivery_result_of(row) for row in rows}


def _failed_by_our_fault(load: Load) -> bool:
    """Whether a failed load whose last attempt or launch failed by our fault ended for that.

    A person may have canceled it meanwhile. What ended a load is stored as its errors only.
    """
    if load.failed_launches:
        return str(NotStarted()) in load.errors
    return not {str(LoadCanceled()), str(LoadCanceledUnderway())} & set(load.errors)
