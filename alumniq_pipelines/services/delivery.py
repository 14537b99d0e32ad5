"""The use case: deliver the notifications that are due (claim, send, record).

A notification is sent at least once: if the process dies between sending and recording, it is sent
again after the lease, with the same id and the same bytes.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Protocol

from alumniq_pipelines.core.notifications.notification import Channel, DeliveryResult, Notification
from alumniq_pipelines.core.problems.database import DatabaseProblem
from alumniq_pipelines.core.problems.delivery import DeliveryFault
from alumniq_pipelines.core.problems.outage import LedgerUnavailable
from alumniq_pipelines.core.trace import trace_of
from alumniq_pipelines.services.sending_queue import MAX_IN_FLIGHT, SendingQueue, sending_queues
from alumniq_pipelines.telemetry.log_fields import bind_fields

TIME_BUDGET = timedelta(seconds=25)
"""How long new notifications are claimed: Dagster ends a tick after 60 seconds."""
POLL_SECONDS = 1.0
LEASE = timedelta(minutes=3)
"""How long a notification belongs to who sends it, from its claim or the last renewal. A mail may
take longer: its lease is renewed meanwhile, so that a process that ends delays it by no more.
"""
RENEWALS_PER_LEASE = 3

Clock = Callable[[], datetime]

log = logging.getLogger(__name__)


class Outbox(Protocol):
    """What delivery needs of the ledger's notifications."""

    def claim(
        self,
        now: datetime,
        lease: timedelta,
        limit: int,
        channels: Collection[Channel],
        except_domains: Collection[str],
    ) -> Sequence[Notification]:
        """Claim due notifications for sending: no other process gets them until the lease ends."""
        ...

    def renew(self, notification: Notification, until: datetime) -> Notification:
        """Extend the lease of a notification that is being sent, if it is still the sender's."""
        ...

    def record(self, notification: Notification, result: DeliveryResult, now: datetime) -> None:
        """Record a delivery attempt and the notification's next state."""
        ...


class Notifier(Protocol):
    """A channel that sends notifications."""

    async def deliver(self, notification: Notification) -> DeliveryResult:
        """Send one notification once."""
        ...


OpenSender = Callable[[], AbstractContextManager[tuple[Outbox, Mapping[Channel, Notifier]]]]
"""Opens what a batch works with, for as long as it lasts."""


@dataclass(frozen=True, slots=True)
class DeliverySummary:
    """The number of attempts that delivered, that failed, and that are still in progress."""

    delivered: int = 0
    failed: int = 0
    in_progress: int = 0


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
    batch = _DeliveryBatch(outbox, notifiers, clock, sending_queues(in_flight), LEASE)
    asyncio.run(batch.run(time_budget))
    return batch.summary()


def deliver_in_background(
    open_sender: OpenSender,
    clock: Clock,
    queues: Sequence[SendingQueue],
    *,
    time_budget: timedelta = TIME_BUDGET,
    lease: timedelta = LEASE,
) -> DeliverySummary:
    """Deliver as `deliver_due`, but return once no more is claimed.

    A mail may take longer than a caller has time. What is still in progress then goes on in a
    thread, which records it, while the next call sends what is due by then. If the process ends
    meanwhile, the leases end, and it is sent again.
    """
    has_claimed, outcome = Event(), Future[None]()
    batches: list[_DeliveryBatch] = []

    def run() -> None:
        try:
            with open_sender() as (outbox, notifiers):
                batch = _DeliveryBatch(outbox, notifiers, clock, queues, lease, has_claimed.set)
                batches.append(batch)
                asyncio.run(batch.run(time_budget))
            outcome.set_result(None)
        except BaseException as fault:  # noqa: BLE001 - raised again by the caller, or logged
            outcome.set_exception(fault)
        finally:
            has_claimed.set()

    # As a daemon: a process that is to end does not wait for a mail server.
    Thread(target=run, name="delivery", daemon=True).start()
    has_claimed.wait()
    if batches and batches[0].in_progress:
        outcome.add_done_callback(_log_fault)
    else:
        outcome.result()
    return batches[0].summary() if batches else DeliverySummary()


def _log_fault(outcome: Future[None]) -> None:
    if fault := outcome.exception():
        log.error("Delivery failed with %s:\n%s", type(fault).__name__, trace_of(fault))


class _DeliveryBatch:
    """The attempts in progress, topped up until nothing is due or the time budget is used up."""

    def __init__(
        self,
        outbox: Outbox,
        notifiers: Mapping[Channel, Notifier],
        clock: Clock,
        queues: Sequence[SendingQueue],
        lease: timedelta,
        on_claimed: Callable[[], None] = lambda: None,
    ) -> None:
        self.outbox = outbox
        self.notifiers = notifiers
        self.clock = clock
        self.queues = queues
        self.lease = lease
        self.on_claimed = on_claimed
        self.in_progress: set[asyncio.Task[bool]] = set()
        self.ended: list[asyncio.Task[bool]] = []

    async def run(self, time_budget: timedelta) -> None:
        loop = asyncio.get_running_loop()
        # Twice as many threads as attempts: an attempt that timed out may leave a thread behind
        # that still resolves a host name, and cannot be interrupted.
        loop.set_default_executor(ThreadPoolExecutor(2 * MAX_IN_FLIGHT))
        until = loop.time() + time_budget.total_seconds()
        try:
            while loop.time() < until and (await self._start_due_attempts() or self.in_progress):
                await self._wait(POLL_SECONDS)
        finally:
            self.on_claimed()
            await self._wait(None, until=asyncio.ALL_COMPLETED)
        if faults := [fault for task in self.ended if (fault := task.exception())]:
            raise faults[0]

    def summary(self) -> DeliverySummary:
        results = [task.result() for task in tuple(self.ended) if not task.exception()]
        return DeliverySummary(results.count(True), results.count(False), len(self.in_progress))

    async def _start_due_attempts(self) -> bool:
        """Start due attempts up to the limits of concurrent ones; return whether there were any."""
        has_started = False
        for queue in self.queues:
            due: Sequence[Notification] = ()
            room = queue.reserve()
            try:
                if room:
                    due = await asyncio.to_thread(
                        self.outbox.claim,
                        self.clock(),
                        self.lease,
                        queue.max_to_claim(room),
                        queue.channels,
                        queue.busy_domains(),
                    )
            finally:
                queue.give_back(room - len(due))
            has_started = has_started or bool(due)
            for notification in due:
                queue.start(notification)
                # The task takes the fields with it: what it logs names the load.
                with bind_fields({"job_id": notification.job_id} if notification.job_id else {}):
                    task = asyncio.create_task(self._attempt_delivery(notification, queue))
                self.in_progress.add(task)
        return has_started

    async def _wait(self, seconds: float | None, until: str = asyncio.FIRST_COMPLETED) -> None:
        if self.in_progress:
            done, self.in_progress = await asyncio.wait(
                self.in_progress, timeout=seconds, return_when=until
            )
            self.ended += done

    async def _attempt_delivery(self, notification: Notification, queue: SendingQueue) -> bool:
        notifier = self.notifiers[notification.notice.channel]
        delivery = asyncio.gather(notifier.deliver(notification), return_exceptions=True)
        renew_seconds = self.lease.total_seconds() / RENEWALS_PER_LEASE
        while not (await asyncio.wait([delivery], timeout=renew_seconds))[0]:
            # There are renewals left until the lease ends.
            with suppress(LedgerUnavailable, DatabaseProblem):
                until = self.clock() + self.lease
                notification = await asyncio.to_thread(self.outbox.renew, notification, until)
        [result] = await delivery
        if isinstance(result, Exception):
            # A fault in our own code: only its class is logged, its text may hold an address.
            name, trace = type(result).__name__, trace_of(result)
            log.error("Notification %s failed with %s:\n%s", notification.id, name, trace)
            result = DeliveryResult(delivered=False, detail=DeliveryFault.OUR_FAULT.value)
        elif isinstance(result, BaseException):
            raise result
        queue.end(notification, result)
        await asyncio.to_thread(self.outbox.record, notification, result, self.clock())
        return result.delivered
