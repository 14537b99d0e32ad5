"""Keeping keys from outside: list API keys, exchange one, fetch S3 keys. Knows nothing of HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from alumniq_pipelines.adapters.encryption import SecretCipher
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.s3_keys import S3Keys
from alumniq_pipelines.core.access.api_keys import OVERLAP, ApiKey, KeyLimits
from alumniq_pipelines.core.access.s3_keys import OVERLAP as S3_OVERLAP
from alumniq_pipelines.core.access.s3_keys import user_name
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


@dataclass(frozen=True, slots=True)
class KeyService:
    """The use case. Raises OutageProblem where the ledger is away."""

    ledger: Ledger
    staff: Staff

    @property
    def issuance(self) -> KeyIssuance:
        """What makes keys."""
        return KeyIssuance(self.ledger, self.staff)

    def of(self, scope: Scope, limits: KeyLimits) -> Sequence[ApiKey]:
        """List the keys of a scope's customer and environment, newest first.

        `limits` are those of the key that asks, itself or by a session: wider keys do not exist.
        """
        return [
            key
            for key in self.ledger.keys.of(scope.customer)
            if key.environment is scope.environment and limits.covers(key.limits)
        ]

    def rotate(self, old: ApiKey, now: datetime, *, made_by: MadeBy, actor: str) -> str:
        """Make a fresh key with the same limits; raises RefusedKey and KeyReplacedAlready."""
        try:
            secret, _ = self.issuance.rotate(old, now, made_by=made_by, actor=actor)
        except UnknownKey:  # revoked meanwhile
            raise RefusedKey from None
        return secret

    def exchange(self, key: ApiKey, email: str, now: datetime) -> tuple[str, ApiKey, datetime]:
        """Make a fresh key with the same limits; also returns when the old one ends.

        A key with an address is exchanged only under it; one without takes the one given. Raises
        UnusableEmailAddress, UnusableNotifyEmail, RefusedKey and KeyReplacedAlready.
        """
        if key.email and email.lower() != key.email.lower():
            raise UnusableEmailAddress
        if email:
            check_emails(email)
        try:
            secret, stored = self.issuance.exchange(key, email, now)
        except UnknownKey:  # revoked meanwhile
            raise RefusedKey from None
        return secret, stored, min(key.expires_at, now + OVERLAP)


@dataclass(frozen=True, slots=True)
class S3KeyService:
    """The use case for S3 keys, whose secrets `sealing_key` opens."""

    ledger: Ledger
    sealing_key: Path

    def access_key(
        self, key: ApiKey, access_key_id: str, email: str, now: datetime
    ) -> tuple[str, str, datetime | None]:
        """Answer the newest S3 key and its secret, and when the one before ends.

        `access_key_id` must be one that works now: who has an API key only does not get into the
        bucket by it. An `email` is written to from now on, whenever a key is made. Raises
        S3KeysNotOfKey, NoSuchAccessKey and UnusableNotifyEmail.
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
            check_emails(email)
            stored.add_reminder_address(key.customer, email, now)
        newest = live[0]
        self.ledger.audit.add(f"key {key.prefix}", "S3 key fetched", newest.access_key_id, now)
        ends = newest.created_at + S3_OVERLAP if len(live) > 1 else None
        return (
            newest.access_key_id,
            SecretCipher.from_file(self.sealing_key).decrypt(newest.sealed),
            ends,
        )
