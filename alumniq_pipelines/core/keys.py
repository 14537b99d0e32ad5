"""API keys: how they look, and how they are kept without being kept."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from alumniq_pipelines.core.target import Environment

PREFIX_LENGTH = 12
"""Characters of a key that may be shown in lists; they hold no secret worth having."""

OVERLAP = timedelta(days=14)
"""How long a key goes on once it was rotated: time to change it everywhere."""

NOTICE_DAYS = (30, 14, 7, 1)
"""Days before expiry on which whoever a key belongs to is told."""


@dataclass(frozen=True, slots=True)
class KeyScope:
    """What a key is bound to beyond its customer and environment; `email` is whom to warn."""

    feeds: tuple[str, ...] | None = None
    networks: tuple[str, ...] = ()
    email: str = ""

    def terms(self) -> dict[str, Any]:
        """Lay it out as ApiKey has it."""
        return {"feeds": self.feeds, "networks": self.networks, "email": self.email}


UNBOUND = KeyScope()


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


def notice_due(key: ApiKey, noticed_days: int | None, now: datetime) -> int | None:
    """Answer for which of NOTICE_DAYS somebody is to be told now; `noticed_days` was told last.

    A key that was replaced, or is live no more, needs nobody's attention.
    """
    if not key.is_live(now) or key.replaced_by is not None:
        return None
    left = key.expires_at - now
    due = min((days for days in NOTICE_DAYS if left <= timedelta(days=days)), default=None)
    return due if due is not None and (noticed_days is None or due < noticed_days) else None


def new_api_key(environment: Environment) -> str:
    """Make a key with 256 random bits; its head names the environment for the human eye."""
    head = "aq_live_" if environment is Environment.PRODUCTION else "aq_test_"
    return head + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """Hash a key for keeping and looking up: SHA-256 is enough for 256 random bits."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
