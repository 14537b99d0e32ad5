"""API keys: kept as digests, found by digest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import bindparam, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from alumniq_pipelines.adapters.ledger.audit import AuditTrail
from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.prepared import Prepared
from alumniq_pipelines.adapters.ledger.tables import api_keys, customers
from alumniq_pipelines.core.keys import PREFIX_LENGTH, ApiKey, digest, new_api_key
from alumniq_pipelines.core.problems.command import UnknownCustomer
from alumniq_pipelines.core.target import Environment

USE_NOTED_EVERY = timedelta(minutes=1)
"""How exact `last_used_at` is: a burst of calls writes it once, not every time."""

_KEY = select(
    api_keys.c.prefix,
    api_keys.c.customer,
    api_keys.c.environment,
    api_keys.c.created_at,
    api_keys.c.expires_at,
    api_keys.c.revoked_at,
    api_keys.c.last_used_at,
    api_keys.c.feeds,
    api_keys.c.networks,
    api_keys.c.email,
    api_keys.c.replaced_by,
)


@dataclass(frozen=True)
class ApiKeys:
    """The keys of all customers."""

    database: Database
    audit: AuditTrail

    def issue(
        self,
        customer: str,
        environment: Environment,
        now: datetime,
        days: int = 365,
        *,
        actor: str = "system",
    ) -> tuple[str, ApiKey]:
        """Make and keep a key; the first part is the key itself, never to be seen again.

        Raises UnknownCustomer.
        """
        while True:
            key = new_api_key(environment)
            kept = ApiKey(
                key[:PREFIX_LENGTH], customer, environment, now, now + timedelta(days=days)
            )
            try:
                self._keep(key, kept, actor)
            except IntegrityError:
                continue  # the prefix is another key's already; the next one will not be
            return key, kept

    def find(self, key: str, now: datetime) -> ApiKey | None:
        """Look up a live key; None for unknown, expired and revoked alike. Notes its use.

        Found by its hash: how long the look-up takes tells nothing about any key.
        """
        hashed = digest(key)
        with self.database.reading() as connection:
            rows = self._by_digest.rows(connection, {"digest": hashed})
        found = _key(rows[0]) if rows else None
        if found is None or not found.is_live(now):
            return None
        if found.last_used_at is None or found.last_used_at <= now - USE_NOTED_EVERY:
            self._note_use(hashed, now)
        return found

    def of(self, customer: str | None = None) -> Sequence[ApiKey]:
        """List keys, newest first."""
        wanted = _KEY.order_by(api_keys.c.created_at.desc(), api_keys.c.prefix)
        if customer is not None:
            wanted = wanted.where(api_keys.c.customer == customer)
        with self.database.reading() as connection:
            return [_key(tuple(row)) for row in connection.execute(wanted)]

    def revoke(self, prefix: str, now: datetime, *, actor: str = "system") -> bool:
        """Take a key out of use at once; False where no live key has that prefix."""
        revoked = (
            update(api_keys)
            .where(
                api_keys.c.prefix == prefix,
                api_keys.c.revoked_at.is_(None),
                api_keys.c.expires_at > now,
            )
            .values(revoked_at=now)
        )
        with self.database.writing() as connection:
            if connection.execute(revoked).rowcount == 0:
                return False
            self.audit.add(actor, "key revoked", prefix, now, connection=connection)
        return True

    @cached_property
    def _by_digest(self) -> Prepared:
        wanted = _KEY.where(api_keys.c.digest == bindparam("digest"))
        return Prepared.of(wanted, self.database.engine.dialect)

    def _keep(self, key: str, kept: ApiKey, actor: str) -> None:
        with self.database.writing() as connection:
            if connection.scalar(select(customers.c.id).filter_by(id=kept.customer)) is None:
                raise UnknownCustomer(kept.customer)
            connection.execute(
                insert(api_keys).values(
                    digest=digest(key),
                    prefix=kept.prefix,
                    customer=kept.customer,
                    environment=kept.environment,
                    created_at=kept.created_at,
                    expires_at=kept.expires_at,
                )
            )
            self.audit.add(
                actor,
                "key issued",
                kept.prefix,
                kept.created_at,
                detail={"customer": kept.customer, "environment": kept.environment},
                connection=connection,
            )

    def _note_use(self, hashed: str, now: datetime) -> None:
        noted = (
            update(api_keys)
            .where(
                api_keys.c.digest == hashed,
                or_(
                    api_keys.c.last_used_at.is_(None),
                    api_keys.c.last_used_at <= now - USE_NOTED_EVERY,
                ),
            )
            .values(last_used_at=now)
        )
        with self.database.writing_once() as connection:
            connection.execute(noted)


def _key(row: Sequence[Any]) -> ApiKey:
    """Read the columns of _KEY."""
    prefix, customer, environment, created, expires, revoked, used, feeds, networks, email, by = row
    return ApiKey(
        prefix,
        customer,
        environment,
        created,
        expires,
        revoked,
        used,
        None if feeds is None else tuple(feeds),
        tuple(networks or ()),
        email or "",
        by,
    )
