"""Limits on signing in: growing delays after failed tries, and few passwords checked at once.

All of it is in the memory of the process, in tables of a fixed size: names and addresses are what
an attacker chooses, so nothing may grow with them, and none may push another one out. Each gateway
process counts for itself. docs/security.md says why each limit is what it is.
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
"""Of each table, 1 MiB: two names share a slot once in 65,536, and then share their delays."""

KNOWN_SECONDS = 30 * 86_400.0
"""How long an account may come from an address where it signed in before, whatever others do."""

DAY_SECONDS = 86_400.0

CHECKS_AT_ONCE = 2
"""Each takes 64 MiB, as argon2id is meant to."""
CHECKS_WAITING = 8
"""A check takes a tenth of a second; each that waits holds one of the 40 threads for pages."""
CHECK_SECONDS = 5


@dataclass(slots=True)
class FailureTable:
    """Failed tries by slot: the first are free, each further one doubles the delay to the next.

    One try is forgiven every `forgiven_seconds`, so that whoever stops is free again.
    """

    free: int
    longest_delay: float
    forgiven_seconds: float
    _counts: "array[float]" = field(default_factory=lambda: array("d", bytes(8 * SLOTS)))
    _times: "array[float]" = field(default_factory=lambda: array("d", bytes(8 * SLOTS)))

    def wait(self, slot: int, now: float) -> float:
        """Return for how many seconds the next try has to wait."""
        count = self._count(slot, now)
        if count <= self.free - 1:  # a part of a try that is not forgiven yet is a whole one
            return 0
        delay = min(self.longest_delay, 2 ** (count - self.free))
        return max(0.0, self._times[slot] + delay - now)

    def is_new(self, slot: int, now: float) -> bool:
        """Return whether no try was counted within a day."""
        return self._times[slot] == 0 or now - self._times[slot] > DAY_SECONDS

    def add(self, slot: int, now: float) -> None:
        """Count a failed try; beyond the longest delay there is nothing to count."""
        highest = self.free + math.log2(self.longest_delay) + 1
        self._counts[slot] = min(self._count(slot, now) + 1, highest)
        self._times[slot] = now

    def remove(self, slot: int) -> None:
        """Take back a try that was counted."""
        self._counts[slot] = max(0.0, self._counts[slot] - 1)
        if self._counts[slot] == 0:
            self._times[slot] = 0

    def clear(self, slot: int) -> None:
        """Forget all failed tries."""
        self._counts[slot] = 0

    def _count(self, slot: int, now: float) -> float:
        return max(0.0, self._counts[slot] - (now - self._times[slot]) / self.forgiven_seconds)


@dataclass(slots=True)
class SignInLimits:
    """Failed tries by account and address together, by address, and by account.

    An account by itself is delayed by seconds only, and never for an address or a device where it
    signed in before: who guesses from many addresses is slowed down, and does not lock the owner
    out. As guessers may take every turn of an account, an address that is new to it need not wait
    for one at its first try of a day, as long as there are not too many new ones.
    """

    clock: Callable[[], float] = time.monotonic
    pairs: FailureTable = field(default_factory=lambda: FailureTable(3, 900, 300))
    addresses: FailureTable = field(default_factory=lambda: FailureTable(20, 60, 30))
    accounts: FailureTable = field(default_factory=lambda: FailureTable(20, 10, 30))
    newcomers: FailureTable = field(default_factory=lambda: FailureTable(500, 60, 60))
    _known: "array[float]" = field(
        default_factory=lambda: array("d", [-math.inf]) * SLOTS, repr=False
    )
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    """Nobody can choose a name or an address that shares another one's slot."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def record_attempt(self, account: str | None, address: str, device: str | None = None) -> float:
        """Count a try as failed and return 0, or return for how many seconds it has to wait.

        It counts from its beginning, so that many at once are no more than one after another.
        `device` identifies one where the account signed in before: its tries count by themselves,
        so nobody else delays it, and a stolen one is of little use.
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
        """Forget the failed tries of an account from this address, and know it from now on."""
        pair, _, _ = self._slots(account, address, device)
        at_address, _, _ = self._slots(account, address)
        self.cancel_attempt(account, address, device)
        if account is not None:
            with self._lock:
                self.pairs.clear(pair)
                self._known[at_address] = self.clock()

    def cancel_attempt(self, account: str | None, address: str, device: str | None = None) -> None:
        """Count a try no more that was not carried out."""
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
        data = text.encode("utf-8", "surrogatepass")
        hashed = hashlib.blake2b(data, key=self._secret, digest_size=8)
        return int.from_bytes(hashed.digest()) % SLOTS


@dataclass(slots=True)
class PasswordCheckLimiter:
    """Lets few check a password at once; some wait for a while, and all others come again."""

    at_once: int = CHECKS_AT_ONCE
    waiting: int = CHECKS_WAITING
    seconds: int = CHECK_SECONDS
    _running: threading.Semaphore = field(init=False, repr=False)
    _admitted: threading.Semaphore = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Begin with nobody inside."""
        self._running = threading.BoundedSemaphore(self.at_once)
        self._admitted = threading.BoundedSemaphore(self.at_once + self.waiting)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a slot; raises TooManyRequests."""
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
    """Return what an address is counted under: IPv6 by its /64, and IPv4 inside IPv6 as IPv4.

    One customer of an internet provider has a /64 to choose addresses from.
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
