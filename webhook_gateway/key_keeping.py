"""Keeping API keys from outside: list them, trade one for a fresh one. Knows nothing of HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.keys import OVERLAP, ApiKey
from alumniq_pipelines.core.notify_options import check_emails
from alumniq_pipelines.core.problems.api import UnusableEmailAddress
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
