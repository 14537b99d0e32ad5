"""The pages of staff: the board over all customers, and the choice of one."""

from dataclasses import dataclass

from starlette.responses import RedirectResponse, Response

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.problems.request import UnknownAddress
from webhook_gateway.pages.forms import safe_redirect_path
from webhook_gateway.pages.page_handlers import PageGuard, Visit
from webhook_gateway.services.staff_dashboard import Board


@dataclass(frozen=True, slots=True)
class StaffPages:
    """The pages."""

    guard: PageGuard
    ledger: Ledger
    board: Board

    def index(self, visit: Visit) -> Response:
        """Show what needs somebody, most urgent first, and every customer."""
        attention_items, environment_summaries = (
            self.board.attention_items(visit.now),
            self.board.environment_summaries(),
        )
        return self.guard.page(
            visit,
            "board.html",
            "board",
            attention_items=attention_items,
            environment_summaries=environment_summaries,
        )

    def select_customer(self, visit: Visit) -> Response:
        """Choose the customer and environment that the other pages show."""
        if visit.form["environment"] not in set(Environment):
            raise UnknownAddress
        environment = Environment(visit.form["environment"])
        customer = self.ledger.customers.get(visit.form["customer"])
        self.ledger.sessions.switch_customer(visit.token, customer.id, environment)
        return RedirectResponse(safe_redirect_path(visit.form["next"] or "/webhooks"), 303)
