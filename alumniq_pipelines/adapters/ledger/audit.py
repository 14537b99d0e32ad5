"""The audit trail: who changed what and when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.tables import audit


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What somebody changed; entries are numbered in their order."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, str | int]


@dataclass(frozen=True)
class AuditTrail:
    """Append-only; entries hold names and numbers, never secrets or cell values."""

    database: Database

    def add(
        self,
        actor: str,
        action: str,
        subject: str,
        now: datetime,
        *,
        detail: Mapping[str, str | int] | None = None,
        connection: Connection | None = None,
    ) -> None:
        """Add an entry, in the caller's transaction if a connection is given."""
        entry = insert(audit).values(
            at=now, actor=actor, action=action, subject=subject, detail=dict(detail or {})
        )
        if connection is not None:
            connection.execute(entry)
            return
        with self.database.writing_once() as own:
            own.execute(entry)

    def entries(self, action: str, *, after: int, limit: int) -> Sequence[AuditEntry]:
        """Return the first entries of an action behind the one of that number, in order."""
        wanted = (
            select(audit)
            .where(audit.c.action == action, audit.c.id > after)
            .order_by(audit.c.id)
            .limit(limit)
        )
        with self.database.reading() as connection:
            return [AuditEntry(**row) for row in connection.execute(wanted).mappings()]
