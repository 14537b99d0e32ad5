"""The ledger as a whole: one engine, one object per noun."""

from dataclasses import dataclass
from typing import Self

from sqlalchemy import Engine

from alumniq_pipelines.adapters.ledger.audit import AuditTrail
from alumniq_pipelines.adapters.ledger.customers import Customers
from alumniq_pipelines.adapters.ledger.keys import ApiKeys
from alumniq_pipelines.adapters.ledger.loads import Loads
from alumniq_pipelines.adapters.ledger.notifications import Notifications
from alumniq_pipelines.adapters.ledger.versions import Versions


@dataclass(frozen=True)
class Ledger:
    """The control database. All methods raise LedgerUnavailable when the database is away."""

    engine: Engine
    customers: Customers
    keys: ApiKeys
    loads: Loads
    versions: Versions
    notifications: Notifications
    audit: AuditTrail

    @classmethod
    def open(cls, url: str) -> Self:
        """Open a ledger by SQLAlchemy URL (`sqlite:///…` or `postgresql+psycopg://…`)."""
        raise NotImplementedError

    def migrate(self) -> None:
        """Bring the tables to the newest revision; harmless to repeat, safe in parallel."""
        raise NotImplementedError

    def ping(self) -> None:
        """Ask the database for a sign of life and check that its revision is ours."""
        raise NotImplementedError

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()
