"""Passwords of staff, hashed with argon2id, which is slow on purpose."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher()

_DUMMY_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=4$"
    "FWew8gNkvRSxReyp9CtxzA$ZPl6M9gRkw2Ao40DlsTPnqmH3uomGEgvLQ1/fEXa3YE"
)
"""Verified if there is no account, so that the response time does not reveal which names exist."""


def hash_password(password: str) -> str:
    """Return a hash of a password with its own salt."""
    return _HASHER.hash(password)


def verify_password(stored_hash: str | None, password: str) -> bool:
    """Whether a password matches the stored hash; None never matches but takes as long."""
    try:
        return _HASHER.verify(stored_hash or _DUMMY_HASH, password) and stored_hash is not None
    except (VerificationError, InvalidHashError):
        return False
