"""What every page handler needs: the session, the form, its token, and pages for problems."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from alumniq_pipelines.core.access.session import Session, form_token, is_form_token
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.problems.page import NoCustomerChosen, StaleForm
from alumniq_pipelines.core.problems.problem import OutageProblem, Problem, cause_for_staff
from alumniq_pipelines.core.problems.request import RequestProblem, UnknownAddress
from webhook_gateway.http.authentication import Authenticator
from webhook_gateway.http.errors import retry_after, status_of
from webhook_gateway.pages.forms import (
    FORM_SECONDS,
    MAX_FORM_BYTES,
    UPLOAD_SECONDS,
    Form,
    check_origin,
    read_form,
)
from webhook_gateway.pages.layout import PAGE_HEADERS, Layout
from webhook_gateway.services.load_queries import Scope

logger = logging.getLogger(__name__)

SESSION_COOKIE = "alumniq_session"

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request within a session."""

    request: Request
    session: Session
    token: str
    now: datetime
    form: Form = field(default_factory=Form)

    @property
    def scope(self) -> Scope:
        """The selected customer and environment; raises NoCustomerChosen."""
        if self.session.customer is None or self.session.environment is None:
            raise NoCustomerChosen
        return Scope(
            customer=self.session.customer,
            environment=self.session.environment,
            feeds=self.session.limits.feeds,
            is_staff=self.session.staff is not None,
        )

    def is_selected(self, target: Target) -> bool:
        """Return whether a target belongs to the selected customer and environment."""
        return (self.session.customer, self.session.environment) == (
            target.customer,
            target.environment,
        )

    @property
    def actor(self) -> str:
        """The name of the user in the audit trail."""
        return self.session.actor

    def path(self, name: str) -> str:
        """Return a path parameter."""
        return str(self.request.path_params[name])


Handler = Callable[[Visit], Response]
ReadForm = Callable[[Request], Awaitable[Form]]
PublicHandler = Callable[[Request, Form], Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageGuard:
    """Makes endpoints of page handlers, each with the checks that its page requires."""

    authenticator: Authenticator
    layout: Layout
    clock: Callable[[], datetime]
    max_upload_bytes: int

    def public(self, handler: PublicHandler) -> Endpoint:
        """Require nothing; only forms submitted from another site are refused."""

        async def respond(request: Request) -> Response:
            form = await _small_form(request)
            return await run_in_threadpool(handler, request, form)

        return self._endpoint(respond)

    def require_session(self, handler: Handler) -> Endpoint:
        """Require a session; redirect to the sign-in page otherwise."""
        return self._endpoint_with_session(handler, _small_form)

    def require_session_for_upload(self, handler: Handler) -> Endpoint:
        """Require a session before a large form is read; redirect to the sign-in page otherwise."""

        async def large_form(request: Request) -> Form:
            return await read_form(request, self.max_upload_bytes, UPLOAD_SECONDS)

        return self._endpoint_with_session(handler, large_form)

    def require_staff(self, handler: Handler) -> Endpoint:
        """Require a staff session; respond 404 otherwise."""

        def checked(visit: Visit) -> Response:
            if visit.session.staff is None:
                raise UnknownAddress
            return handler(visit)

        return self.require_session(checked)

    def page(
        self, visit: Visit, template: str, here: str, *, status: int = 200, **context: object
    ) -> Response:
        """Render a page within a session."""
        return self.layout.page(
            template,
            {
                "session": visit.session,
                "form_token": form_token(visit.token),
                "here": here,
                "now": visit.now,
                **context,
            },
            status=status,
            done=visit.request.query_params.get("done", ""),
        )

    def _endpoint(self, respond: Endpoint) -> Endpoint:
        """Add the headers of pages and the check of the form's origin; render problems as pages."""

        async def endpoint(request: Request) -> Response:
            request.state.headers = PAGE_HEADERS
            request.state.error_page = self.layout.problem
            try:
                check_origin(request)
                return await respond(request)
            except NoCustomerChosen:  # staff select a customer on the dashboard
                return RedirectResponse("/staff", 303)
            except Problem as problem:
                return self._problem(problem)

        return endpoint

    def _endpoint_with_session(self, handler: Handler, read: ReadForm) -> Endpoint:
        async def respond(request: Request) -> Response:
            visit = await run_in_threadpool(self._visit, request)
            if visit is None:
                return RedirectResponse(f"/sign-in?next={quote(request.url.path)}", 303)
            form = await read(request)
            try:
                if request.method == "POST" and not is_form_token(visit.token, form["form_token"]):
                    raise StaleForm
                return await run_in_threadpool(handler, replace(visit, form=form))
            finally:
                await form.close()

        return self._endpoint(respond)

    def _visit(self, request: Request) -> Visit | None:
        """Return the visit of a request; None without a valid session."""
        now = self.clock()
        token = request.cookies.get(SESSION_COOKIE, "")
        session = self.authenticator.session(token, request, now)
        return (
            None
            if session is None
            else Visit(request=request, session=session, token=token, now=now)
        )

    def _problem(self, problem: Problem) -> Response:
        match problem:
            case RequestProblem():
                status = status_of(type(problem))
            case OutageProblem():
                cause = cause_for_staff(problem)
                logger.warning("%s: %s", cause.code, cause)
                status = 503
            case _:
                status = 400
        response = self.layout.problem(problem, status=status)
        response.headers.update(retry_after(problem))
        return response


async def _small_form(request: Request) -> Form:
    return await read_form(request, MAX_FORM_BYTES, FORM_SECONDS)
