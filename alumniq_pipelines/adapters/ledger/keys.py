"""API keys: stored as digests and found by digest."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from alumniq_pipelines.adapters.ledger.audit import AuditTrail
from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.one_off_notices import enqueue_announcement
from alumniq_pipelines.adapters.ledger.prepared_statements import PreparedStatement
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

LAST_USED_RESOLUTION = timedelta(minutes=1)
"""The resolution of `last_used_at`: a burst of calls writes it only once."""

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

ComposeAnnouncement = Callable[[ApiKey], tuple[Condition, Sequence[Notice]]]
"""Composes the notices of a new key, in the transaction that saves it."""


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
        announcement: ComposeAnnouncement | None = None,
    ) -> tuple[str, ApiKey]:
        """Create a key; return the key itself, which cannot be shown again, and its record.

        Raises UnknownCustomer. Call it through KeyIssuance, which notifies of every new key.
        """
        expires_at = now + timedelta(days=days)

        def save(connection: Connection, key: str) -> ApiKey:
            prefix = key[:PREFIX_LENGTH]
            new_key = ApiKey(
                prefix=prefix,
                customer=customer,
                environment=environment,
                created_at=now,
                expires_at=expires_at,
                **scope.terms(),
            )
            self._insert(connection, key, new_key, "key issued", actor)
            _enqueue(connection, new_key, announcement)
            return new_key

        return self._create(environment, save)

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
        announcement: ComposeAnnouncement | None = None,
    ) -> tuple[str, ApiKey]:
        """Create a key with the same scope; the old one stays valid for at most the overlap.

        All in one transaction. `email` replaces the address to warn. Raises UnknownKey if the old
        key is no longer live, and KeyReplacedAlready (by check_successor, which gets the `window`).
        """
        expires_at = now + timedelta(days=days)

        def save(connection: Connection, key: str) -> ApiKey:
            # Locks the customer's row, so that the keys which are counted stay the same until
            # commit.
            lock = select(customers.c.id).where(customers.c.id == old.customer)
            connection.execute(lock.with_for_update(key_share=True))
            keys = self._of(connection, old.customer)
            check_successor(old, keys, now, window)
            # The end as it is now, under the lock: an overlap must never extend a key.
            ends = min([now + overlap, *(k.expires_at for k in keys if k.prefix == old.prefix)])
            new_key = replace(
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
                .values(expires_at=ends, replaced_by=new_key.prefix)
            )
            if connection.execute(ended).rowcount == 0:
                raise UnknownKey(old.prefix)
            self._insert(connection, key, new_key, f"key made for {old.prefix}", actor)
            _enqueue(connection, new_key, announcement)
            return new_key

        return self._create(old.environment, save)

    def find(self, key: str, now: datetime) -> ApiKey | None:
        """Return a live key and record its use; None if it is unknown, expired or revoked.

        It is found by its hash, so that the time of the lookup reveals nothing about any key.
        """
        hashed = digest(key)
        with self.database.reading() as connection:
            rows = self._by_digest.rows(connection, {"digest": hashed})
        found = _key(rows[0]) if rows else None
        if found is None or not found.is_live(now):
            return None
        outdated = now - LAST_USED_RESOLUTION
        if found.last_used_at is None or found.last_used_at <= outdated:
            # Checked again by the statement: of concurrent calls, one writes.
            last_used = api_keys.c.last_used_at
            used = (
                update(api_keys)
                .where(
                    api_keys.c.digest == hashed,
                    or_(last_used.is_(None), last_used <= outdated),
                )
                .values(last_used_at=now)
            )
            with self.database.writing_once() as connection:
                connection.execute(used)
        return found

    def of(self, customer: str | None = None) -> Sequence[ApiKey]:
        """Return keys, newest first."""
        with self.database.reading() as connection:
            return self._of(connection, customer)

    def _of(self, connection: Connection, customer: str | None) -> Sequence[ApiKey]:
        query = _KEY.order_by(api_keys.c.created_at.desc(), api_keys.c.prefix)
        if customer is not None:
            query = query.where(api_keys.c.customer == customer)
        return [_key(tuple(row)) for row in connection.execute(query)]

    def revoke(self, prefix: str, now: datetime, *, actor: str = "system") -> bool:
        """Revoke a key at once; False if no live key has this prefix.

        The key that it replaced counts as replaced by its other live successor or, without one, as
        not replaced: then its owner is warned again before it expires.
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
    def _by_digest(self) -> PreparedStatement:
        query = _KEY.where(api_keys.c.digest == bindparam("digest"))
        return PreparedStatement.of(query, self.database.engine.dialect)

    def of_prefixes(self, prefixes: Collection[str]) -> Sequence[ApiKey]:
        """Return keys by their first characters, live or not."""
        with self.database.reading() as connection:
            rows = connection.execute(_KEY.where(api_keys.c.prefix.in_(prefixes)))
            return [_key(tuple(row)) for row in rows]

    def get(self, prefix: str) -> ApiKey | None:
        """Return a key by its first characters, live or not."""
        with self.database.reading() as connection:
            row = connection.execute(_KEY.where(api_keys.c.prefix == prefix)).one_or_none()
        return None if row is None else _key(tuple(row))

    def _create(
        self, environment: Environment, save: Callable[[Connection, str], ApiKey]
    ) -> tuple[str, ApiKey]:
        while True:
            key = new_api_key(environment)
            try:
                with self.database.writing() as connection:
                    return key, save(connection, key)
            except IntegrityError:
                continue  # another key has this prefix already; try a new key

    def _insert(
        self, connection: Connection, key: str, new_key: ApiKey, action: str, actor: str
    ) -> None:
        # Checked first: `_create` takes an IntegrityError for a prefix that exists already.
        if connection.scalar(select(customers.c.id).filter_by(id=new_key.customer)) is None:
            raise UnknownCustomer(new_key.customer)
        connection.execute(
            insert(api_keys).values(
                digest=digest(key),
                prefix=new_key.prefix,
                customer=new_key.customer,
                environment=new_key.environment,
                created_at=new_key.created_at,
                expires_at=new_key.expires_at,
                feeds=None if new_key.feeds is None else list(new_key.feeds),
                networks=list(new_key.networks) or None,
                email=new_key.email or None,
                replaces=new_key.replaces,
            )
        )
        self.audit.add(
            actor,
            action,
            new_key.prefix,
            new_key.created_at,
            detail={"customer": new_key.customer, "environment": new_key.environment},
            connection=connection,
        )


def _enqueue(
    connection: Connection, new_key: ApiKey, announcement: ComposeAnnouncement | None
) -> None:
    if announcement is not None:
        condition, notices = announcement(new_key)
        enqueue_announcement(
            connection, f"msg_{new_key.prefix}-made", condition, notices, new_key.created_at
        )


def _is_live(prefix: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        api_keys.c.prefix == prefix,
        api_keys.c.revoked_at.is_(None),
        api_keys.c.expires_at > now,
    )


def _key(row: Sequence[Any]) -> ApiKey:
    """Return the key that a row of _KEY holds."""
    prefix, customer, environment, created, expires, revoked, used = row[:7]
    feeds, networks, email, replaced_by, replaces = row[7:]
    return ApiKey(
        prefix=prefix,
        customer=customer,
        environment=environment,
        created_at=created,
        expires_at=expires,
        revoked_at=revoked,
        last_used_at=used,
        feeds=None if feeds is None else tuple(feeds),
        networks=tuple(networks or ()),
        email=email or "",
        replaced_by=replaced_by,
        replaces=replaces,
    )
