"""The endpoints of the status API: read the parameters, call a service, return the response."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alumniq_pipelines.core.access.api_keys import ApiKey
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.feeds.json_schema import descriptor
from alumniq_pipelines.core.feeds.template import template
from alumniq_pipelines.core.loads.bucket import folder_of
from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.rejection_report import ReportFormat
from alumniq_pipelines.core.problems.api import UnusableParameter
from webhook_gateway.api import models, serializers
from webhook_gateway.api.reference import PAGE_HEADERS, field_map_page
from webhook_gateway.http.authentication import Authenticator
from webhook_gateway.http.downloads import download
from webhook_gateway.http.parameters import check_not_speculative
from webhook_gateway.services.keys import KeyService, S3KeyService
from webhook_gateway.services.load_actions import Actions
from webhook_gateway.services.load_queries import MAX_PAGE_SIZE, Scope, Status
from webhook_gateway.services.options import Option, Options
from webhook_gateway.services.reports import RejectionReports
from webhook_gateway.services.self_test import SelfTest

STATE = "state"
FORMAT = "format"
LIMIT = "limit"
DEPRECATED_LIMIT = "most"
"""The former name of `limit`."""
MAX_NUMBER = 2**63 - 1
"""The largest integer that the ledger can store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An authenticated request."""

    request: Request
    options: Options
    key: ApiKey
    now: datetime

    @property
    def scope(self) -> Scope:
        """What the key allows to see."""
        return Scope.of(self.key)

    @property
    def actor(self) -> str:
        """The name of the caller in the audit trail."""
        return f"key {self.key.prefix}"

    def path(self, name: str) -> str:
        """Return a path parameter."""
        return str(self.request.path_params[name])

    def parameter(self, name: str) -> str:
        """Return a query parameter, empty if it is absent."""
        return self.request.query_params.get(name, "").strip()

    def number(self, name: str, minimum: int, limit: int) -> int | None:
        """Return a query parameter that is an integer; raises UnusableParameter."""
        text = self.parameter(name)
        if not text:
            return None
        fits = text.isascii() and text.isdigit() and len(text) < 20  # noqa: PLR2004 - 2**63 has 19
        if not fits or not minimum <= int(text) <= limit:
            raise UnusableParameter(name, f"a number from {minimum} to {limit}")
        return int(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """The endpoints, each a method that is named by an operation."""

    authenticator: Authenticator
    status: Status
    actions: Actions
    keys: KeyService
    s3_keys: S3KeyService
    reports: RejectionReports
    self_test: SelfTest
    read_options: Callable[[Request], Awaitable[Options]]
    clock: Callable[[], datetime]

    def endpoint(self, handler_name: str) -> Callable[[Request], Awaitable[Response]]:
        """Return an endpoint that authenticates the request, then runs a method in a thread."""
        handler: Callable[[Caller], BaseModel | Response] = getattr(self, handler_name)

        def respond(request: Request, options: Options) -> Response:
            now = self.clock()
            key = self.authenticator.authenticate(options, request, now)
            result = handler(Caller(request=request, options=options, key=key, now=now))
            if isinstance(result, Response):
                return result
            return Response(result.model_dump_json(by_alias=True), media_type="application/json")

        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(respond, request, await self.read_options(request))

        return endpoint

    def jobs(self, caller: Caller) -> models.JobList:
        """List the jobs that the key may call."""
        known = self.status.jobs(caller.scope, caller.now)
        return models.JobList(jobs=tuple(serializers.job(job) for job in known))

    def field_map_json(self, caller: Caller) -> Response:
        """Return a field map as a Frictionless Data Resource."""
        return JSONResponse(descriptor(self._field_map(caller)))

    def field_map_html(self, caller: Caller) -> Response:
        """Return a field map as a page."""
        caller.request.state.headers = PAGE_HEADERS
        return field_map_page(self._field_map(caller))

    def field_map_csv(self, caller: Caller) -> Response:
        """Return a template for the file of a job."""
        field_map = self._field_map(caller)
        name = f'attachment; filename="{field_map.name}.csv"'
        return Response(
            template(field_map, self.status.catalog),
            media_type="text/csv",
            headers={"Content-Disposition": name},
        )

    def loads(self, caller: Caller) -> models.LoadList:
        """List loads, newest first."""
        job, state = caller.parameter("job"), caller.parameter(STATE)
        if state and state not in set(LoadState):
            raise UnusableParameter(STATE, f"one of {', '.join(LoadState)}")
        limit = caller.number(LIMIT, 1, MAX_PAGE_SIZE)
        if limit is None:
            limit = caller.number(DEPRECATED_LIMIT, 1, MAX_PAGE_SIZE)
        page = self.status.loads(
            caller.scope,
            job=job or None,
            states=(LoadState(state),) if state else (),
            before=caller.number("before", 1, MAX_NUMBER),
            limit=limit or 50,
        )
        query_values = {"job": job, STATE: state, LIMIT: limit, "before": page.next_before}
        query = urlencode({name: value for name, value in query_values.items() if value})
        return models.LoadList(
            loads=tuple(self._load(load) for load in page.loads),
            next=f"{serializers.BASE}/loads?{query}" if page.next_before else None,
        )

    def load(self, caller: Caller) -> models.LoadDetail:
        """Return a load with its attempts, errors and notifications."""
        return serializers.load_detail(
            self.status.load(caller.scope, caller.path("job_id"), caller.now)
        )

    def report(self, caller: Caller) -> Response:
        """Download a load's rejection report as stored."""
        form = caller.parameter(FORMAT) or ReportFormat.CSV
        if form not in set(ReportFormat):
            raise UnusableParameter(FORMAT, f"one of {', '.join(ReportFormat)}")
        load, report_file = self.reports.open_report(
            caller.scope, caller.path("job_id"), ReportFormat(form)
        )
        return download(load, ReportFormat(form), report_file)

    def cancel(self, caller: Caller) -> models.LoadSummary:
        """Cancel a load that is not finished, which ends as failed."""
        return self._load(
            self.actions.cancel(caller.scope, caller.path("job_id"), caller.now, actor=caller.actor)
        )

    def repeat(self, caller: Caller) -> models.LoadSummary:
        """Load the archived file of a load again and notify the same recipients."""
        return self._load(
            self.actions.repeat(caller.scope, caller.path("job_id"), caller.now, actor=caller.actor)
        )

    def resend(self, caller: Caller) -> models.LoadDetail:
        """Send a notification again, with the same id and bytes."""
        job_id, notification = caller.path("job_id"), caller.path("notification")
        self.actions.resend(caller.scope, job_id, notification, caller.now, actor=caller.actor)
        return self.load(caller)

    def test(self, caller: Caller) -> models.SelfTest:
        """Check whether a call would be accepted, without queuing or sending anything."""
        results = self.self_test.run_checks(
            caller.key,
            caller.options.text(Option.FILENAME),
            caller.options.text(Option.NOTIFY_WEBHOOK),
        )
        return models.SelfTest(
            ok=all(result.ok is not False for result in results),
            environment=caller.key.environment.value,
            days_remaining=caller.key.days_remaining(caller.now),
            folder=folder_of(caller.key.environment),
            checks=tuple(
                models.Check(name=result.name, ok=result.ok, detail=result.detail)
                for result in results
            ),
        )

    def key_list(self, caller: Caller) -> models.KeyList:
        """List the keys of the same customer and environment that allow no more than this one."""
        known = self.keys.of(caller.scope, caller.key.limits, caller.now)
        return models.KeyList(
            keys=tuple(
                serializers.key(key, self.status.job_names(key), caller.now) for key in known
            )
        )

    def exchange(self, caller: Caller) -> models.NewKey:
        """Create a new key in exchange for this one; both work during the overlap.

        The contract makes this a GET; it is the only one that changes anything.
        """
        check_not_speculative(caller.request)
        email = caller.options.text(Option.EMAIL_ADDRESS)
        secret, new_key, previous_ends_at = self.keys.exchange(caller.key, email, caller.now)
        return models.NewKey(
            api_key=secret,
            expires_at=new_key.expires_at,
            days_remaining=new_key.days_remaining(caller.now),
            previous_key_expires_at=previous_ends_at,
        )

    def access_key(self, caller: Caller) -> models.S3KeyPair:
        """Return the newest S3 key to a caller who names one that works now."""
        email = caller.options.text(Option.EMAIL_ADDRESS)
        current_id = caller.options.required(Option.ACCESS_KEY_ID)
        key_id, secret, ends = self.s3_keys.access_key(caller.key, current_id, email, caller.now)
        return models.S3KeyPair(
            access_key_id=key_id, secret_access_key=secret, old_key_ends_at=ends
        )

    def _field_map(self, caller: Caller) -> FieldMap:
        return self.status.field_map(caller.scope, caller.path("job"))

    def _load(self, load: Load) -> models.LoadSummary:
        return serializers.load(load, self.status.job_of(load))
