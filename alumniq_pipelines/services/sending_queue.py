"""How many notifications may be sent at once, and what is still tried while a channel fails."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from threading import Lock

from alumniq_pipelines.core.notifications.failure_cause import FailureCause
from alumniq_pipelines.core.notifications.notification import (
    Channel,
    DeliveryResult,
    Notification,
)

MAX_IN_FLIGHT = 128
"""Concurrent attempts: with 1,000 due and 100 hanging, the others take 3 s (with 64: 17 s)."""
MAX_MAILS_IN_FLIGHT = 20
"""Concurrent mails. Each is a connection to our mail server: by default Exchange takes 20 from one
machine, Postfix 50.
"""
MAX_MAILS_PER_DOMAIN = 10
"""Concurrent mails to one domain: our server may take long for the recipients of some only."""
PAUSE_SECONDS = 60.0
MAX_PAUSE_SECONDS = 300.0
"""How long a channel rests after the first failure of our own end, and after the fifth in a row."""


class SendingQueue:
    """Channels that share a limit of concurrent attempts, over all batches of a process.

    While our own end of a channel fails (the mail server refuses our login), one notification tries
    it now and then, instead of all that are due.
    """

    def __init__(
        self,
        channels: Collection[Channel],
        max_in_flight: int,
        max_per_domain: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`max_per_domain` is for e-mail addresses; `monotonic` is a clock in seconds."""
        self.channels = frozenset(channels)
        self._monotonic = monotonic
        self._lock = Lock()
        self.max_per_domain = max_per_domain
        self._room = max_in_flight
        self._domains = Counter[str]()
        self._failures = 0
        self._paused_until = 0.0
        self._is_trying = False

    def reserve(self) -> int:
        """Reserve room for the attempts that may start now, and return for how many."""
        with self._lock:
            reserved = self._room
            if self._failures:
                is_paused = self._is_trying or self._monotonic() < self._paused_until
                reserved = 0 if is_paused else min(1, reserved)
                self._is_trying = self._is_trying or reserved > 0
            self._room -= reserved
            return reserved

    def busy_domains(self) -> Collection[str]:
        """Return the domains to which no more may be sent now."""
        with self._lock:
            limit = self.max_per_domain
            return [name for name, count in self._domains.items() if limit and count >= limit]

    def max_to_claim(self, room: int) -> int:
        """Return how many may be claimed at once, even if all are for the busiest free domain."""
        if (limit := self.max_per_domain) is None:
            return room
        with self._lock:
            busiest = max((count for count in self._domains.values() if count < limit), default=0)
            return min(room, limit - busiest)

    def start(self, notification: Notification) -> None:
        """Take note that an attempt starts, for which there is room."""
        with self._lock:
            self._domains[_domain(notification)] += 1

    def give_back(self, unused: int) -> None:
        """Give back reserved room for which nothing was due."""
        with self._lock:
            self._room += unused
            if unused:
                self._is_trying = False

    def end(self, notification: Notification, result: DeliveryResult) -> None:
        """Take note of how an attempt ended."""
        with self._lock:
            self._domains -= Counter([_domain(notification)])
            self._room += 1
            self._is_trying = False
            now = self._monotonic()
            if result.cause is not FailureCause.CHANNEL:
                self._failures = 0
            elif now >= self._paused_until:  # those that failed at the same time count once
                self._failures += 1
                self._paused_until = now + min(PAUSE_SECONDS * self._failures, MAX_PAUSE_SECONDS)


def _domain(notification: Notification) -> str:
    return notification.notice.destination.rpartition("@")[2].lower()


def sending_queues(max_in_flight: int = MAX_IN_FLIGHT) -> Sequence[SendingQueue]:
    """Return the queues of a process: mail, which may take minutes, and what takes seconds."""
    quick = [channel for channel in Channel if channel is not Channel.MAIL]
    return (
        SendingQueue(quick, max_in_flight),
        SendingQueue([Channel.MAIL], min(max_in_flight, MAX_MAILS_IN_FLIGHT), MAX_MAILS_PER_DOMAIN),
    )
