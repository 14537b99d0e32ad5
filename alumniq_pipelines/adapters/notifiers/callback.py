"""Callbacks: one POST of the contract's JSON to a URL that a customer chose."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from alumniq_pipelines.adapters.notifiers.http import HttpCall, HttpClient
from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy
from alumniq_pipelines.core.notifications.notification import DeliveryResult, Notification
from alumniq_pipelines.core.notifications.signing import signature_header
from alumniq_pipelines.telemetry.tracing import TRACEPARENT, current_traceparent

SecretsLookup = Callable[[Notification], Sequence[str]]
"""Returns the secrets that sign a callback: none, one, or several while one is replaced."""


def no_secrets(notification: Notification) -> Sequence[str]:
    """Sign nothing."""
    del notification
    return ()


@dataclass(frozen=True)
class CallbackNotifier:
    """Sends callbacks to permitted addresses only, signed if the customer has a secret."""

    addresses: AddressPolicy
    seconds: float = 15.0
    tls: ssl.SSLContext | None = None
    secrets: SecretsLookup = no_secrets

    async def deliver(self, notification: Notification) -> DeliveryResult:
        """Send one callback; any 2xx is a delivery; 410 is permanent."""
        notice = notification.notice
        secrets = await asyncio.to_thread(self.secrets, notification)
        now = datetime.now(UTC)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": notification.id,
            "webhook-timestamp": str(int(now.timestamp())),
        }
        if secrets:
            signature = signature_header(notification.id, now, notice.body, secrets)
            headers["webhook-signature"] = signature
        traceparent = current_traceparent()
        if traceparent is not None:
            headers[TRACEPARENT] = traceparent
        call = HttpCall(method="POST", url=notice.destination, body=notice.body, headers=headers)
        return await HttpClient(self.addresses, self.seconds, self.tls).call(call)
