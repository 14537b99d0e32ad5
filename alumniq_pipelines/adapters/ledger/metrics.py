"""Metrics over the whole ledger, one statement each, none of which reads what is long past."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.tables import (
    attempts,
    delivery_attempts,
    holds,
    incidents,
    loads,
    notifications,
)
from alumniq_pipelines.core.loads.load import FINAL_STATES, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.monitoring.incident import Kind
from alumniq_pipelines.core.notifications.notification import Channel, NotificationState

UNFINISHED_STATES = tuple(state for state in LoadState if state not in FINAL_STATES)
UNDELIVERED_STATES = (NotificationState.PENDING, NotificationState.GIVEN_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedLoads:
    """The loads of one state: how many, and since when the first of them waits.

    `waiting_since` counts from the acceptance or approval, `requested_since` from the request of
    the run. `failed_launches` are those in a row, of all these loads.
    """

    count: int
    waiting_since: datetime
    requested_since: datetime | None
    failed_launches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedLoad:
    """A load that has its outcome."""

    environment: Environment
    feed: str
    state: LoadState
    accepted_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedAttempt:
    """An attempt that is over; `seconds` by step, empty where no file was checked."""

    result: AttemptResult
    started_at: datetime
    ended_at: datetime
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DueNotifications:
    """The notifications of one channel that are due: how many, and since when the first is."""

    count: int
    since: datetime


@dataclass(frozen=True)
class LedgerMetrics:
    """Counts over all customers."""

    database: Database

    def unfinished_loads(self) -> Mapping[LoadState, UnfinishedLoads]:
        """Count the loads that have not ended, by state."""
        query = (
            select(
                loads.c.state,
                func.count(),
                func.min(func.coalesce(holds.c.decided_at, loads.c.accepted_at)),
                func.min(loads.c.requested_at),
                func.sum(loads.c.failed_launches),
            )
            .select_from(loads)
            .outerjoin(holds, holds.c.job_id == loads.c.job_id)
            .where(loads.c.state.in_(UNFINISHED_STATES))
            .group_by(loads.c.state)
        )
        with self.database.reading() as connection:
            return {
                state: UnfinishedLoads(
                    count=count,
                    waiting_since=waiting_since,
                    requested_since=requested_since,
                    failed_launches=failed_launches,
                )
                for state, count, waiting_since, requested_since, failed_launches in (
                    connection.execute(query)
                )
            }

    def ended_loads(self, after: datetime, until: datetime) -> Sequence[EndedLoad]:
        """Return the loads that ended in a span of time."""
        columns = loads.c.environment, loads.c.feed, loads.c.state
        query = select(*columns, loads.c.accepted_at, loads.c.ended_at).where(
            loads.c.ended_at > after,
            loads.c.ended_at <= until,
            loads.c.state.in_(sorted(FINAL_STATES)),
        )
        with self.database.reading() as connection:
            return [EndedLoad(**row) for row in connection.execute(query).mappings()]

    def last_successes(self, after: datetime) -> Mapping[tuple[Environment, str], datetime]:
        """Return when a load of each environment and feed last succeeded after a time."""
        of = loads.c.environment, loads.c.feed
        query = (
            select(*of, func.max(loads.c.ended_at))
            .where(loads.c.ended_at > after, loads.c.state == LoadState.SUCCEEDED)
            .group_by(*of)
        )
        with self.database.reading() as connection:
            return {
                (environment, feed): ended_at
                for environment, feed, ended_at in connection.execute(query)
            }

    def ended_attempts(self, after: datetime, until: datetime) -> Sequence[EndedAttempt]:
        """Return the attempts that ended in a span of time."""
        query = select(
            attempts.c.result, attempts.c.started_at, attempts.c.ended_at, attempts.c.seconds
        ).where(attempts.c.ended_at > after, attempts.c.ended_at <= until)
        with self.database.reading() as connection:
            return [
                EndedAttempt(
                    result=result, started_at=started_at, ended_at=ended_at, seconds=seconds or {}
                )
                for result, started_at, ended_at, seconds in connection.execute(query)
            ]

    def undelivered(self) -> Mapping[NotificationState, int]:
        """Count the notifications that are not delivered, by state."""
        state = notifications.c.state
        query = select(state, func.count()).where(state.in_(UNDELIVERED_STATES)).group_by(state)
        with self.database.reading() as connection:
            return {state: count for state, count in connection.execute(query)}  # noqa: C416

    def due_notifications(self, now: datetime) -> Mapping[Channel, DueNotifications]:
        """Count the notifications that are due, by channel."""
        query = (
            select(notifications.c.channel, func.count(), func.min(notifications.c.next_attempt_at))
            .where(
                notifications.c.state == NotificationState.PENDING,
                notifications.c.next_attempt_at <= now,
            )
            .group_by(notifications.c.channel)
        )
        with self.database.reading() as connection:
            return {
                channel: DueNotifications(count=count, since=since)
                for channel, count, since in connection.execute(query)
            }

    def last_delivery_attempt(self) -> int:
        """Return the number of the newest delivery attempt; 0 if there is none."""
        with self.database.reading() as connection:
            return connection.scalar(select(func.max(delivery_attempts.c.id))) or 0

    def delivery_attempts(self, after: int, until: int) -> Mapping[tuple[Channel, bool], int]:
        """Count delivery attempts in a span of numbers, by channel and whether they succeeded."""
        of = notifications.c.channel, delivery_attempts.c.delivered
        query = (
            select(*of, func.count())
            .select_from(delivery_attempts)
            .join(notifications, notifications.c.id == delivery_attempts.c.notification_id)
            .where(delivery_attempts.c.id > after, delivery_attempts.c.id <= until)
            .group_by(*of)
        )
        with self.database.reading() as connection:
            return {
                (channel, delivered): count
                for channel, delivered, count in connection.execute(query)
            }

    def open_incidents(self) -> Mapping[Kind, int]:
        """Count open incidents by kind; the first four kinds are missed deliveries."""
        query = select(incidents.c.kind, func.count()).where(incidents.c.closed_at.is_(None))
        with self.database.reading() as connection:
            rows = connection.execute(query.group_by(incidents.c.kind))
            return {kind: count for kind, count in rows}  # noqa: C416
