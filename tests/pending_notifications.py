"""A notification of a load that waits to be sent, for tests of how it is sent and shown."""

from datetime import datetime

from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.notifications.notification import (
    Notice,
    Notification,
    NotificationState,
)


def pending(
    notice: Notice, at: datetime, *, notification_id: str = "n1", attempts: int = 0
) -> Notification:
    """Return a notification that was created at that time, and is due since then."""
    return Notification(
        id=notification_id,
        job_id=JobId("J"),
        notice=notice,
        state=NotificationState.PENDING,
        attempts=attempts,
        created_at=at,
        next_attempt_at=at,
    )
