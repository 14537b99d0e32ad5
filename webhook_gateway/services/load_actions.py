"""Actions on a load, within a scope: the pipelines' own load actions make each change.

Shared by the JSON API and the pages; independent of HTTP. What lies outside a scope does not exist
for it.
"""

from dataclasses import dataclass
from datetime import datetime

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.notifications.notification import Notification
from alumniq_pipelines.core.problems.api import NoSuchNotification, NotRepeatable
from alumniq_pipelines.core.problems.holding import NothingArchived
from alumniq_pipelines.services import load_actions
from webhook_gateway.services.load_queries import Scope, Status


@dataclass(frozen=True, slots=True)
class Actions:
    """Changes loads. All raise NoSuchLoad, and OutageProblem if the ledger is unavailable."""

    ledger: Ledger
    status: Status
    public_urls: PublicUrls

    def cancel(self, scope: Scope, job_id: str, now: datetime, *, actor: str) -> Load:
        """Cancel a load that is not finished and notify its recipients.

        Raises NotQueued and BeingPublished.
        """
        load = self.status.known_load(scope, job_id)
        return load_actions.cancel(
            self.ledger, load.job_id, actor, now, public_urls=self.public_urls
        )

    def approve(self, scope: Scope, job_id: str, reason: str, now: datetime, *, actor: str) -> Load:
        """Let a held load be published; raises NotHeld, ReasonMissing and LaterLoadPublished."""
        load = self.status.known_load(scope, job_id)
        return load_actions.approve(self.ledger, load.job_id, reason, actor, now)

    def discard(self, scope: Scope, job_id: str, reason: str, now: datetime, *, actor: str) -> Load:
        """End a held load as failed; raises NotHeld and ReasonMissing."""
        load = self.status.known_load(scope, job_id)
        return load_actions.discard(
            self.ledger, load.job_id, reason, actor, now, public_urls=self.public_urls
        )

    def repeat(self, scope: Scope, job_id: str, now: datetime, *, actor: str) -> Load:
        """Load the archived file of an earlier load again and notify the same recipients.

        Raises NotRepeatable if the earlier load is not over or never read its file.
        """
        load = self.status.known_load(scope, job_id)
        if not load.is_final:
            raise NotRepeatable
        try:
            return load_actions.repeat(self.ledger, load.job_id, actor, now, notify_customer=True)
        except NothingArchived:
            raise NotRepeatable from None

    def resend(
        self, scope: Scope, job_id: str, notification_id: str, now: datetime, *, actor: str
    ) -> Notification:
        """Send a notification again, with the same id and bytes.

        Raises NoSuchNotification if the scope does not include it, and NotificationUnderWay.
        """
        load = self.status.known_load(scope, job_id)
        shown = {notification.id for notification in self.status.notifications(scope, load)}
        if notification_id not in shown:
            raise NoSuchNotification
        return load_actions.resend(self.ledger, notification_id, actor, now)
