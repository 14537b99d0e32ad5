"""The pages for staff: the dashboard of all customers, and the selection of one of them."""

from dataclasses import dataclass

from starlette.responses import RedirectResponse, Response

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.problems.request import UnknownAddress
from webhook_gateway.pages.forms import safe_redirect_path
from webhook_gateway.pages.page_handlers import PageGuard, Visit
from webhook_gateway.services.staff_dashboard import Dashboard


@dataclass(frozen=True, slots=True)
class StaffPages:
    """The handlers of these pages."""

    guard: PageGuard
    ledger: Ledger
    dashboard: Dashboard

    def index(self, visit: Visit) -> Response:
        """Show what needs attention, most urgent first, and all customers."""
        return self.guard.page(
            visit,
            "dashboard.html",
            "dashboard",
            attention_items=self.dashboard.attention_items(visit.now),
            environment_summaries=self.dashboard.environment_summaries(),
        )

    def select_customer(self, visit: Visit) -> Response:
        """Select the customer and environment that the other pages show."""
        if visit.form["environment"] not in set(Environment):
            raise UnknownAddress
        environment = Environment(visit.form["environment"])
        customer = self.ledger.customers.get(visit.form["customer"])
        self.ledger.sessions.switch_customer(visit.token, customer.id, environment)
        return RedirectResponse(safe_redirect_path(visit.form["next"] or "/webhooks"), 303)
