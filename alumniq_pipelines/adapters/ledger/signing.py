"""The salts of customers' signing secrets; the secrets themselves are stored nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, Update, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from alumniq_pipelines.adapters.ledger.audit import AuditTrail
from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.tables import loads, signing_salts
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.notifications.signing import OVERLAP, SigningSalt, new_salt
from alumniq_pipelines.core.problems.command import UnknownCustomer

MAX_SIGNATURES = 3
"""The maximum number of signatures on a callback, however often the secret was replaced."""


@dataclass(frozen=True)
class SigningSalts:
    """The salts of all customers."""

    database: Database
    audit: AuditTrail

    def rotate(
        self, customer: str, now: datetime, overlap: timedelta = OVERLAP, *, actor: str = "system"
    ) -> SigningSalt:
        """Create a new secret for a customer; older ones also sign until `overlap` is over.

        Raises UnknownCustomer.
        """
        made = SigningSalt(customer=customer, salt=new_salt(), created_at=now.astimezone(UTC))
        try:
            with self.database.writing() as connection:
                connection.execute(_expiring(customer, now + overlap))
                connection.execute(
                    insert(signing_salts).values(customer=customer, salt=made.salt, created_at=now)
                )
                self.audit.add(
                    actor, "signing secret rotated", customer, now, connection=connection
                )
        except IntegrityError:
            raise UnknownCustomer(customer) from None
        return made

    def stop(self, customer: str, now: datetime, *, actor: str = "system") -> bool:
        """Stop signing a customer's callbacks; False if they were not signed."""
        with self.database.writing() as connection:
            stopped = connection.execute(_expiring(customer, now)).rowcount
            if stopped:
                self.audit.add(actor, "signing stopped", customer, now, connection=connection)
        return bool(stopped)

    def live(self, customer: str, now: datetime) -> Sequence[SigningSalt]:
        """Return the salts that sign a customer's callbacks now, newest first."""
        return self._live(_salts(now).where(signing_salts.c.customer == customer))

    def is_used(self, now: datetime) -> bool:
        """Whether the callbacks of any customer are signed now."""
        return bool(self._live(_salts(now).limit(1)))

    def of_load(self, job_id: JobId, now: datetime) -> Sequence[SigningSalt]:
        """Return the salts that sign the callbacks about a load now, newest first."""
        owner = loads.c.customer == signing_salts.c.customer
        return self._live(_salts(now).join(loads, owner).where(loads.c.job_id == job_id))

    def _live(self, query: Select[tuple[str, str, datetime, datetime]]) -> Sequence[SigningSalt]:
        with self.database.reading() as connection:
            return [
                SigningSalt(
                    customer=row.customer,
                    salt=row.salt,
                    created_at=row.created_at,
                    expires_at=row.expires_at,
                )
                for row in connection.execute(query)
            ]


def _salts(now: datetime) -> Select[tuple[str, str, datetime, datetime]]:
    columns = signing_salts.c
    return (
        select(columns.customer, columns.salt, columns.created_at, columns.expires_at)
        .where(or_(columns.expires_at.is_(None), columns.expires_at > now))
        .order_by(columns.created_at.desc(), columns.salt)  # the salt breaks ties
        .limit(MAX_SIGNATURES)
    )


def _expiring(customer: str, at: datetime) -> Update:
    """Return the update that ends a customer's salts at a time, unless they end earlier."""
    columns = signing_salts.c
    return (
        update(signing_salts)
        .where(
            columns.customer == customer, or_(columns.expires_at.is_(None), columns.expires_at > at)
        )
        .values(expires_at=at)
    )
