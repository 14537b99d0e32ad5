"""Signing in with an API key or a staff account, and out again."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.passwords import is_password
from alumniq_pipelines.core.problems.api import TooManyRequests
from alumniq_pipelines.core.problems.page import SignInRefused
from alumniq_pipelines.core.session import LIFETIME
from webhook_gateway.calls import address_of
from webhook_gateway.gate import Gate
from webhook_gateway.options import Option, Options
from webhook_gateway.pages.door import COOKIE, Visit
from webhook_gateway.pages.forms import Form, own_path
from webhook_gateway.pages.layout import Layout
from webhook_gateway.rate_limits import RateLimit
from webhook_gateway.refusal import Refused

MOST_CHARACTERS = 200
"""Longer keys, names and passwords are none of ours, and hashing them would cost us."""


@dataclass(frozen=True, slots=True)
class SigningIn:
    """The pages."""

    ledger: Ledger
    layout: Layout
    gate: Gate
    tries: RateLimit
    clock: Callable[[], datetime]
    is_https: bool

    def start(self, request: Request, form: Form) -> Response:
        """Lead to where somebody's work begins."""
        del form
        token = request.cookies.get(COOKIE, "")
        session = self.gate.session(token, address_of(request), self.clock())
        if session is None:
            return RedirectResponse("/sign-in", 303)
        return RedirectResponse("/staff" if session.staff else "/webhooks", 303)

    def show(self, request: Request, form: Form) -> Response:
        """Show the form."""
        del form
        return self._form(own_path(request.query_params.get("next", "/")))

    def sign_in(self, request: Request, form: Form) -> Response:
        """Begin a session; the refusal is the same whatever was wrong."""
        next_path = own_path(form["next"] or "/")
        address = request.client.host if request.client else ""
        if seconds := self.tries.wait(address):
            raise TooManyRequests(math.ceil(seconds))
        token = self._token(form, address)
        if token is None:
            return self._form(next_path, is_refused=True)
        answer = RedirectResponse(next_path, 303)
        answer.set_cookie(
            COOKIE,
            token,
            max_age=int(LIFETIME.total_seconds()),
            httponly=True,
            samesite="lax",  # strict would ask who follows a link from our mail to sign in anew
            secure=self.is_https,
        )
        return answer

    def sign_out(self, visit: Visit) -> Response:
        """End the session."""
        self.ledger.sessions.end(visit.token)
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=self.is_https)
        return answer

    def _token(self, form: Form, address: str) -> str | None:
        """Begin a session and answer its token; None where that is refused."""
        now = self.clock()
        shown = form["key"] or form["name"] + form["password"]
        if not shown or len(shown) > MOST_CHARACTERS:
            return None
        if form["key"]:
            try:
                key = self.gate.identify(Options({Option.API_KEY: form["key"]}), address, now)
            except Refused:
                return None
            return self.ledger.sessions.begin_with_key(key, now)
        kept = self.ledger.staff.password_hash(form["name"])
        if not is_password(kept, form["password"]):
            return None
        self.ledger.audit.add(f"staff {form['name']}", "signed in", form["name"], now)
        return self.ledger.sessions.begin_as_staff(form["name"], now)

    def _form(self, next_path: str, *, is_refused: bool = False) -> Response:
        problem = SignInRefused() if is_refused else None
        context = {"next_path": next_path, "problem": problem}
        return self.layout.page("sign_in.html", context, status=401 if is_refused else 200)
