"""Sending notifications within the trace of their load."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from alumniq_pipelines.core.loads.load import JobId, Load
from alumniq_pipelines.core.notifications.notification import (
    Channel,
    DeliveryResult,
    Notification,
)
from alumniq_pipelines.core.problems.delivery import http_status
from alumniq_pipelines.core.problems.outage import LedgerUnavailable
from alumniq_pipelines.services.delivery import Notifier
from alumniq_pipelines.telemetry.log_fields import load_fields
from alumniq_pipelines.telemetry.tracing import Attributes, span


@dataclass(frozen=True, slots=True)
class TracedNotifier:
    """A channel whose deliveries are spans."""

    notifier: Notifier
    load_of: Callable[[JobId], Load | None]

    async def deliver(self, notification: Notification) -> DeliveryResult:
        """Send one notification once."""
        load = await asyncio.to_thread(self._load, notification.job_id)
        parent = load.request.trace_context if load else None
        channel = notification.notice.channel
        with span(f"deliver {channel}", kind="CLIENT", parent=parent) as current:
            current.set(load_fields(load) if load else {})
            current.set({"channel": channel, "attempt": notification.attempts + 1})
            current.set(_host(notification))
            result = await self.notifier.deliver(notification)
            status = http_status(result.detail)
            if status is not None:
                current.set({"http.response.status_code": status})
            if not result.delivered:
                current.fail("not-delivered")
        return result

    def _load(self, job_id: JobId | None) -> Load | None:
        try:
            return self.load_of(job_id) if job_id else None
        except LedgerUnavailable:  # a delivery does not depend on its trace
            return None


def _host(notification: Notification) -> Attributes:
    """Return the host of a callback, which is all that a span shows of its URL."""
    if notification.notice.channel is not Channel.CALLBACK:
        return {}
    try:
        host = urlsplit(notification.notice.destination).hostname
    except ValueError:
        return {}
    return {"server.address": host} if host else {}
