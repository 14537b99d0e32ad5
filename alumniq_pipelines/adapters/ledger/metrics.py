"""Metrics over the whole ledger, one statement each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, func, select

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.tables import (
    delivery_attempts,
    holds,
    incidents,
    loads,
    notifications,
)
from alumniq_pipelines.core.loads.load import UNDERWAY_STATES, LoadState


@dataclass(frozen=True)
class LedgerMetrics:
    """Counts over all customers."""

    database: Database

    def loads(self) -> Mapping[str, int]:
        """Count loads by state."""
        return self._count_by(loads.c.state)

    def notifications(self) -> Mapping[str, int]:
        """Count notifications by state."""
        return self._count_by(notifications.c.state)

    def delivery_attempts(self) -> Mapping[bool, int]:
        """Count delivery attempts by whether they succeeded."""
        return self._count_by(delivery_attempts.c.delivered)

    def incidents(self) -> Mapping[str, int]:
        """Count open incidents by kind; the first four kinds are missed deliveries."""
        return self._count_by(incidents.c.kind, incidents.c.closed_at.is_(None))

    def waiting_since(self) -> datetime | None:
        """Return when the load that has waited longest to start was accepted, or approved."""
        query = (
            select(func.min(func.coalesce(holds.c.decided_at, loads.c.accepted_at)))
            .select_from(loads)
            .outerjoin(holds, holds.c.job_id == loads.c.job_id)
            .where(loads.c.state.in_([LoadState.QUEUED, LoadState.REQUESTED]))
        )
        with self.database.reading() as connection:
            since: datetime | None = connection.scalar(query)
        return since

    def failed_launches(self) -> int:
        """Count the launches that failed in a row, of all unfinished loads."""
        query = select(func.sum(loads.c.failed_launches)).where(
            loads.c.state.in_(sorted(UNDERWAY_STATES))
        )
        with self.database.reading() as connection:
            return connection.scalar(query) or 0

    def _count_by(self, column: Column[Any], *conditions: Any) -> Mapping[Any, int]:
        query = select(column, func.count()).where(*conditions).group_by(column)
        with self.database.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}
