"""The use case: deliver the notifications that are due (claim, send, record).

A notification is sent at least once: if the process dies between sending and recording, it is sent
again after the lease, with the same id and the same bytes.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from alumniq_pipelines.core.notifications.notification import Channel, DeliveryResult, Notification
from alumniq_pipelines.core.problems.delivery import DeliveryFault
from alumniq_pipelines.core.trace import trace_of

LEASE = timedelta(minutes=3)
"""Longer than any attempt takes: a callback 15 seconds, a mail at worst 100."""
TIME_BUDGET = timedelta(seconds=25)
"""How long new notifications are claimed: with the last attempts, a tick stays under 60 s."""
MAX_IN_FLIGHT = 128
"""Concurrent attempts: with 1,000 due and 100 hanging, the others take 3 s (with 64: 17 s)."""
POLL_SECONDS = 1.0

Clock = Callable[[], datetime]

log = logging.getLogger(__name__)


class Outbox(Protocol):
    """What delivery needs of the ledger's notifications."""

    def claim(self, now: datetime, lease: timedelta, limit: int = 100) -> Sequence[Notification]:
        """Claim due notifications for sending: no other process gets them until the lease ends."""
        ...

    def record(self, notification: Notification, result: DeliveryResult, now: datetime) -> None:
        """Record a delivery attempt and the notification's next state."""
        ...


class Notifier(Protocol):
    """A channel that sends notifications."""

    async def deliver(self, notification: Notification) -> DeliveryResult:
        """Send one notification once."""
        ...


@dataclass(frozen=True, slots=True)
class DeliverySummary:
    """The number of attempts that delivered and that failed."""

    delivered: int = 0
    failed: int = 0


def deliver_due(
    outbox: Outbox,
    notifiers: Mapping[Channel, Notifier],
    clock: Clock,
    *,
    in_flight: int = MAX_IN_FLIGHT,
    time_budget: timedelta = TIME_BUDGET,
) -> DeliverySummary:
    """Send all notifications that are due, at most `in_flight` at a time, and record each attempt.

    Notifications that become due while slow receivers keep attempts waiting are sent meanwhile. An
    error in a notifier is a failed attempt; an error of the outbox is raised once the attempts in
    progress have ended.
    """
    return asyncio.run(_DeliveryBatch(outbox, notifiers, clock, in_flight).run(time_budget))


class _DeliveryBatch:
    """The attempts in progress, topped up until nothing is due or the time budget is used up."""

    def __init__(
        self, outbox: Outbox, notifiers: Mapping[Channel, Notifier], clock: Clock, in_flight: int
    ) -> None:
        self.outbox = outbox
        self.notifiers = notifiers
        self.clock = clock
        self.in_flight = in_flight
        self.in_progress: set[asyncio.Task[bool]] = set()
        self.ended: list[asyncio.Task[bool]] = []

    async def run(self, time_budget: timedelta) -> DeliverySummary:
        loop = asyncio.get_running_loop()
        # Twice as many threads as attempts: an attempt that timed out may leave a thread behind
        # that still resolves a host name, and cannot be interrupted.
        loop.set_default_executor(ThreadPoolExecutor(2 * self.in_flight))
        until = loop.time() + time_budget.total_seconds()
        try:
            while loop.time() < until and (await self._start_due_attempts() or self.in_progress):
                await self._wait(POLL_SECONDS)
        finally:
            await self._wait(None, until=asyncio.ALL_COMPLETED)
        if faults := [fault for task in self.ended if (fault := task.exception())]:
            raise faults[0]
        results = [task.result() for task in self.ended]
        return DeliverySummary(delivered=results.count(True), failed=results.count(False))

    async def _start_due_attempts(self) -> bool:
        """Start due attempts up to the limit of concurrent ones; return whether there were any."""
        free = self.in_flight - len(self.in_progress)
        if not free:
            return False
        due = await asyncio.to_thread(self.outbox.claim, self.clock(), LEASE, free)
        self.in_progress |= {
            asyncio.create_task(self._attempt_delivery(notification)) for notification in due
        }
        return bool(due)

    async def _wait(self, seconds: float | None, until: str = asyncio.FIRST_COMPLETED) -> None:
        if self.in_progress:
            done, self.in_progress = await asyncio.wait(
                self.in_progress, timeout=seconds, return_when=until
            )
            self.ended += done

    async def _attempt_delivery(self, notification: Notification) -> bool:
        notifier = self.notifiers[notification.notice.channel]
        [result] = await asyncio.gather(notifier.deliver(notification), return_exceptions=True)
        if isinstance(result, Exception):
            # A fault in our own code: only its class is logged, its text may hold an address.
            name, trace = type(result).__name__, trace_of(result)
            log.error("Notification %s failed with %s:\n%s", notification.id, name, trace)
            result = DeliveryResult(delivered=False, detail=DeliveryFault.OUR_FAULT.value)
        elif isinstance(result, BaseException):
            raise result
        await asyncio.to_thread(self.outbox.record, notification, result, self.clock())
        return result.delivered
