"""The pages of staff: the board over all customers, and the choice of one."""

from dataclasses import dataclass

from starlette.responses import RedirectResponse, Response

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.problems.request import UnknownAddress
from webhook_gateway.pages.forms import own_path
from webhook_gateway.pages.page_handlers import Door, Visit
from webhook_gateway.services.staff_dashboard import Board


@dataclass(frozen=True, slots=True)
class StaffPages:
    """The pages."""

    door: Door
    ledger: Ledger
    board: Board

    def index(self, visit: Visit) -> Response:
        """Show what needs somebody, most urgent first, and every customer."""
        concerns, desks = self.board.concerns(visit.now), self.board.desks()
        return self.door.page(visit, "board.html", "board", concerns=concerns, desks=desks)

    def look(self, visit: Visit) -> Response:
        """Choose the customer and environment that the other pages show."""
        if visit.form["environment"] not in set(Environment):
            raise UnknownAddress
        environment = Environment(visit.form["environment"])
        customer = self.ledger.customers.get(visit.form["customer"])
        self.ledger.sessions.look_at(visit.token, customer.id, environment)
        return RedirectResponse(own_path(visit.form["next"] or "/webhooks"), 303)
