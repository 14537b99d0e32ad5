"""The page of notifications: what was owed, whether it arrived, and sending it again."""

from dataclasses import dataclass

from starlette.responses import Response

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from webhook_gateway.pages.door import Door, Visit
from webhook_gateway.status import Telling

MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class TellingPages:
    """The page."""

    door: Door
    ledger: Ledger

    def index(self, visit: Visit) -> Response:
        """List notifications with their attempts, newest first."""
        scope = visit.scope
        owed = self.ledger.notifications.about_loads(
            scope.customer, scope.environment, scope.feeds, most=MOST_SHOWN
        )
        tellings = [Telling(each, self.ledger.notifications.attempts(each.id)) for each in owed]
        return self.door.page(visit, "notifications.html", "notifications", tellings=tellings)
