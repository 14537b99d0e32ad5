"""Microsoft Teams: one adaptive card to the staff's own incoming webhook of Workflows."""

from dataclasses import dataclass, field

from alumniq_pipelines.adapters.notifiers.http import ALLOW_ALL, HttpCall, HttpClient
from alumniq_pipelines.core.notifications.notification import DeliveryResult, Notification


@dataclass(frozen=True)
class TeamsNotifier:
    """Sends to one URL, whose query is a secret; None where there is no webhook any more."""

    url: str | None = field(repr=False)
    seconds: float = 15.0

    async def deliver(self, notification: Notification) -> DeliveryResult:
        """Send one card; Workflows answers 202, and 429 with a wait where it got too many."""
        if self.url is None:
            return DeliveryResult(delivered=False, detail="no Teams webhook is set", permanent=True)
        headers = {"Content-Type": "application/json"}
        call = HttpCall("POST", self.url, notification.notice.body, headers)
        return await HttpClient(ALLOW_ALL, self.seconds).call(call)
