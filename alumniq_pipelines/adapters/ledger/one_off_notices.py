"""Announcements: notices of a single event that is not about a load, such as a new key.

A notification belongs to a load or an incident, so an announcement is an incident that is closed at
once.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, insert

from alumniq_pipelines.adapters.ledger.notifications import enqueue
from alumniq_pipelines.adapters.ledger.tables import incidents
from alumniq_pipelines.core.monitoring.incident import Condition, Resolution
from alumniq_pipelines.core.notifications.notification import Notice


def enqueue_announcement(
    connection: Connection,
    name: str,
    condition: Condition,
    notices: Sequence[Notice],
    now: datetime,
) -> None:
    """Save an announcement and enqueue its notices, in the caller's transaction.

    The ids of the notifications are `name` with a number.
    """
    happened = insert(incidents).values(
        key=condition.key,
        kind=condition.kind,
        title=condition.title,
        detail=condition.detail,
        advice=condition.advice,
        opened_at=now,
        told_at=now,
        closed_at=now,  # so uq_incidents_open does not apply: the same key may be used again
        resolution=Resolution.DROPPED,
    )
    incident = connection.scalar(happened.returning(incidents.c.id))
    enqueue(connection, name, notices, now, incident_id=incident)
