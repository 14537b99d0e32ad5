"""Actions on a load: cancel it, repeat it, send a notification again.

Shared by the JSON API and the pages; independent of HTTP. Every action is a conditional update, so
that doing it twice changes nothing, and is recorded in the audit trail with its actor.
"""

from dataclasses import dataclass
from datetime import datetime

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.notifications.load_outcome import notices_for
from alumniq_pipelines.core.notifications.notification import Notification
from alumniq_pipelines.core.problems.api import (
    LoadCanceled,
    NoSuchNotification,
    NotQueued,
    NotRepeatable,
)
from alumniq_pipelines.core.problems.holding import NothingArchived
from alumniq_pipelines.core.problems.live_data import live_data
from alumniq_pipelines.services.delivery import resend
from alumniq_pipelines.services.load_actions import repeat
from webhook_gateway.services.load_queries import Scope, Status

CANCELABLE = frozenset({LoadState.QUEUED, LoadState.REQUESTED})
"""The states before the first attempt, in which nothing has been read yet."""


@dataclass(frozen=True, slots=True)
class Actions:
    """Changes loads. Raises OutageProblem if the ledger is unavailable."""

    ledger: Ledger
    status: Status
    gateway_url: str

    def cancel(self, scope: Scope, job_id: str, now: datetime, *, actor: str) -> Load:
        """Cancel a queued load and notify its recipients; raises NoSuchLoad and NotQueued."""
        load = self.status.known_load(scope, job_id)
        problem = LoadCanceled()
        outcome = Outcome(LoadState.FAILED, (str(problem),), remedy=problem.advice)
        live = live_data(load.number, self.ledger.versions.newest(load.target))
        watch = self.ledger.watches.get(load.target)
        heartbeat_url = watch.heartbeat_url if watch else ""
        notices = notices_for(
            load, outcome, heartbeat_url=heartbeat_url, gateway_url=self.gateway_url, live=live
        )
        if load.attempts or not self.ledger.loads.end(
            load.job_id, outcome, notices, now, only_from=CANCELABLE
        ):
            raise NotQueued(self.status.known_load(scope, job_id).state)
        self.ledger.audit.add(actor, "load canceled", load.job_id, now)
        return self.status.known_load(scope, job_id)

    def repeat(self, scope: Scope, job_id: str, now: datetime, *, actor: str) -> Load:
        """Load the archived file of an earlier load again and notify the same recipients.

        Raises NoSuchLoad, and NotRepeatable if the earlier load is not over or never read its file.
        """
        load = self.status.known_load(scope, job_id)
        if not load.is_final:
            raise NotRepeatable
        try:
            return repeat(self.ledger, load.job_id, actor, now, notify_customer=True)
        except NothingArchived:
            raise NotRepeatable from None

    def resend(
        self, scope: Scope, job_id: str, notification_id: str, now: datetime, *, actor: str
    ) -> Notification:
        """Send a notification again, with the same id and bytes.

        Raises NoSuchLoad, NoSuchNotification if the scope does not include it, and
        NotificationUnderWay.
        """
        load = self.status.known_load(scope, job_id)
        shown = {notification.id for notification in self.status.notifications(scope, load)}
        if notification_id not in shown:
            raise NoSuchNotification
        return resend(self.ledger, notification_id, actor, now)
