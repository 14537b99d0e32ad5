"""Microsoft Teams: one adaptive card to the staff's own incoming webhook of Workflows."""

from dataclasses import dataclass, field

from alumniq_pipelines.adapters.notifiers.http import ALLOW_ALL, HttpCall, HttpClient
from alumniq_pipelines.core.notifications.notification import DeliveryResult, Notification
from alumniq_pipelines.core.problems.delivery import DeliveryFault


@dataclass(frozen=True)
class TeamsNotifier:
    """Sends to one URL, whose query is a secret; None if the webhook was removed."""

    url: str | None = field(repr=False)
    seconds: float = 15.0

    async def deliver(self, notification: Notification) -> DeliveryResult:
        """Send one card; Workflows responds 202, or 429 with a pause if it gets too many."""
        if self.url is None:
            return DeliveryResult(
                delivered=False, detail=DeliveryFault.NO_WEBHOOK.value, permanent=True
            )
        call = HttpCall(
            method="POST",
            url=self.url,
            body=notification.notice.body,
            headers={"Content-Type": "application/json"},
        )
        return await HttpClient(ALLOW_ALL, self.seconds).call(call)
