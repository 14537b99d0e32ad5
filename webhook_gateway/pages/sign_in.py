"""Signing in with an API key or a staff account, and out again."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.passwords import verify_password
from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.access.session import LIFETIME
from alumniq_pipelines.core.problems.api import TooManyRequests
from alumniq_pipelines.core.problems.page import PlainHttpSignIn, SignInRefused
from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.core.problems.request import WrongHost
from webhook_gateway.http.authentication import Authenticator, is_allowed_from
from webhook_gateway.http.devices import DEVICE_COOKIE, DEVICE_LIFETIME, DeviceCookies
from webhook_gateway.http.parameters import client_address, host_name
from webhook_gateway.http.rate_limit import RateLimit
from webhook_gateway.http.sign_in_limits import PasswordCheckLimiter, SignInLimits, network_of
from webhook_gateway.pages.forms import Form, safe_redirect_path
from webhook_gateway.pages.layout import Layout
from webhook_gateway.pages.page_handlers import SESSION_COOKIE, Visit
from webhook_gateway.services.options import Option, Options
from webhook_gateway.services.refusal import RequestRefused

MAX_CHARACTERS = 200
"""No key, name or password of ours is longer, and hashing a longer one would take time."""

THIS_MACHINE = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInPages:
    """The handlers of these pages."""

    ledger: Ledger
    layout: Layout
    authenticator: Authenticator
    rate_limit: RateLimit
    limits: SignInLimits
    checks: PasswordCheckLimiter
    device_checks: PasswordCheckLimiter
    devices: DeviceCookies
    clock: Callable[[], datetime]
    public_urls: PublicUrls
    staff_over_http: bool

    def start(self, request: Request, form: Form) -> Response:
        """Redirect to the first page for this user."""
        del form
        token = request.cookies.get(SESSION_COOKIE, "")
        session = self.authenticator.session(token, request, self.clock())
        if session is None:
            return RedirectResponse("/sign-in", 303)
        return RedirectResponse("/staff" if session.staff else "/webhooks", 303)

    def show(self, request: Request, form: Form) -> Response:
        """Show the form."""
        del form
        return self._form_page(request, safe_redirect_path(request.query_params.get("next", "/")))

    def sign_in(self, request: Request, form: Form) -> Response:
        """Start a session; the refusal does not say what was wrong.

        Raises PlainHttpSignIn and TooManyRequests.
        """
        next_path = safe_redirect_path(form["next"] or "/")
        address = client_address(request)
        if not form["key"] and not self._is_safe_for_staff(request):
            raise PlainHttpSignIn
        if seconds := self.rate_limit.wait(network_of(address)):
            raise TooManyRequests(math.ceil(seconds))
        token = self._token(form, request, self._device(request, form))
        if token is None:
            return self._form_page(request, next_path, is_refused=True)
        response = RedirectResponse(next_path, 303)
        response.set_cookie(
            SESSION_COOKIE,
            token,
            max_age=int(LIFETIME.total_seconds()),
            httponly=True,
            samesite="lax",  # with strict, links from our e-mails would lead to the sign-in page
            secure=self._is_secure(request),
        )
        device_cookie = None if form["key"] else self.devices.cookie(form["name"], self.clock())
        if device_cookie is not None:
            response.set_cookie(
                DEVICE_COOKIE,
                device_cookie,
                max_age=int(DEVICE_LIFETIME.total_seconds()),
                path="/sign-in",
                httponly=True,
                samesite="lax",
                secure=self._is_secure(request),
            )
        return response

    def sign_out(self, visit: Visit) -> Response:
        """End the session."""
        self.ledger.sessions.end(visit.token)
        response = RedirectResponse("/sign-in", 303)
        is_secure = self._is_secure(visit.request)
        response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax", secure=is_secure)
        return response

    def _device(self, request: Request, form: Form) -> str | None:
        """Return the device cookie if the account signed in from this browser before."""
        cookie = request.cookies.get(DEVICE_COOKIE, "")
        is_staff = not form["key"] and bool(form["name"])
        if not is_staff or not self.devices.is_valid_for(form["name"], cookie, self.clock()):
            return None
        return cookie

    def _token(self, form: Form, request: Request, device: str | None) -> str | None:
        """Start a session and return its token; None if the credentials are wrong.

        Raises TooManyRequests, and WrongHost if the key is for the other environment's host.
        """
        address = client_address(request)
        credentials = form["key"] or form["name"] + form["password"]
        if not credentials or len(credentials) > MAX_CHARACTERS:
            return None
        account = None if form["key"] else form["name"]
        if seconds := self.limits.record_attempt(account, address, device):
            raise TooManyRequests(math.ceil(seconds))
        try:
            if account is None:
                token = self._token_of_customer(form["key"], request)
            else:
                checks = self.checks if device is None else self.device_checks
                token = self._token_of_staff(account, form["password"], checks)
        except Problem:  # the credentials were not checked, or are valid at another host
            self.limits.cancel_attempt(account, address, device)
            raise
        if token is not None:
            self.limits.record_success(account, address, device)
        return token

    def _token_of_customer(self, key: str, request: Request) -> str | None:
        now = self.clock()
        try:
            found = self.authenticator.authenticate(Options({Option.API_KEY: key}), request, now)
        except RequestRefused as refusal:
            match refusal.problems:
                case (WrongHost() as problem,):
                    raise problem from None
                case _:
                    return None
        return self.ledger.sessions.begin_with_key(found, now)

    def _token_of_staff(self, name: str, password: str, checks: PasswordCheckLimiter) -> str | None:
        """Start a session if the password is correct."""
        now = self.clock()
        stored = self.ledger.staff.password_hash(name)
        with checks.slot():
            # Takes equally long if the account does not exist, so that timing reveals nothing.
            is_correct = verify_password(stored, password)
        if not is_correct:
            return None
        self.ledger.audit.add(f"staff {name}", "signed in", name, now)
        return self.ledger.sessions.begin_as_staff(name, now)

    def _is_secure(self, request: Request) -> bool:
        """Return whether to restrict cookies to https; trusted proxies report the scheme."""
        if request.scope["scheme"] == "https":
            return True
        environment = self.public_urls.environment_at(host_name(request))
        url = (
            self.public_urls.production if environment is None else self.public_urls.of(environment)
        )
        return url.startswith("https:")

    def _is_safe_for_staff(self, request: Request) -> bool:
        """Return whether staff may sign in: over https, locally, or if settings allow http."""
        if self.staff_over_http or request.scope["scheme"] == "https":
            return True
        return is_allowed_from(client_address(request), THIS_MACHINE)

    def _form_page(self, request: Request, next_path: str, *, is_refused: bool = False) -> Response:
        context = {
            "next_path": next_path,
            "served": self.public_urls.environment_at(host_name(request)),
            "problem": SignInRefused() if is_refused else None,
            "staff_problem": None if self._is_safe_for_staff(request) else PlainHttpSignIn(),
        }
        return self.layout.page("sign_in.html", context, status=401 if is_refused else 200)
