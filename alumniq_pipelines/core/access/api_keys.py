"""API keys: their format, their limits, and when they are replaced."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Any, Self

from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.problems.api import KeyReplacedAlready

PREFIX_LENGTH = 12
"""Characters of a key that may be shown: too few to be of use to an attacker."""

OVERLAP = timedelta(days=14)
"""How long a key remains valid once it was rotated: time to replace it everywhere."""

MAX_LIVE_KEYS = 3
"""Valid keys of one origin: a key, and two that were made from it or from one another.

Two, because a key is shown once and the response can be lost. If they were not counted by origin,
each new key could be exchanged in turn, and the number of valid keys would double every time.
"""

EXCHANGE_WINDOW = timedelta(minutes=10)
"""How long a client that lost the response may exchange the same key a second time."""

NOTICE_DAYS = (30, 14, 7, 1)
"""Days before expiry on which the owner of a key is notified."""


@dataclass(frozen=True, slots=True)
class KeyScope:
    """What a key is limited to beyond its customer and environment; `email` is whom to notify."""

    feeds: tuple[str, ...] | None = None
    networks: tuple[str, ...] = ()
    email: str = ""

    def terms(self) -> dict[str, Any]:
        """Return the fields of ApiKey."""
        return {"feeds": self.feeds, "networks": self.networks, "email": self.email}


UNBOUND = KeyScope()


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """What a key, and anything derived from it such as a session, is limited to.

    `feeds` None are all feeds; empty `networks` are all addresses.
    """

    feeds: tuple[str, ...] | None = None
    networks: tuple[str, ...] = ()

    def covers(self, other: Self) -> bool:
        """Whether the other limits allow nothing beyond these."""
        if self.feeds is not None and (
            other.feeds is None or not set(other.feeds) <= set(self.feeds)
        ):
            return False
        if not self.networks:
            return True
        ours = _merge_networks(self.networks)
        # Without networks of its own, the other is valid from everywhere.
        return bool(other.networks) and all(
            any(_is_subnet(network, own) for own in ours)
            for network in map(ip_network, other.networks)
        )


UNLIMITED = KeyLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as the ledger stores it: never the key itself.

    `feeds` None are all feeds; `networks`, in CIDR form, are all addresses if empty. `email` is who
    is notified before it expires. A key that was rotated is `replaced_by` the newest of its
    successors, and each of these `replaces` the one it was made from.
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
    replaces: str | None = None

    @property
    def limits(self) -> KeyLimits:
        """What the key is limited to."""
        return KeyLimits(self.feeds, self.networks)

    def is_live(self, now: datetime) -> bool:
        """Whether the key is valid at `now`."""
        return self.revoked_at is None and now < self.expires_at

    def days_remaining(self, now: datetime) -> int:
        """Whole days until expiry, 0 once expired (the contract's x-api-key-days-remaining)."""
        return max(0, (self.expires_at - now).days)


def notice_due(
    key: ApiKey, successors: Sequence[ApiKey], noticed_days: int | None, now: datetime
) -> int | None:
    """Return for which of NOTICE_DAYS a notice is due now; `noticed_days` was the last one sent.

    None is due for a key that is no longer valid, or that is no longer used because one of its
    `successors`, the keys that replace it, is.
    """
    if not key.is_live(now) or _is_superseded(key, successors):
        return None
    since = max((known.created_at for known in successors), default=None)
    days_left = [
        days
        for days in NOTICE_DAYS
        if key.expires_at - timedelta(days=days) <= now
        # On an earlier day the successor did not exist, so nobody could have used it.
        and (since is None or key.expires_at - timedelta(days=days) > since)
    ]
    due = min(days_left, default=None)
    return due if due is not None and (noticed_days is None or due < noticed_days) else None


def _is_superseded(key: ApiKey, successors: Sequence[ApiKey]) -> bool:
    """Return whether a successor is in use and the key itself is not, since the newest was made.

    A client that lost the response to an exchange has no successor, and continues with its key.
    """
    if not any(known.last_used_at is not None for known in successors):
        return False
    newest = max(known.created_at for known in successors)
    return key.last_used_at is None or key.last_used_at <= newest


def check_successor(
    key: ApiKey, keys: Sequence[ApiKey], now: datetime, window: timedelta | None = None
) -> None:
    """Raise KeyReplacedAlready where no further key may be made from `key`.

    `keys` are all keys of its customer. With a `window`, a second successor is made only as long
    as the first is younger than that.
    """
    parents = {known.prefix: known.replaces for known in keys}
    origin = _origin(key, parents)
    live = [
        known
        for known in keys
        if known.prefix != key.prefix and known.is_live(now) and _origin(known, parents) == origin
    ]
    is_late = window is not None and any(
        known.replaces == key.prefix and known.created_at <= now - window for known in live
    )
    if is_late or len(live) + 2 > MAX_LIVE_KEYS:  # with the key itself and the new one
        newest_first = sorted(live, key=lambda known: known.created_at, reverse=True)
        raise KeyReplacedAlready([(known.prefix, known.created_at) for known in newest_first])


def _origin(key: ApiKey, parents: Mapping[str, str | None]) -> str:
    """Follow a key back to the one that was issued."""
    origin, parent = key.prefix, key.replaces
    while parent is not None:
        origin, parent = parent, parents.get(parent)
    return origin


def _merge_networks(names: Sequence[str]) -> list[IPv4Network | IPv6Network]:
    """Join neighbouring networks, which together may cover a larger one."""
    networks = [ip_network(name) for name in names]
    version_4 = [network for network in networks if isinstance(network, IPv4Network)]
    version_6 = [network for network in networks if isinstance(network, IPv6Network)]
    return [*collapse_addresses(version_4), *collapse_addresses(version_6)]


def _is_subnet(network: IPv4Network | IPv6Network, own: IPv4Network | IPv6Network) -> bool:
    match network, own:
        case (IPv4Network(), IPv4Network()) | (IPv6Network(), IPv6Network()):
            return network.subnet_of(own)  # type: ignore[arg-type]  # of one version here
        case _:
            return False


def new_api_key(environment: Environment) -> str:
    """Return a new key with 256 random bits; its prefix names the environment, for people."""
    head = "aq_live_" if environment is Environment.PRODUCTION else "aq_test_"
    return head + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """Hash a key for storage and lookup: SHA-256 is enough for 256 random bits."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
