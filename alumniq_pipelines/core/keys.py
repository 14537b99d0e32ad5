"""API keys: how they look, and how they are kept without being kept."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from alumniq_pipelines.core.target import Environment

PREFIX_LENGTH = 12
"""Characters of a key that may be shown in lists; they hold no secret worth having."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as the ledger keeps it: never the key itself.

    `feeds` None opens every feed; `networks`, in CIDR form, empty lets it come from anywhere.
    `email` is whom to tell before it expires. A key that was rotated names the one `replaced_by`.
    """

    prefix: str
    customer: str
    environment: Environment
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    feeds: tuple[str, ...] | None = None
    networks: tuple[str, ...] = ()
    email: str = ""
    replaced_by: str | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether the key opens anything at `now`."""
        return self.revoked_at is None and now < self.expires_at

    def days_remaining(self, now: datetime) -> int:
        """Whole days until expiry, 0 once expired (the contract's x-api-key-days-remaining)."""
        return max(0, (self.expires_at - now).days)


def new_api_key(environment: Environment) -> str:
    """Make a key with 256 random bits; its head names the environment for the human eye."""
    head = "aq_live_" if environment is Environment.PRODUCTION else "aq_test_"
    return head + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """Hash a key for keeping and looking up: SHA-256 is enough for 256 random bits."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
