"""The audit trail: who changed what, when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine


@dataclass(frozen=True)
class AuditTrail:
    """Append-only; entries hold names and numbers, never secrets or cell values."""

    engine: Engine

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
        """Write an entry, in the caller's transaction where a connection is given."""
        raise NotImplementedError
