"""The pages for staff: the dashboard of all customers, and the selection of one of them."""

from dataclasses import dataclass

from starlette.responses import RedirectResponse, Response

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.problems.request import UnknownAddress
from webhook_gateway.http.parameters import page_number, search_text
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
        """Show what needs attention and the customers, a page of each, most urgent first."""
        query = visit.request.query_params
        search = search_text(query.get("search", ""))
        page, customer_page = (page_number(query.get(name, "")) for name in ("page", "customers"))
        items, has_more_items = self.dashboard.attention_items(visit.now, search, page)
        summaries, has_more_customers = self.dashboard.environment_summaries(
            visit.now, search, customer_page
        )
        return self.guard.page(
            visit,
            "dashboard.html",
            "dashboard",
            search=search,
            page=page,
            customer_page=customer_page,
            attention_items=items,
            has_more_items=has_more_items,
            environment_summaries=summaries,
            has_more_customers=has_more_customers,
        )

    def select_customer(self, visit: Visit) -> Response:
        """Select the customer and environment that the other pages show."""
        if visit.form["environment"] not in set(Environment):
            raise UnknownAddress
        environment = Environment(visit.form["environment"])
        customer = self.ledger.customers.get(visit.form["customer"])
        self.ledger.sessions.switch_customer(visit.token, customer.id, environment)
        return RedirectResponse(safe_redirect_path(visit.form["next"] or "/webhooks"), 303)
