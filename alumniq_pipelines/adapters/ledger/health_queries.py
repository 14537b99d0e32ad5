"""Queries for loads and notifications that need the attention of staff."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, case, func, or_, select, tuple_

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.load_rows import load_of
from alumniq_pipelines.adapters.ledger.tables import attempts, loads, notifications
from alumniq_pipelines.core.loads.load import MAX_ATTEMPTS, UNDERWAY_STATES, Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.notifications.load_outcome import OUR_FAULTS
from alumniq_pipelines.core.notifications.notification import Audience, Channel, NotificationState

RECENT_LOADS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class UndeliveredDestination:
    """A destination whose newest notification could not be delivered.

    `digest` identifies it without showing it; a destination of staff has no `customer`.
    """

    audience: Audience
    customer: str
    channel: Channel
    notification_id: str
    digest: str


@dataclass(frozen=True)
class HealthQueries:
    """Read-only queries over loads and notifications."""

    database: Database

    def unfinished(self, accepted_before: datetime, feeds: Collection[str]) -> Sequence[Load]:
        """Return loads of these feeds that were accepted before a time and have no outcome."""
        query = select(loads).where(
            loads.c.state.in_(sorted(UNDERWAY_STATES)),
            loads.c.accepted_at < accepted_before,
            loads.c.feed.in_(feeds),
        )
        with self.database.reading() as connection:
            rows = connection.execute(query.order_by(loads.c.number)).mappings()
            return [load_of(row) for row in rows]

    def last_activity(self) -> datetime | None:
        """Return when an attempt at any load last started or ended."""
        # Only attempts at the newest loads are read, by index: attempts have no index by time, and
        # activity is where the newest loads are.
        recent = (
            select(loads.c.job_id).order_by(loads.c.number.desc()).limit(RECENT_LOADS).subquery()
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
                later.c.customer == loads.c.customer,
                later.c.environment == loads.c.environment,
                later.c.feed == loads.c.feed,
                later.c.number > loads.c.number,
                later.c.state == LoadState.SUCCEEDED,
            )
            .exists()
        )
        last_attempt = and_(
            attempts.c.job_id == loads.c.job_id, attempts.c.number == loads.c.attempts
        )
        query = (
            select(loads)
            .join(attempts, last_attempt)
            .where(
                loads.c.state == LoadState.FAILED,
                loads.c.ended_at > since,
                or_(
                    loads.c.attempts >= MAX_ATTEMPTS,
                    # Never retried, so it is final at the first attempt.
                    attempts.c.result == AttemptResult.MISCONFIGURED,
                ),
                attempts.c.result.in_(OUR_FAULTS),
                ~has_recovered,
            )
            .order_by(loads.c.number)
        )
        with self.database.reading() as connection:
            found = [load_of(row) for row in connection.execute(query).mappings()]
        # In order of number, so the last load of each target wins.
        return list({load.target: load for load in found}.values())

    def undelivered(self, since: datetime) -> Sequence[UndeliveredDestination]:
        """Return destinations whose newest finished notification about a load was given up."""
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
        return [
            UndeliveredDestination(
                audience=row.audience,
                customer=row.customer,
                channel=row.channel,
                notification_id=row.id,
                digest=hashlib.sha256(row.destination.encode("utf-8", "replace")).hexdigest()[:12],
            )
            for row in newest.values()
            if row.state is NotificationState.GIVEN_UP
        ]
