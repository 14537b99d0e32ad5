"""The two options by which a customer asks to be notified: which addresses and URLs are usable."""

import re
from urllib.parse import SplitResult, urlsplit

from alumniq_pipelines.core.notifications.callback_addresses import (
    AddressPolicy,
    ascii_host,
    literal_address,
)
from alumniq_pipelines.core.notifications.load_outcome import addresses_in
from alumniq_pipelines.core.problems.request import UnusableNotifyEmail, UnusableNotifyWebhook

MAX_ADDRESSES = 10
MAX_URL_CHARACTERS = 2_048

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
EMAIL = re.compile(rf"(?=.{{1,64}}@)(?=.{{1,254}}\Z){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")
"""An address as mail servers everywhere take it (RFC 5321, without quotes and comments)."""


def check_emails(emails: str) -> None:
    """Check what `notifyEmail` holds, one or several addresses; raises UnusableNotifyEmail."""
    error = _emails_error(emails)
    if error is not None:
        raise UnusableNotifyEmail(error)


def check_webhook(url: str, policy: AddressPolicy) -> None:
    """Check what is plain from a callback URL itself; raises UnusableNotifyWebhook.

    Where its name leads is checked whenever it is called.
    """
    error = url_error(url, policy)
    if error is not None:
        raise UnusableNotifyWebhook(error)


def url_error(url: str, policy: AddressPolicy) -> str | None:
    """Return why a URL could never be called, as a clause that follows the option's name."""
    if len(url) > MAX_URL_CHARACTERS:
        return f"is longer than {MAX_URL_CHARACTERS:,} characters"
    if not url.isprintable() or " " in url or "\\" in url:
        return "holds characters that no URL has"
    try:
        return _url_parts_error(urlsplit(url), policy)
    except ValueError:  # an address or a port that is none
        return "is not a URL"


def _emails_error(emails: str) -> str | None:
    addresses = addresses_in(emails)
    if not addresses:
        return "holds no e-mail address"
    if len(addresses) > MAX_ADDRESSES:
        return f"holds more than {MAX_ADDRESSES} addresses"
    # A line break between two addresses would be cut off with the blanks, and must not pass.
    if not emails.isprintable() or not all(EMAIL.fullmatch(address) for address in addresses):
        return "is not an e-mail address"
    return None


def _url_parts_error(url: SplitResult, policy: AddressPolicy) -> str | None:
    if url.scheme not in {"http", "https"}:
        return "does not start with https://"
    if "@" in url.netloc:
        return "carries a user name or password"
    host = url.hostname or ""
    if url.port == 0 or not (literal_address(host) or ascii_host(host)):
        return "names no host"
    if policy.refuses_host(host):
        return "leads to an address that is not public"
    return None
