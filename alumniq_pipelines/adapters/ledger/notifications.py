"""Notifications and their delivery attempts; a lease keeps two processes from sending the same."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    func,
    insert,
    or_,
    select,
    update,
)

from alumniq_pipelines.adapters.ledger.audit import AuditTrail
from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.tables import audit, delivery_attempts, loads, notifications
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.notifications.failure_cause import FailureCause
from alumniq_pipelines.core.notifications.notification import (
    EVERYBODY,
    Audience,
    Channel,
    DeliveryResult,
    Notice,
    Notification,
    NotificationState,
    next_after_failure,
)

RESENT = "notification resent"
"""The action of the audit entry."""


@dataclass(frozen=True)
class Notifications:
    """The outbox: notifications are written in the transaction of what they are about."""

    database: Database
    audit: AuditTrail

    def enqueue_start(self, job_id: JobId, notices: Sequence[Notice], now: datetime) -> None:
        """Enqueue the notices of a load's start; repeating it changes nothing."""
        rows = _rows(f"msg_{job_id}-start", notices, now, job_id=job_id)
        if rows:
            statement = self.database.insert(notifications)
            with self.database.writing_once() as connection:
                # A later attempt at the load starts it again: the ids are the same.
                connection.execute(statement.on_conflict_do_nothing(index_elements=["id"]), rows)

    def has_due(self, now: datetime) -> bool:
        """Whether a notification is due that nobody is sending."""
        query = select(notifications.c.id).where(_is_due(now)).limit(1)
        with self.database.reading() as connection:
            return connection.scalar(query) is not None

    def claim(
        self,
        now: datetime,
        lease: timedelta,
        limit: int = 100,
        channels: Collection[Channel] = tuple(Channel),
        except_domains: Collection[str] = (),
    ) -> Sequence[Notification]:
        """Claim due notifications for sending; no other process gets them until the lease ends.

        None to an e-mail address of `except_domains`.
        """
        address = func.lower(notifications.c.destination)
        excluded = [address.endswith(f"@{name}", autoescape=True) for name in except_domains]
        due = (
            select(notifications.c.id)
            .where(
                _is_due(now),
                notifications.c.channel.in_(channels),
                *(~is_excluded for is_excluded in excluded),
            )
            .order_by(notifications.c.next_attempt_at, notifications.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)  # PostgreSQL; SQLite has one writer at a time
            .cte("due")
        )
        claimed = (
            update(notifications)
            .where(notifications.c.id.in_(select(due.c.id)))
            .values(leased_until=now + lease)
            .returning(notifications)
        )
        with self.database.writing() as connection:
            taken = [_notification(row) for row in connection.execute(claimed).mappings()]
        # RETURNING has no order.
        return sorted(
            taken, key=lambda notification: (notification.next_attempt_at, notification.id)
        )

    def renew(self, notification: Notification, until: datetime) -> Notification:
        """Extend the lease of a notification that is being sent, if it is still the sender's."""
        statement = (
            update(notifications)
            .where(
                notifications.c.id == notification.id,
                notifications.c.leased_until == notification.leased_until,
            )
            .values(leased_until=until)
        )
        with self.database.writing_once() as connection:
            is_renewed = connection.execute(statement).rowcount == 1
        return replace(notification, leased_until=until) if is_renewed else notification

    def record(self, notification: Notification, result: DeliveryResult, now: datetime) -> None:
        """Record a delivery attempt and the notification's next state.

        Only the latest claim decides about the next attempt: a sender that outlived its lease may
        still record a delivery, but not a failure over the claim of another sender. What failed
        at our own end does not count as an attempt.
        """
        attempt = insert(delivery_attempts).values(
            notification_id=notification.id,
            at=now,
            delivered=result.delivered,
            permanent=result.permanent,
            detail=result.detail,
            cause=result.cause,
        )
        changes: dict[str, Any] = {"leased_until": None}
        if result.cause is not FailureCause.CHANNEL:
            changes["attempts"] = notifications.c.attempts + 1
        with self.database.writing() as connection:
            connection.execute(attempt)
            statement = update(notifications).where(
                notifications.c.id == notification.id,
                notifications.c.state == NotificationState.PENDING,
            )
            if result.delivered:
                changes["state"] = NotificationState.DELIVERED
            else:
                statement = statement.where(
                    notifications.c.leased_until == notification.leased_until
                )
                unanswered = _unanswered(connection, notification.id)
                resent_at = _resent_at(connection, notification.id)
                again = next_after_failure(notification, result, now, unanswered, resent_at)
                if again is None:
                    changes["state"] = NotificationState.GIVEN_UP
                else:
                    changes["next_attempt_at"] = again
            connection.execute(statement.values(changes))

    def make_due_again(self, notification_id: str, actor: str, now: datetime) -> bool:
        """Make a notification due now, with a new retry schedule and an audit entry.

        Return False, with nothing written, if there is none or a delivery attempt is in progress.
        """
        again = (
            update(notifications)
            .where(
                notifications.c.id == notification_id,
                or_(notifications.c.leased_until.is_(None), notifications.c.leased_until <= now),
            )
            .values(state=NotificationState.PENDING, attempts=0, next_attempt_at=now)
        )
        with self.database.writing() as connection:
            if connection.execute(again).rowcount == 0:
                return False
            self.audit.add(actor, RESENT, notification_id, now, connection=connection)
        return True

    def of(
        self, job_id: JobId, audiences: Collection[Audience] = EVERYBODY
    ) -> Sequence[Notification]:
        """Return a load's notifications for these audiences."""
        query = select(notifications).where(
            notifications.c.job_id == job_id, notifications.c.audience.in_(audiences)
        )
        with self.database.reading() as connection:
            rows = connection.execute(query.order_by(notifications.c.id)).mappings()
            return [_notification(row) for row in rows]

    def get(self, notification_id: str) -> Notification | None:
        """Return a notification."""
        query = select(notifications).where(notifications.c.id == notification_id)
        with self.database.reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else _notification(row)

    def find(
        self,
        *,
        customer: str | None = None,
        states: Sequence[NotificationState] = (),
        limit: int = 50,
    ) -> Sequence[Notification]:
        """Return notifications, newest first; empty `states` means all."""
        query = select(notifications).order_by(
            notifications.c.created_at.desc(), notifications.c.id
        )
        if customer is not None:
            query = query.join(loads, notifications.c.job_id == loads.c.job_id)
            query = query.where(loads.c.customer == customer)
        if states:
            query = query.where(notifications.c.state.in_(states))
        with self.database.reading() as connection:
            return [_notification(row) for row in connection.execute(query.limit(limit)).mappings()]

    def about_loads(
        self,
        customer: str,
        environment: Environment,
        feeds: Sequence[str] | None = None,
        *,
        audiences: Collection[Audience] = EVERYBODY,
        limit: int = 100,
        offset: int = 0,
    ) -> Sequence[Notification]:
        """Return notifications about a customer's loads, newest first; `feeds` None means all."""
        query = (
            select(notifications)
            .join(loads, notifications.c.job_id == loads.c.job_id)
            .where(
                loads.c.customer == customer,
                loads.c.environment == environment,
                notifications.c.audience.in_(audiences),
            )
            .order_by(notifications.c.created_at.desc(), notifications.c.id)
            .limit(limit)
            .offset(offset)
        )
        if feeds is not None:
            query = query.where(loads.c.feed.in_(feeds))
        with self.database.reading() as connection:
            return [_notification(row) for row in connection.execute(query).mappings()]

    def attempts(self, notification_id: str) -> Sequence[tuple[datetime, DeliveryResult]]:
        """Return the delivery attempts of a notification, oldest first."""
        query = (
            select(delivery_attempts)
            .where(delivery_attempts.c.notification_id == notification_id)
            .order_by(delivery_attempts.c.id)
        )
        with self.database.reading() as connection:
            rows = connection.execute(query).mappings()
            return [(row["at"], delivery_result_of(row)) for row in rows]


def delivery_result_of(row: RowMapping) -> DeliveryResult:
    """Read the result of a delivery attempt from its row."""
    return DeliveryResult(
        delivered=row["delivered"],
        detail=row["detail"],
        permanent=row["permanent"],
        cause=row["cause"],
    )


def enqueue(
    connection: Connection,
    name: str,
    notices: Sequence[Notice],
    now: datetime,
    *,
    job_id: JobId | None = None,
    incident_id: int | None = None,
) -> None:
    """Enqueue the notices about a load or an incident, in the caller's transaction.

    The ids are `name` with a number, so notices of one name can be enqueued only once.
    """
    rows = _rows(name, notices, now, job_id=job_id, incident_id=incident_id)
    if rows:
        connection.execute(insert(notifications), rows)


def _is_due(now: datetime) -> ColumnElement[bool]:
    return and_(
        notifications.c.state == NotificationState.PENDING,
        notifications.c.next_attempt_at <= now,
        or_(notifications.c.leased_until.is_(None), notifications.c.leased_until <= now),
    )


def _unanswered(connection: Connection, notification_id: str) -> int:
    """Count the attempts at a notification that may have arrived."""
    query = select(func.count()).where(
        delivery_attempts.c.notification_id == notification_id,
        delivery_attempts.c.cause == FailureCause.UNANSWERED,
    )
    return connection.scalar(query) or 0


def _resent_at(connection: Connection, notification_id: str) -> datetime | None:
    """Return when somebody last had a notification sent again."""
    query = select(func.max(audit.c.at)).where(
        audit.c.subject == notification_id, audit.c.action == RESENT
    )
    at: datetime | None = connection.scalar(query)
    return at


def _rows(
    name: str,
    notices: Sequence[Notice],
    now: datetime,
    *,
    job_id: JobId | None = None,
    incident_id: int | None = None,
) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{name}-{index}",
            "job_id": job_id,
            "incident_id": incident_id,
            "channel": notice.channel,
            "audience": notice.audience,
            "destination": notice.destination,
            "subject": notice.subject,
            "body": notice.body,
            "state": NotificationState.PENDING,
            "attempts": 0,
            "created_at": now,
            "next_attempt_at": now,
        }
        for index, notice in enumerate(notices, start=1)
    ]


def _notification(row: RowMapping) -> Notification:
    return Notification(
        id=row["id"],
        job_id=None if row["job_id"] is None else JobId(row["job_id"]),
        notice=Notice(
            channel=row["channel"],
            destination=row["destination"],
            body=row["body"],
            subject=row["subject"],
            audience=row["audience"],
        ),
        state=row["state"],
        attempts=row["attempts"],
        created_at=row["created_at"],
        next_attempt_at=row["next_attempt_at"],
        leased_until=row["leased_until"],
        incident_id=row["incident_id"],
    )
