"""API keys: kept as digests, found by digest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from alumniq_pipelines.adapters.ledger.audit import AuditTrail
from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.one_off_notices import enqueue_news
from alumniq_pipelines.adapters.ledger.prepared_statements import Prepared
from alumniq_pipelines.adapters.ledger.tables import api_keys, customers
from alumniq_pipelines.core.access.api_keys import (
    OVERLAP,
    PREFIX_LENGTH,
    UNBOUND,
    ApiKey,
    KeyScope,
    check_successor,
    digest,
    new_api_key,
)
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.monitoring.incident import Condition
from alumniq_pipelines.core.notifications.notification import Notice
from alumniq_pipelines.core.problems.command import UnknownCustomer, UnknownKey

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
    api_keys.c.replaces,
)

News = Callable[[ApiKey], tuple[Condition, Sequence[Notice]]]
"""Writes who is notified of a new key, in the transaction that makes it."""


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
        scope: KeyScope = UNBOUND,
        actor: str = "system",
        news: News | None = None,
    ) -> tuple[str, ApiKey]:
        """Make and keep a key; the first part is the key itself, never to be seen again.

        Raises UnknownCustomer. Call it through KeyIssuance, which notifies of every new key.
        """
        expires_at = now + timedelta(days=days)

        def kept_by(connection: Connection, key: str) -> ApiKey:
            prefix = key[:PREFIX_LENGTH]
            kept = ApiKey(prefix, customer, environment, now, expires_at, **scope.terms())
            self._keep(connection, key, kept, "key issued", actor)
            _enqueue(connection, kept, news)
            return kept

        return self._made(environment, kept_by)

    def rotate(
        self,
        old: ApiKey,
        now: datetime,
        days: int = 365,
        *,
        overlap: timedelta = OVERLAP,
        email: str | None = None,
        actor: str = "system",
        window: timedelta | None = None,
        news: News | None = None,
    ) -> tuple[str, ApiKey]:
        """Make a key that opens the same; the old one goes on for the overlap, never for longer.

        All is in one transaction. `email` replaces whom to warn. Raises UnknownKey where the old
        key is live no more, and KeyReplacedAlready (check_successor, which has the `window`).
        """
        expires_at = now + timedelta(days=days)

        def kept_by(connection: Connection, key: str) -> ApiKey:
            # One at a time for each customer: what is counted stays true until this commits.
            lock = select(customers.c.id).where(customers.c.id == old.customer)
            connection.execute(lock.with_for_update(key_share=True))
            keys = self._of(connection, old.customer)
            check_successor(old, keys, now, window)
            ends = min([now + overlap, *(k.expires_at for k in keys if k.prefix == old.prefix)])
            kept = replace(
                old,
                prefix=key[:PREFIX_LENGTH],
                created_at=now,
                expires_at=expires_at,
                last_used_at=None,
                replaced_by=None,
                replaces=old.prefix,
                email=old.email if email is None else email,
            )
            ended = (
                update(api_keys)
                .where(*_is_live(old.prefix, now))
                .values(expires_at=ends, replaced_by=kept.prefix)
            )
            if connection.execute(ended).rowcount == 0:
                raise UnknownKey(old.prefix)
            self._keep(connection, key, kept, f"key made for {old.prefix}", actor)
            _enqueue(connection, kept, news)
            return kept

        return self._made(old.environment, kept_by)

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
        with self.database.reading() as connection:
            return self._of(connection, customer)

    def _of(self, connection: Connection, customer: str | None) -> Sequence[ApiKey]:
        wanted = _KEY.order_by(api_keys.c.created_at.desc(), api_keys.c.prefix)
        if customer is not None:
            wanted = wanted.where(api_keys.c.customer == customer)
        return [_key(tuple(row)) for row in connection.execute(wanted)]

    def revoke(self, prefix: str, now: datetime, *, actor: str = "system") -> bool:
        """Take a key out of use at once; False where no live key has that prefix.

        The key that it replaced is replaced by its other successor, or by none: then whoever it
        belongs to is warned again before it expires.
        """
        revoked = update(api_keys).where(*_is_live(prefix, now)).values(revoked_at=now)
        other = api_keys.alias()
        another = (
            select(other.c.prefix)
            .where(
                other.c.replaces == api_keys.c.prefix,
                other.c.revoked_at.is_(None),
                other.c.expires_at > now,
            )
            .order_by(other.c.created_at.desc(), other.c.prefix)
            .limit(1)
        )
        replaced = update(api_keys).where(api_keys.c.replaced_by == prefix)
        with self.database.writing() as connection:
            if connection.execute(revoked).rowcount == 0:
                return False
            connection.execute(replaced.values(replaced_by=another.scalar_subquery()))
            self.audit.add(actor, "key revoked", prefix, now, connection=connection)
        return True

    @cached_property
    def _by_digest(self) -> Prepared:
        wanted = _KEY.where(api_keys.c.digest == bindparam("digest"))
        return Prepared.of(wanted, self.database.engine.dialect)

    def get(self, prefix: str) -> ApiKey | None:
        """Look a key up by its first characters, live or not."""
        with self.database.reading() as connection:
            row = connection.execute(_KEY.where(api_keys.c.prefix == prefix)).one_or_none()
        return None if row is None else _key(tuple(row))

    def _made(
        self, environment: Environment, kept_by: Callable[[Connection, str], ApiKey]
    ) -> tuple[str, ApiKey]:
        while True:
            key = new_api_key(environment)
            try:
                with self.database.writing() as connection:
                    return key, kept_by(connection, key)
            except IntegrityError:
                continue  # the prefix is another key's already; the next one will not be

    def _keep(
        self, connection: Connection, key: str, kept: ApiKey, action: str, actor: str
    ) -> None:
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
                feeds=None if kept.feeds is None else list(kept.feeds),
                networks=list(kept.networks) or None,
                email=kept.email or None,
                replaces=kept.replaces,
            )
        )
        self.audit.add(
            actor,
            action,
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


def _enqueue(connection: Connection, kept: ApiKey, news: News | None) -> None:
    if news is not None:
        condition, notices = news(kept)
        enqueue_news(connection, f"msg_{kept.prefix}-made", condition, notices, kept.created_at)


def _is_live(prefix: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        api_keys.c.prefix == prefix,
        api_keys.c.revoked_at.is_(None),
        api_keys.c.expires_at > now,
    )


def _key(row: Sequence[Any]) -> ApiKey:
    """Read the columns of _KEY."""
    prefix, customer, environment, created, expires, revoked, used = row[:7]
    feeds, networks, email, replaced_by, replaces = row[7:]
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
        replaced_by,
        replaces,
    )
