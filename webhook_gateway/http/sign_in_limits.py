"""Limits on signing in: growing delays after failed attempts, and few concurrent password checks.

All state is in the memory of the process, in tables of a fixed size: attackers choose names and
addresses, so no table may grow with them and no entry may evict another. Each gateway process
counts separately. docs/security.md explains the limits.
"""

import hashlib
import math
import secrets
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv6Address, IPv6Network, ip_address

from alumniq_pipelines.core.problems.api import TooManyRequests

SLOTS = 1 << 16
"""Per table, which takes 1 MiB. One pair of names in 65,536 shares a slot, and so its delays."""

KNOWN_SECONDS = 30 * 86_400.0
"""How long an address stays exempt from the delays of an account after signing in to it."""

DAY_SECONDS = 86_400.0

CHECKS_AT_ONCE = 2
"""Each takes 64 MiB, by the design of argon2id."""
CHECKS_WAITING = 8
"""A check takes 0.1 s; each waiting check occupies one of the 40 threads that serve pages."""
CHECK_SECONDS = 5


@dataclass(slots=True, kw_only=True)
class FailureTable:
    """Failed attempts by slot: the first `free` ones are free, each further one doubles the delay.

    One attempt is forgiven every `forgiven_seconds`, so that the delay ends for those who stop.
    """

    free: int
    longest_delay: float
    forgiven_seconds: float
    _counts: "array[float]" = field(default_factory=lambda: array("d", bytes(8 * SLOTS)))
    _times: "array[float]" = field(default_factory=lambda: array("d", bytes(8 * SLOTS)))

    def wait(self, slot: int, now: float) -> float:
        """Return the seconds until the next attempt is allowed."""
        count = self._count(slot, now)
        if count <= self.free - 1:  # an attempt that is partly forgiven still counts in full
            return 0
        delay = min(self.longest_delay, 2 ** (count - self.free))
        return max(0.0, self._times[slot] + delay - now)

    def is_new(self, slot: int, now: float) -> bool:
        """Return whether no attempt was counted within the last day."""
        return self._times[slot] == 0 or now - self._times[slot] > DAY_SECONDS

    def add(self, slot: int, now: float) -> None:
        """Count a failed attempt, up to the number that gives the longest delay."""
        highest = self.free + math.log2(self.longest_delay) + 1
        self._counts[slot] = min(self._count(slot, now) + 1, highest)
        self._times[slot] = now

    def remove(self, slot: int) -> None:
        """Take back a counted attempt."""
        self._counts[slot] = max(0.0, self._counts[slot] - 1)
        if self._counts[slot] == 0:
            self._times[slot] = 0

    def clear(self, slot: int) -> None:
        """Forget all failed attempts."""
        self._counts[slot] = 0

    def _count(self, slot: int, now: float) -> float:
        return max(0.0, self._counts[slot] - (now - self._times[slot]) / self.forgiven_seconds)


@dataclass(slots=True)
class SignInLimits:
    """Delays after failed attempts, counted by account with address, by address, and by account.

    The delay of an account alone is a few seconds, and does not apply to addresses and devices
    where it signed in before: guessing from many addresses is slowed down without locking the owner
    out. Because attackers could use up every permitted attempt of an account, the first attempt of
    the day from a new address skips that delay, as long as there are not too many new addresses.
    """

    clock: Callable[[], float] = time.monotonic
    pairs: FailureTable = field(
        default_factory=lambda: FailureTable(free=3, longest_delay=900, forgiven_seconds=300)
    )
    addresses: FailureTable = field(
        default_factory=lambda: FailureTable(free=20, longest_delay=60, forgiven_seconds=30)
    )
    accounts: FailureTable = field(
        default_factory=lambda: FailureTable(free=20, longest_delay=10, forgiven_seconds=30)
    )
    newcomers: FailureTable = field(
        default_factory=lambda: FailureTable(free=500, longest_delay=60, forgiven_seconds=60)
    )
    _known: "array[float]" = field(
        default_factory=lambda: array("d", [-math.inf]) * SLOTS, repr=False
    )
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    """Keys the hash, so that an attacker cannot choose a name or an address that shares a slot."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def record_attempt(self, account: str | None, address: str, device: str | None = None) -> float:
        """Count an attempt as failed and return 0, or return the seconds that it has to wait.

        An attempt counts from its start, so that concurrent attempts gain nothing over sequential
        ones. `device` identifies a browser where the account signed in before. Its attempts are
        counted separately, so no one else can delay it, and a stolen cookie is of little use.
        """
        pair, own, name = self._slots(account, address, device)
        now = self.clock()
        with self._lock:
            waits = [self.addresses.wait(own, now)]
            is_newcomer = False
            if account is not None:
                waits.append(self.pairs.wait(pair, now))
                if device is None and now - self._known[pair] > KNOWN_SECONDS:
                    account_wait = self.accounts.wait(name, now)
                    is_newcomer = account_wait > 0 and self.pairs.is_new(pair, now)
                    waits.append(
                        min(account_wait, self.newcomers.wait(name, now))
                        if is_newcomer
                        else account_wait
                    )
            # All or nothing: an attempt that has to wait is counted in none of the tables.
            if (longest := max(waits)) > 0:
                return longest
            self.addresses.add(own, now)
            if account is not None:
                self.pairs.add(pair, now)
                self.accounts.add(name, now)
            if is_newcomer:
                self.newcomers.add(name, now)
        return 0

    def record_success(self, account: str | None, address: str, device: str | None = None) -> None:
        """Forget the account's failed attempts from this address and remember the address."""
        # Failures of a device are counted under the device; what becomes known is its network.
        pair, _, _ = self._slots(account, address, device)
        at_address, _, _ = self._slots(account, address)
        self.cancel_attempt(account, address, device)
        if account is not None:
            with self._lock:
                self.pairs.clear(pair)
                self._known[at_address] = self.clock()

    def cancel_attempt(self, account: str | None, address: str, device: str | None = None) -> None:
        """Take back an attempt that was counted but not carried out."""
        pair, own, name = self._slots(account, address, device)
        with self._lock:
            self.addresses.remove(own)
            if account is not None:
                self.pairs.remove(pair)
                self.accounts.remove(name)

    def _slots(
        self, account: str | None, address: str, device: str | None = None
    ) -> tuple[int, int, int]:
        name, network = (account or "").casefold(), network_of(address)
        origin = network if device is None else f"device\0{device}"
        return self._slot(f"{name}\0{origin}"), self._slot(network), self._slot(name)

    def _slot(self, text: str) -> int:
        # A multipart form may name a charset that decodes to lone surrogates.
        data = text.encode("utf-8", "surrogatepass")
        hashed = hashlib.blake2b(data, key=self._secret, digest_size=8)
        return int.from_bytes(hashed.digest()) % SLOTS


@dataclass(slots=True)
class PasswordCheckLimiter:
    """Limits concurrent password checks: some more may wait, all others are refused."""

    at_once: int = CHECKS_AT_ONCE
    waiting: int = CHECKS_WAITING
    seconds: int = CHECK_SECONDS
    _running: threading.Semaphore = field(init=False, repr=False)
    _admitted: threading.Semaphore = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Create the semaphores."""
        self._running = threading.BoundedSemaphore(self.at_once)
        self._admitted = threading.BoundedSemaphore(self.at_once + self.waiting)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot for a check; raises TooManyRequests if none becomes free in time."""
        if not self._admitted.acquire(blocking=False):
            raise TooManyRequests(self.seconds)
        try:
            if not self._running.acquire(timeout=self.seconds):
                raise TooManyRequests(self.seconds)
            try:
                yield
            finally:
                self._running.release()
        finally:
            self._admitted.release()


def network_of(address: str) -> str:
    """Return the network under which an address is counted: for IPv6, its /64.

    An internet provider gives each of its customers a whole /64 to choose addresses from. IPv4
    addresses mapped into IPv6 count as IPv4.
    """
    try:
        parsed = ip_address(address)
    except ValueError:  # a local socket has none
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed) >> 64 << 64, 64)))
