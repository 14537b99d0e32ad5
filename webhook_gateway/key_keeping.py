"""Keeping keys from outside: list API keys, trade one, fetch S3 keys. Knows nothing of HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.s3_keys import S3Keys
from alumniq_pipelines.adapters.sealing import Seal
from alumniq_pipelines.core.keys import OVERLAP, ApiKey
from alumniq_pipelines.core.notify_options import check_emails
from alumniq_pipelines.core.problems.api import NoSuchAccessKey, UnusableEmailAddress
from alumniq_pipelines.core.s3_keys import OVERLAP as S3_OVERLAP
from alumniq_pipelines.core.s3_keys import user_name
from webhook_gateway.status import Scope


@dataclass(frozen=True, slots=True)
class KeyKeeping:
    """The use case. Raises OutageProblem where the ledger is away."""

    ledger: Ledger

    def of(self, scope: Scope) -> Sequence[ApiKey]:
        """List the keys of a scope's customer and environment, newest first."""
        return [
            each
            for each in self.ledger.keys.of(scope.customer)
            if each.environment is scope.environment
        ]

    def exchange(self, key: ApiKey, email: str, now: datetime) -> tuple[str, ApiKey, datetime]:
        """Make a fresh key that opens the same; also answers when the old one ends.

        A key with an address is traded only under it; one without takes the one given. Raises
        UnusableEmailAddress and UnusableNotifyEmail.
        """
        if key.email and email.lower() != key.email.lower():
            raise UnusableEmailAddress
        if email:
            check_emails(email)
        secret, kept = self.ledger.keys.rotate(
            key, now, email=email or key.email, actor=f"key {key.prefix}"
        )
        return secret, kept, min(key.expires_at, now + OVERLAP)


@dataclass(frozen=True, slots=True)
class S3KeyKeeping:
    """The use case for S3 keys, whose secrets `sealing_key` opens."""

    ledger: Ledger
    sealing_key: Path

    def access_key(
        self, key: ApiKey, access_key_id: str, email: str, now: datetime
    ) -> tuple[str, str, datetime | None]:
        """Answer the newest S3 key and its secret, and when the one before ends.

        `access_key_id` must be one that works now: who has an API key only does not get into the
        bucket by it. An `email` is written to from now on, whenever a key is made. Raises
        NoSuchAccessKey and UnusableNotifyEmail.
        """
        kept = S3Keys(self.ledger.database, self.ledger.audit)
        live = [each for each in kept.of(user_name(key.customer, key.environment)) if each.is_live]
        if access_key_id not in {each.access_key_id for each in live}:
            raise NoSuchAccessKey
        if email:
            check_emails(email)
            kept.remind(key.customer, email, now)
        newest = live[0]
        self.ledger.audit.add(f"key {key.prefix}", "S3 key fetched", newest.access_key_id, now)
        ends = newest.created_at + S3_OVERLAP if len(live) > 1 else None
        return newest.access_key_id, Seal.at(self.sealing_key).opened(newest.sealed), ends
