"""Heartbeats: a bare GET, which every dead man's switch accepts."""

from dataclasses import dataclass

from alumniq_pipelines.adapters.notifiers.http import HttpCall, HttpClient
from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy
from alumniq_pipelines.core.notifications.notification import DeliveryResult, Notification


@dataclass(frozen=True)
class HeartbeatNotifier:
    """Calls permitted addresses only, as callbacks do: some of the URLs come from customers."""

    addresses: AddressPolicy
    seconds: float = 10.0

    async def deliver(self, notification: Notification) -> DeliveryResult:
        """Send one heartbeat."""
        return await self.beat(notification.notice.destination)

    async def beat(self, url: str) -> DeliveryResult:
        """Call a URL once."""
        return await HttpClient(self.addresses, self.seconds).call(HttpCall(method="GET", url=url))
