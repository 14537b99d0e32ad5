"""Device cookies: recognize a browser in which a staff member has signed in before.

The cookie gives no access. It keeps attackers who guess at an account from delaying its owner.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from alumniq_pipelines.adapters.encryption import SecretCipher
from alumniq_pipelines.core.problems.setup import UnusableSealingKey

logger = logging.getLogger(__name__)

DEVICE_COOKIE = "alumniq_device"
DEVICE_LIFETIME = timedelta(days=180)
MAX_CHARACTERS = 2_000
"""Our cookies are shorter, and browsers store at most 4,096."""

COOKIE_PURPOSE = "sign-in device"
"""No other text that is encrypted with the same key begins with this."""


@dataclass(frozen=True, slots=True)
class DeviceCookies:
    """Creates and reads the cookies, which contain the account and the creation time, encrypted."""

    open_cipher: Callable[[], SecretCipher]

    def cookie(self, account: str, now: datetime) -> str | None:
        """Return a new cookie; log a warning and return None if the encryption key is unusable."""
        try:
            cipher = self.open_cipher()
        except UnusableSealingKey as problem:  # signing in works without the cookie
            logger.warning("%s: %s", problem.code, problem)
            return None
        return cipher.encrypt(f"{COOKIE_PURPOSE}\n{int(now.timestamp())}\n{account}")

    def is_valid_for(self, account: str, cookie: str, now: datetime) -> bool:
        """Return whether a cookie was created for the account and has not expired."""
        if not cookie or len(cookie) > MAX_CHARACTERS or not cookie.isascii():
            return False
        try:
            text = self.open_cipher().decrypt(cookie)
        except UnusableSealingKey:  # not one of our cookies
            return False
        purpose, _, rest = text.partition("\n")
        made_at, _, name = rest.partition("\n")
        if purpose != COOKIE_PURPOSE or name != account:
            return False
        return now.timestamp() - int(made_at) <= DEVICE_LIFETIME.total_seconds()
