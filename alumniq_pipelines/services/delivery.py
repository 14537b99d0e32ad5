"""The use case: claim the notifications that are due → send → record, free of Dagster.

A notification is sent at least once: who dies between sending and recording leaves it to be sent
again, with the same id and the same bytes, once the lease is over.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from alumniq_pipelines.core.notifications.notification import Channel, DeliveryResult, Notification
from alumniq_pipelines.core.trace import trace_of

LEASE = timedelta(minutes=3)
"""Longer than any attempt takes: a callback 15 seconds, a mail at worst 100."""
TIME_BUDGET = timedelta(seconds=25)
"""How long new notifications are taken; with the last attempts a Dagster tick stays under 60 s."""
MAX_IN_FLIGHT = 128
"""Places of one round: 1,000 due with 100 silent receivers, the others told in 3 s (64: 17 s)."""
POLL_SECONDS = 1.0

Clock = Callable[[], datetime]

log = logging.getLogger(__name__)


class Outbox(Protocol):
    """What telling needs of the ledger's notifications."""

    def claim(self, now: datetime, lease: timedelta, limit: int = 100) -> Sequence[Notification]:
        """Take due notifications for sending; nobody else gets them until the lease is over."""
        ...

    def record(self, notification: Notification, result: DeliveryResult, now: datetime) -> None:
        """Write down a delivery attempt and what follows from it."""
        ...


class Notifier(Protocol):
    """A channel."""

    async def deliver(self, notification: Notification) -> DeliveryResult:
        """Send one notification once."""
        ...


@dataclass(frozen=True, slots=True)
class DeliverySummary:
    """What one round of telling did."""

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
    """Send everything that is due, at most `in_flight` at a time, and record each attempt.

    What falls due while slow receivers are waited for is sent beside them. Faults of a notifier are
    failed attempts; faults of the outbox are raised once the attempts under way have ended.
    """
    return asyncio.run(_DeliveryBatch(outbox, notifiers, clock, in_flight).run(time_budget))


class _DeliveryBatch:
    """One round: a set of attempts under way, filled up until nothing is due or time is up."""

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
        # Twice: an attempt that ran out of time may leave a thread behind that still resolves.
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
        """Start attempts in the free places; whether there were any to start."""
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
        result = await self._deliver(notification)
        await asyncio.to_thread(self.outbox.record, notification, result, self.clock())
        return result.delivered

    async def _deliver(self, notification: Notification) -> DeliveryResult:
        notifier = self.notifiers[notification.notice.channel]
        [result] = await asyncio.gather(notifier.deliver(notification), return_exceptions=True)
        if isinstance(result, DeliveryResult):
            return result
        if not isinstance(result, Exception):
            raise result
        # A fault in our own code.
        name = type(result).__name__
        log.error("Notification %s failed with %s:\n%s", notification.id, name, trace_of(result))
        return DeliveryResult(delivered=False, detail=name)
