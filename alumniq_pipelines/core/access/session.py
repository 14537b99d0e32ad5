"""A session of the pages: of a customer who signed in with an API key, or of staff."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from alumniq_pipelines.core.access.api_keys import UNLIMITED, KeyLimits
from alumniq_pipelines.core.loads.target import Environment

LIFETIME = timedelta(hours=12)
"""A working day; after that, people sign in again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as the ledger stores it: never its token.

    `staff` is the account's name, `key_prefix` the customer's key: always one of the two. Staff see
    no customer until they choose one. `limits` are those of the key: a session may do nothing that
    its key may not, and only from where its key may be used.
    """

    staff: str | None
    key_prefix: str | None
    customer: str | None
    environment: Environment | None
    expires_at: datetime
    limits: KeyLimits = UNLIMITED

    @property
    def actor(self) -> str:
        """The person who acts, for the audit trail."""
        return f"staff {self.staff}" if self.staff else f"key {self.key_prefix}"


@dataclass(frozen=True, slots=True)
class StaffAccount:
    """An account of staff, without its password."""

    name: str
    created_at: datetime
    disabled_at: datetime | None = None


def new_token() -> str:
    """Return a new session token: 256 random bits, which nobody can guess."""
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    """Hash a token for storage and lookup."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def form_token(token: str) -> str:
    """Derive the CSRF token of a session's forms; it reveals nothing about the session's token."""
    return hmac.new(token.encode("utf-8", "surrogatepass"), b"form", "sha256").hexdigest()


def is_form_token(token: str, shown: str) -> bool:
    """Whether a form came from a page of this session; takes the same time for any guess."""
    return hmac.compare_digest(form_token(token).encode(), shown.encode("utf-8", "surrogatepass"))
