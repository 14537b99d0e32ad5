"""Staff accounts: names and password hashes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from alumniq_pipelines.adapters.ledger.audit import AuditTrail
from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.tables import sessions, staff
from alumniq_pipelines.core.access.session import StaffAccount


@dataclass(frozen=True)
class StaffAccounts:
    """The accounts of staff, who may see all customers on the pages."""

    database: Database
    audit: AuditTrail

    def set(self, name: str, password_hash: str, now: datetime, *, actor: str = "system") -> None:
        """Create an account, or set a new password, which ends the account's sessions."""
        terms = {"password_hash": password_hash, "disabled_at": None}
        statement = self.database.insert(staff).values(name=name, created_at=now, **terms)
        with self.database.writing() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=terms))
            connection.execute(sessions.delete().where(sessions.c.staff == name))
            self.audit.add(actor, "staff account set", name, now, connection=connection)

    def disable(self, name: str, now: datetime, *, actor: str = "system") -> bool:
        """Disable an account and its sessions; False if there is no such account."""
        disabled = (
            staff.update()
            .where(staff.c.name == name, staff.c.disabled_at.is_(None))
            .values(disabled_at=now)
        )
        with self.database.writing() as connection:
            if connection.execute(disabled).rowcount == 0:
                return False
            self.audit.add(actor, "staff account disabled", name, now, connection=connection)
        return True

    def all(self) -> Sequence[StaffAccount]:
        """Return all accounts by name."""
        query = select(staff.c.name, staff.c.created_at, staff.c.disabled_at)
        with self.database.reading() as connection:
            rows = connection.execute(query.order_by(staff.c.name))
            return [StaffAccount(*row) for row in rows]

    def password_hash(self, name: str) -> str | None:
        """Return an account's password hash; None if it does not exist or is disabled."""
        query = select(staff.c.password_hash).where(
            staff.c.name == name, staff.c.disabled_at.is_(None)
        )
        with self.database.reading() as connection:
            return connection.scalar(query)
