"""Notifications and their delivery attempts: claimed by lease, so none is sent by two at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from alumniq_pipelines.core.load import JobId
from alumniq_pipelines.core.notification import DeliveryResult, Notification


@dataclass(frozen=True)
class Notifications:
    """What customers are owed; rows are made by `Loads.end` only."""

    engine: Engine

    def claim(self, now: datetime, lease: timedelta, most: int = 100) -> Sequence[Notification]:
        """Take due notifications for sending; nobody else gets them until the lease is over."""
        raise NotImplementedError

    def record(self, notification: Notification, result: DeliveryResult, now: datetime) -> None:
        """Write down a delivery attempt and what follows from it."""
        raise NotImplementedError

    def of(self, job_id: JobId) -> Sequence[Notification]:
        """List a load's notifications."""
        raise NotImplementedError

    def attempts(self, notification_id: str) -> Sequence[tuple[datetime, DeliveryResult]]:
        """List the delivery attempts of a notification, oldest first."""
        raise NotImplementedError
