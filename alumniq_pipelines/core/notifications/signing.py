"""Signatures of callbacks, as Standard Webhooks defines them: they prove that we made the call.

A customer's secrets are not stored: each is made of the installation's signing key and a random
salt, which the ledger stores. So read access to the ledger is not enough to sign.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

SECRET_PREFIX = "whsec_"  # noqa: S105 - the standard's mark of a secret, no secret
OVERLAP = timedelta(hours=24)
"""How long an old secret still signs beside the new one, so that the receiver can be changed."""

KEY_BYTES = 32
SALT_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningSalt:
    """What a customer's secret is made of, and when it stops signing."""

    customer: str
    salt: str
    created_at: datetime
    expires_at: datetime | None = None


def new_key() -> bytes:
    """Return a new signing key for an installation."""
    return secrets.token_bytes(KEY_BYTES)


def new_salt() -> str:
    """Return a salt for a new secret."""
    return secrets.token_hex(SALT_BYTES)


def key_fingerprint(key: bytes) -> str:
    """Return what shows whether two keys are the same, and nothing of the key.

    It is in no form that a salt makes: those have a customer's name and a separator.
    """
    return hmac.digest(key, b"fingerprint of the signing key", hashlib.sha256).hex()


def derive_secret(key: bytes, salt: SigningSalt) -> str:
    """Derive the secret that the customer is given."""
    made = hmac.digest(key, f"{salt.customer}\0{salt.salt}".encode(), hashlib.sha256)
    return SECRET_PREFIX + base64.b64encode(made).decode()


def signature_header(
    notification_id: str, at: datetime, body: str, secrets_of_customer: Sequence[str]
) -> str:
    """Return the `webhook-signature`: one signature by each secret, separated by spaces."""
    signed = f"{notification_id}.{int(at.timestamp())}.{body}".encode()
    keys = [base64.b64decode(secret.removeprefix(SECRET_PREFIX)) for secret in secrets_of_customer]
    digests = [hmac.digest(key, signed, hashlib.sha256) for key in keys]
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
