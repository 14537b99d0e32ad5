"""Devices: a browser in which one of the staff signed in is recognised by a cookie.

The cookie opens nothing. It keeps whoever guesses at an account from delaying its owner.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from alumniq_pipelines.adapters.encryption import SecretCipher
from alumniq_pipelines.core.problems.setup import UnusableSealingKey

logger = logging.getLogger(__name__)

DEVICE_COOKIE = "alumniq_device"
DEVICE_LIFETIME = timedelta(days=180)
MAX_CHARACTERS = 2_000
"""Ours are shorter; browsers keep no longer cookies than 4,096."""

COOKIE_PURPOSE = "sign-in device"
"""No other text that is sealed with the same key begins like that."""


@dataclass(frozen=True, slots=True)
class DeviceCookies:
    """Makes and reads the cookies, each sealed with the account and the time it was made at."""

    sealing_key: Path

    def cookie(self, account: str, now: datetime) -> str | None:
        """Return a new cookie for an account; None, and a warning in the log, without a key."""
        try:
            cipher = SecretCipher.from_file(self.sealing_key)
        except UnusableSealingKey as problem:  # whoever signs in is not to blame, and gets in
            logger.warning("%s: %s", problem.code, problem)
            return None
        return cipher.encrypt(f"{COOKIE_PURPOSE}\n{int(now.timestamp())}\n{account}")

    def is_valid_for(self, account: str, cookie: str, now: datetime) -> bool:
        """Return whether a cookie was made for the account, and is not too old."""
        if not cookie or len(cookie) > MAX_CHARACTERS or not cookie.isascii():
            return False
        try:
            text = SecretCipher.from_file(self.sealing_key).decrypt(cookie)
        except UnusableSealingKey:  # not one of our cookies
            return False
        purpose, _, rest = text.partition("\n")
        made_at, _, name = rest.partition("\n")
        if purpose != COOKIE_PURPOSE or name != account:
            return False
        return now.timestamp() - int(made_at) <= DEVICE_LIFETIME.total_seconds()
