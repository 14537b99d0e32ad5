"""The page of notifications: each with its recipient, state and delivery attempts."""

from dataclasses import dataclass

from starlette.responses import Response

from webhook_gateway.http.parameters import page_number
from webhook_gateway.pages.page_handlers import PageGuard, Visit
from webhook_gateway.services.load_queries import Status

MAX_SHOWN = 100


@dataclass(frozen=True, slots=True)
class NotificationPages:
    """The handler of this page."""

    guard: PageGuard
    status: Status

    def index(self, visit: Visit) -> Response:
        """List a page of notifications with their delivery attempts, newest first."""
        page = page_number(visit.request.query_params.get("page", ""))
        found = self.status.newest_notifications(
            visit.scope, MAX_SHOWN + 1, offset=(page - 1) * MAX_SHOWN
        )
        return self.guard.page(
            visit,
            "notifications.html",
            "notifications",
            notifications=found[:MAX_SHOWN],
            next_page=page + 1 if len(found) > MAX_SHOWN else None,
        )
