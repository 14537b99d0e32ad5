"""The page of notifications: what was owed, whether it arrived, and sending it again."""

from dataclasses import dataclass

from starlette.responses import Response

from webhook_gateway.pages.page_handlers import Door, Visit
from webhook_gateway.services.load_queries import Status

MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class TellingPages:
    """The page."""

    door: Door
    status: Status

    def index(self, visit: Visit) -> Response:
        """List notifications with their attempts, newest first."""
        tellings = self.status.newest_tellings(visit.scope, MOST_SHOWN)
        return self.door.page(visit, "notifications.html", "notifications", tellings=tellings)
