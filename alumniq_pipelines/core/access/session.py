"""A session of somebody at the pages: a customer who showed an API key, or one of the staff."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from alumniq_pipelines.core.access.api_keys import UNLIMITED, KeyLimits
from alumniq_pipelines.core.loads.target import Environment

LIFETIME = timedelta(hours=12)
"""A working day; whoever stays longer signs in again."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session as the ledger keeps it: never its token.

    `staff` is the account's name, `key_prefix` the customer's key: always one of the two. Staff see
    no customer until they look at one. `limits` are those of the key: a session may do nothing
    that its key may not, and from nowhere else.
    """

    staff: str | None
    key_prefix: str | None
    customer: str | None
    environment: Environment | None
    expires_at: datetime
    limits: KeyLimits = UNLIMITED

    @property
    def actor(self) -> str:
        """Name who acts, for the audit trail."""
        return f"staff {self.staff}" if self.staff else f"key {self.key_prefix}"


@dataclass(frozen=True, slots=True)
class StaffAccount:
    """An account of staff, without its password."""

    name: str
    created_at: datetime
    disabled_at: datetime | None = None


def new_token() -> str:
    """Make a session's token: 256 random bits, which nobody can forge or guess."""
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    """Hash a token for keeping and looking up."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def form_token(token: str) -> str:
    """Derive what the forms of a session carry; it tells nothing about the session's token."""
    return hmac.new(token.encode("utf-8", "surrogatepass"), b"form", "sha256").hexdigest()


def is_form_token(token: str, shown: str) -> bool:
    """Whether a form came from a page of this session; takes the same time for any guess."""
    return hmac.compare_digest(form_token(token).encode(), shown.encode("utf-8", "surrogatepass"))
