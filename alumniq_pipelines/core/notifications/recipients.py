"""The two options by which a customer asks to be notified: which addresses and URLs are usable."""

from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

from alumniq_pipelines.core.notifications.callback_addresses import (
    AddressPolicy,
    ascii_host,
    host_error,
    is_private_name,
    literal_address,
)
from alumniq_pipelines.core.notifications.email_addresses import (
    addresses_in,
    bare_address,
    split_addresses,
)
from alumniq_pipelines.core.problems.request import UnusableNotifyEmail, UnusableNotifyWebhook
from alumniq_pipelines.core.short_text import truncate

MAX_ADDRESSES = 10
MAX_URL_CHARACTERS = 2_048
MAX_CHARACTERS_SHOWN = 60


def check_emails(emails: str, option: str = "NotifyEmail") -> None:
    """Check what an option holds, one or several addresses; raises UnusableNotifyEmail."""
    error = _emails_error(emails)
    if error is not None:
        raise UnusableNotifyEmail(error, option)


def check_webhook(url: str, policy: AddressPolicy) -> None:
    """Check what is plain from a callback URL itself; raises UnusableNotifyWebhook.

    Where its name leads is checked whenever it is called.
    """
    error = url_error(url, policy)
    # Where no other than public addresses are called, nobody can resolve such a name for us.
    if error is None and not policy.allowed and is_private_name(host_of(urlsplit(url))):
        error = "names a host that only a private network knows"
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


def host_of(url: SplitResult) -> str:
    """Return a URL's host as it is looked up: every rule about names needs it in this form.

    In other scripts, other characters than `.` separate its parts, too.
    """
    host = url.hostname or ""
    return ascii_host(host) or host


# Remembered, because a customer sends the same addresses with every feed of a night.
@lru_cache(maxsize=256)
def _emails_error(emails: str) -> str | None:
    parts = split_addresses(emails)
    if not parts:
        return "holds no e-mail address"
    if len(addresses_in(emails)) > MAX_ADDRESSES:
        return f"holds more than {MAX_ADDRESSES} addresses"
    # A line break between two addresses would be cut off with the blanks, and must not pass. Behind
    # this, an address can be repeated: no header begins in it.
    if not emails.isprintable():
        return (
            "contains a line break, another character that cannot be printed, or an unusual blank, "
            "such as a no-break space"
        )
    wrong = [part for part in dict.fromkeys(parts) if bare_address(part) is None]
    if not wrong:
        return None
    if len(parts) == 1:
        return "is not an e-mail address"
    named = ", ".join(
        f"{truncate(part, MAX_CHARACTERS_SHOWN)} (number {parts.index(part) + 1} of {len(parts)})"
        for part in wrong
    )
    # `Lee, Ann <ann@x.edu>` is two parts.
    hint = ". A name that contains a comma needs quotation marks" if "<" in emails else ""
    return f"holds what is not an e-mail address: {named}{hint}"


def _url_parts_error(url: SplitResult, policy: AddressPolicy) -> str | None:
    if url.scheme not in {"http", "https"}:
        return "does not start with https://"
    if "@" in url.netloc:
        return "carries a user name or password"
    host = host_of(url)
    if url.port == 0 or not host:
        return "names no host"
    if literal_address(host) is None and (error := host_error(host)) is not None:
        return error
    if policy.refuses_host(host):
        return "leads to an address that is not public"
    return None
