"""Customers' own key management: list and rotate API keys, fetch S3 keys. Independent of HTTP."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from alumniq_pipelines.adapters.encryption import SecretCipher
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.s3_keys import S3Keys
from alumniq_pipelines.core.access.api_keys import OVERLAP, ApiKey, KeyLimits
from alumniq_pipelines.core.access.s3_keys import OVERLAP as S3_OVERLAP
from alumniq_pipelines.core.access.s3_keys import user_name
from alumniq_pipelines.core.notifications.email_addresses import addresses_in
from alumniq_pipelines.core.notifications.key_expiry import MadeBy
from alumniq_pipelines.core.notifications.recipients import check_emails
from alumniq_pipelines.core.notifications.staff import Staff
from alumniq_pipelines.core.problems.api import (
    NoSuchAccessKey,
    S3KeysNotOfKey,
    UnusableEmailAddress,
)
from alumniq_pipelines.core.problems.command import UnknownKey
from alumniq_pipelines.core.problems.request import RefusedKey
from alumniq_pipelines.services.key_issuance import KeyIssuance
from webhook_gateway.services.load_queries import Scope
from webhook_gateway.services.options import Option

MAX_KEYS = 100
"""A client that exchanges its key every night has made more of them within a year."""


@dataclass(frozen=True, slots=True)
class KeyService:
    """Manages API keys. Raises OutageProblem if the ledger is unavailable."""

    ledger: Ledger
    staff: Staff

    @property
    def issuance(self) -> KeyIssuance:
        """The service that creates keys and notifies their owners."""
        return KeyIssuance(self.ledger, self.staff)

    def of(self, scope: Scope, limits: KeyLimits, now: datetime) -> Sequence[ApiKey]:
        """List the keys of a scope's customer and environment, newest first.

        `limits` are those of the key that asks, directly or through a session. Keys that allow more
        are left out, as if they did not exist. All of the newest MAX_KEYS are listed, and
        of the older ones those that have not ended.
        """
        visible = [
            key
            for key in self.ledger.keys.of(scope.customer)
            if key.environment is scope.environment and limits.covers(key.limits)
        ]
        older = visible[MAX_KEYS:]
        return [*visible[:MAX_KEYS], *(key for key in older if key.is_live(now))]

    def rotate(self, old: ApiKey, now: datetime, *, made_by: MadeBy, actor: str) -> str:
        """Create a new key with the same limits; raises RefusedKey and KeyReplacedAlready."""
        try:
            secret, _ = self.issuance.rotate(old, now, made_by=made_by, actor=actor)
        except UnknownKey:  # revoked meanwhile
            raise RefusedKey from None
        return secret

    def exchange(self, key: ApiKey, email: str, now: datetime) -> tuple[str, ApiKey, datetime]:
        """Create a new key with the same limits; also return when the old key expires.

        If the key has an e-mail address, `email` must be the same; if not, `email` is saved with
        the new key. Raises UnusableEmailAddress, UnusableNotifyEmail, RefusedKey and
        KeyReplacedAlready.
        """
        if key.email and not _is_same(email, key.email):
            raise UnusableEmailAddress
        if email:
            check_emails(email, Option.EMAIL_ADDRESS)
        try:
            secret, stored = self.issuance.exchange(key, email, now)
        except UnknownKey:  # revoked meanwhile
            raise RefusedKey from None
        return secret, stored, min(key.expires_at, now + OVERLAP)


@dataclass(frozen=True, slots=True)
class S3KeyService:
    """Hands out S3 keys, decrypting their secrets."""

    ledger: Ledger
    open_cipher: Callable[[], SecretCipher]

    def access_key(
        self, key: ApiKey, access_key_id: str, email: str, now: datetime
    ) -> tuple[str, str, datetime | None]:
        """Return the newest S3 key, its secret, and when the previous key stops working.

        `access_key_id` must be a key that works now, so that an API key alone never opens the
        bucket. From now on `email` is notified of every new key. Raises S3KeysNotOfKey,
        NoSuchAccessKey and UnusableNotifyEmail.
        """
        if key.feeds is not None:
            raise S3KeysNotOfKey
        stored = S3Keys(self.ledger.database, self.ledger.audit)
        live = [
            access_key
            for access_key in stored.of(user_name(key.customer, key.environment))
            if access_key.is_live
        ]
        if access_key_id not in {access_key.access_key_id for access_key in live}:
            raise NoSuchAccessKey
        if email:
            check_emails(email, Option.EMAIL_ADDRESS)
            stored.add_reminder_address(key.customer, email, now)
        newest = live[0]
        self.ledger.audit.add(f"key {key.prefix}", "S3 key fetched", newest.access_key_id, now)
        ends = newest.created_at + S3_OVERLAP if len(live) > 1 else None
        return (
            newest.access_key_id,
            self.open_cipher().decrypt(newest.encrypted_secret),
            ends,
        )


def _is_same(emails: str, registered: str) -> bool:
    """Whether two texts hold the same addresses, with or without the names of their owners."""
    sent, known = addresses_in(emails.lower()), addresses_in(registered.lower())
    return set(sent) == set(known)
