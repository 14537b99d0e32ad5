"""Callbacks: one POST of the contract's JSON to a URL that a customer chose."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime

from alumniq_pipelines.adapters.notifiers.calling import Call, Caller
from alumniq_pipelines.core.addresses import AddressPolicy
from alumniq_pipelines.core.notification import DeliveryResult, Notification


@dataclass(frozen=True)
class CallbackNotifier:
    """Sends callbacks to permitted addresses only."""

    addresses: AddressPolicy
    seconds: float = 15.0
    tls: ssl.SSLContext | None = None

    async def deliver(self, notification: Notification) -> DeliveryResult:
        """Send one callback; any 2xx is a delivery, and 410 asks for no more of them."""
        notice = notification.notice
        call = Call("POST", notice.destination, notice.body, _headers(notification))
        return await Caller(self.addresses, self.seconds, self.tls).call(call)


def _headers(notification: Notification) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "webhook-id": notification.id,
        "webhook-timestamp": str(int(datetime.now(UTC).timestamp())),
    }
