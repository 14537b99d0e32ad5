"""Incidents: each is opened, notified and closed once, however many processes try at once."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, select, update

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.notifications import enqueue
from alumniq_pipelines.adapters.ledger.tables import incidents
from alumniq_pipelines.adapters.ledger.targets import target_of
from alumniq_pipelines.core.monitoring.incident import Condition, Incident, Resolution
from alumniq_pipelines.core.notifications.notification import Notice

NoticeComposer = Callable[[Sequence[Incident]], Sequence[Notice]]
"""Composes the notices about incidents, in the transaction that enqueues them."""


@dataclass(frozen=True)
class Incidents:
    """The incidents, open and closed."""

    database: Database

    def open(self, condition: Condition, now: datetime) -> bool:
        """Open an incident; False if one with the condition's key is open already."""
        return self.open_all([condition], now) == 1

    def open_all(self, conditions: Collection[Condition], now: datetime) -> int:
        """Open an incident of each condition whose key has none open, in one transaction.

        Return how many were opened.
        """
        if not conditions:
            return 0
        # uq_incidents_open decides: of several processes that find a condition, one opens it.
        once = self.database.insert(incidents).on_conflict_do_nothing().returning(incidents.c.id)
        rows = [_row_of(condition, now) for condition in conditions]
        with self.database.writing() as connection:
            return len(connection.scalars(once, rows).all())

    def notify(
        self, ids: Sequence[int], now: datetime, compose_notices: NoticeComposer
    ) -> Sequence[Incident]:
        """Enqueue the notices of open incidents that were not notified yet, and return those."""
        statement = (
            update(incidents)
            .where(incidents.c.id.in_(ids), incidents.c.told_at.is_(None), _IS_OPEN)
            .values(told_at=now)
        )
        return self._update_and_enqueue(statement, "opened", now, compose_notices)

    def close(
        self,
        ids: Sequence[int],
        resolution: Resolution,
        now: datetime,
        compose_notices: NoticeComposer,
    ) -> Sequence[Incident]:
        """Close those of the incidents that are open, enqueue their notices, and return them."""
        closed = (
            update(incidents)
            .where(incidents.c.id.in_(ids), _IS_OPEN)
            .values(closed_at=now, resolution=resolution)
        )
        return self._update_and_enqueue(closed, "closed", now, compose_notices)

    def list_open(self) -> Sequence[Incident]:
        """Return open incidents, oldest first."""
        return self._many(select(incidents).where(_IS_OPEN).order_by(incidents.c.id))

    def of_ids(self, ids: Collection[int]) -> Sequence[Incident]:
        """Return these incidents."""
        return self._many(select(incidents).where(incidents.c.id.in_(ids)))

    def newest(self, limit: int = 50) -> Sequence[Incident]:
        """Return incidents, newest first."""
        return self._many(select(incidents).order_by(incidents.c.id.desc()).limit(limit))

    def closed_since(self, keys: Collection[str], since: datetime) -> bool:
        """Whether an incident of one of these keys was closed after a time."""
        query = select(incidents.c.id).where(
            incidents.c.key.in_(keys), incidents.c.closed_at > since
        )
        with self.database.reading() as connection:
            return connection.scalar(query.limit(1)) is not None

    def _update_and_enqueue(
        self, moved: Any, event: str, now: datetime, compose_notices: NoticeComposer
    ) -> Sequence[Incident]:
        with self.database.writing() as connection:
            rows = connection.execute(moved.returning(incidents)).mappings()
            ours = sorted((_incident(row) for row in rows), key=lambda incident: incident.id)
            if ours:
                # A notice about several incidents is recorded with the first of them.
                first = ours[0].id
                enqueue(
                    connection,
                    f"msg_{event}-{first}",
                    compose_notices(ours),
                    now,
                    incident_id=first,
                )
        return ours

    def _many(self, query: Select[Any]) -> Sequence[Incident]:
        with self.database.reading() as connection:
            return [_incident(row) for row in connection.execute(query).mappings()]


_IS_OPEN = incidents.c.closed_at.is_(None)


def _row_of(condition: Condition, now: datetime) -> dict[str, Any]:
    target = condition.target
    return {
        "key": condition.key,
        "kind": condition.kind,
        "customer": target.customer if target else None,
        "environment": target.environment if target else None,
        "feed": target.feed if target else None,
        "title": condition.title,
        "detail": condition.detail,
        "advice": condition.advice,
        "opened_at": now,
    }


def _incident(row: RowMapping) -> Incident:
    # An incident about the installation itself has no target.
    target = row["customer"] and target_of(row)
    return Incident(
        id=row["id"],
        condition=Condition(
            key=row["key"],
            kind=row["kind"],
            title=row["title"],
            detail=row["detail"],
            advice=row["advice"],
            target=target or None,
        ),
        opened_at=row["opened_at"],
        told_at=row["told_at"],
        closed_at=row["closed_at"],
        resolution=row["resolution"],
    )
