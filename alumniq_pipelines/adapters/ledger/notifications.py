"""Notifications and their delivery attempts: claimed by lease, so none is sent by two at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, insert, or_, select, update

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.tables import delivery_attempts, notifications
from alumniq_pipelines.core.load import JobId
from alumniq_pipelines.core.notification import (
    DeliveryResult,
    Notice,
    Notification,
    NotificationState,
    next_attempt_at,
)


@dataclass(frozen=True)
class Notifications:
    """What customers are owed; rows are made by `Loads.end` only."""

    database: Database

    def claim(self, now: datetime, lease: timedelta, most: int = 100) -> Sequence[Notification]:
        """Take due notifications for sending; nobody else gets them until the lease is over."""
        due = (
            select(notifications.c.id)
            .where(
                notifications.c.state == NotificationState.PENDING,
                notifications.c.next_attempt_at <= now,
                or_(notifications.c.leased_until.is_(None), notifications.c.leased_until <= now),
            )
            .order_by(notifications.c.next_attempt_at, notifications.c.id)
            .limit(most)
            .with_for_update(skip_locked=True)
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
        return sorted(taken, key=lambda each: (each.next_attempt_at, each.id))

    def record(self, notification: Notification, result: DeliveryResult, now: datetime) -> None:
        """Write down a delivery attempt and what follows from it.

        Only the latest claim decides about the next attempt: a sender that outlived its lease may
        still say that it delivered, but not disturb whoever claimed the notification after it.
        """
        moved = (
            update(notifications)
            .where(
                notifications.c.id == notification.id,
                notifications.c.state == NotificationState.PENDING,
            )
            .values(_what_follows(notification, result, now))
        )
        if not result.delivered:
            moved = moved.where(notifications.c.leased_until == notification.leased_until)
        tried = insert(delivery_attempts).values(
            notification_id=notification.id,
            at=now,
            delivered=result.delivered,
            permanent=result.permanent,
            detail=result.detail,
        )
        with self.database.writing() as connection:
            connection.execute(moved)
            connection.execute(tried)

    def of(self, job_id: JobId) -> Sequence[Notification]:
        """List a load's notifications."""
        wanted = select(notifications).where(notifications.c.job_id == job_id)
        with self.database.reading() as connection:
            rows = connection.execute(wanted.order_by(notifications.c.id)).mappings()
            return [_notification(row) for row in rows]

    def attempts(self, notification_id: str) -> Sequence[tuple[datetime, DeliveryResult]]:
        """List the delivery attempts of a notification, oldest first."""
        wanted = (
            select(delivery_attempts)
            .where(delivery_attempts.c.notification_id == notification_id)
            .order_by(delivery_attempts.c.id)
        )
        with self.database.reading() as connection:
            return [
                (row["at"], DeliveryResult(row["delivered"], row["detail"], row["permanent"]))
                for row in connection.execute(wanted).mappings()
            ]


def _what_follows(
    notification: Notification, result: DeliveryResult, now: datetime
) -> dict[str, Any]:
    changes: dict[str, Any] = {"attempts": notifications.c.attempts + 1, "leased_until": None}
    again = next_attempt_at(notification.id, notification.attempts + 1, now)
    if result.delivered:
        changes["state"] = NotificationState.DELIVERED
    elif result.permanent or again is None:
        changes["state"] = NotificationState.GIVEN_UP
    else:
        changes["next_attempt_at"] = again
    return changes


def _notification(row: RowMapping) -> Notification:
    return Notification(
        id=row["id"],
        job_id=JobId(row["job_id"]),
        notice=Notice(row["channel"], row["destination"], row["body"], row["subject"]),
        state=row["state"],
        attempts=row["attempts"],
        created_at=row["created_at"],
        next_attempt_at=row["next_attempt_at"],
        leased_until=row["leased_until"],
    )
