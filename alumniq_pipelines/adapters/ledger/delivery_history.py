"""What became of notifications: queries over the delivery attempts of many at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.notifications import delivery_result_of
from alumniq_pipelines.adapters.ledger.tables import delivery_attempts, notifications
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    DeliveryResult,
    NotificationState,
)


@dataclass(frozen=True)
class DeliveryHistory:
    """The delivery attempts at all notifications."""

    database: Database

    def of_each(
        self, notification_ids: Collection[str]
    ) -> Mapping[str, Sequence[tuple[datetime, DeliveryResult]]]:
        """Return the delivery attempts of each of these, oldest first, with one query."""
        query = (
            select(delivery_attempts)
            .where(delivery_attempts.c.notification_id.in_(notification_ids))
            .order_by(delivery_attempts.c.id)
        )
        found: dict[str, list[tuple[datetime, DeliveryResult]]] = {
            notification_id: [] for notification_id in notification_ids
        }
        with self.database.reading() as connection:
            for row in connection.execute(query).mappings():
                found[row["notification_id"]].append((row["at"], delivery_result_of(row)))
        return found

    def has_delivered(self, job_ids: Collection[JobId], audience: Audience) -> bool:
        """Whether a notification about one of these loads was delivered to an audience."""
        query = select(notifications.c.id).where(
            notifications.c.job_id.in_(job_ids),
            notifications.c.audience == audience,
            notifications.c.state == NotificationState.DELIVERED,
        )
        with self.database.reading() as connection:
            return connection.scalar(query.limit(1)) is not None
