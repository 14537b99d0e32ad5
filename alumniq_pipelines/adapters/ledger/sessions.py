"""Sessions on the pages: stored as digests; they end with their API key or staff account."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, delete, insert, or_, select, update

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.tables import api_keys, sessions, staff
from alumniq_pipelines.core.access.api_keys import ApiKey, KeyLimits
from alumniq_pipelines.core.access.session import LIFETIME, Session, new_token, token_digest
from alumniq_pipelines.core.loads.target import Environment


@dataclass(frozen=True)
class Sessions:
    """The sessions of signed-in customers and staff."""

    database: Database

    def begin_with_key(self, key: ApiKey, now: datetime) -> str:
        """Start a session for the owner of this key, and return its token."""
        return self._begin(
            now, key_prefix=key.prefix, customer=key.customer, environment=key.environment
        )

    def begin_as_staff(self, name: str, now: datetime) -> str:
        """Start a session for a staff account, and return its token."""
        return self._begin(now, staff=name)

    def find(self, token: str, now: datetime) -> Session | None:
        """Return a session; None if it, its key or its account has expired or was disabled.

        The caller checks the networks of its limits: Authenticator.session.
        """
        query = (
            select(
                sessions.c.staff,
                sessions.c.key_prefix,
                sessions.c.customer,
                sessions.c.environment,
                sessions.c.expires_at,
                api_keys.c.feeds,
                api_keys.c.networks,
            )
            # A session has an API key or a staff account; the columns of the other are null.
            .outerjoin_from(sessions, api_keys, sessions.c.key_prefix == api_keys.c.prefix)
            .outerjoin(staff, sessions.c.staff == staff.c.name)
            .where(
                sessions.c.digest == token_digest(token),
                sessions.c.expires_at > now,
                or_(
                    and_(staff.c.name.is_not(None), staff.c.disabled_at.is_(None)),
                    and_(api_keys.c.revoked_at.is_(None), api_keys.c.expires_at > now),
                ),
            )
        )
        with self.database.reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            return None
        found = dict(row)
        feeds, networks = found.pop("feeds"), found.pop("networks")
        limits = KeyLimits(None if feeds is None else tuple(feeds), tuple(networks or ()))
        return Session(**found, limits=limits)

    def switch_customer(self, token: str, customer: str, environment: Environment) -> None:
        """Switch a staff session to a customer's environment; a customer's own never changes."""
        statement = (
            update(sessions)
            .where(sessions.c.digest == token_digest(token), sessions.c.staff.is_not(None))
            .values(customer=customer, environment=environment)
        )
        with self.database.writing_once() as connection:
            connection.execute(statement)

    def end(self, token: str) -> None:
        """End a session."""
        with self.database.writing_once() as connection:
            connection.execute(delete(sessions).where(sessions.c.digest == token_digest(token)))

    def _begin(
        self,
        now: datetime,
        *,
        staff: str | None = None,
        key_prefix: str | None = None,
        customer: str | None = None,
        environment: Environment | None = None,
    ) -> str:
        token = new_token()
        begun = insert(sessions).values(
            digest=token_digest(token),
            staff=staff,
            key_prefix=key_prefix,
            customer=customer,
            environment=environment,
            created_at=now,
            expires_at=now + LIFETIME,
        )
        with self.database.writing() as connection:
            # Expired sessions are deleted here, so no job of their own is needed.
            connection.execute(delete(sessions).where(sessions.c.expires_at <= now))
            connection.execute(begun)
        return token
