"""The endpoints of the status API: each reads its question, asks a use case, writes the answer."""

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
from alumniq_pipelines.core.loads.rejection_report import ReportForm
from alumniq_pipelines.core.problems.api import UnusableParameter
from webhook_gateway.api import models, serializers
from webhook_gateway.api.reference import PAGE_HEADERS, field_map_page
from webhook_gateway.http.authentication import Gate
from webhook_gateway.http.downloads import download
from webhook_gateway.http.parameters import address_of, check_deliberate
from webhook_gateway.services.keys import KeyKeeping, S3KeyKeeping
from webhook_gateway.services.load_actions import Actions
from webhook_gateway.services.load_queries import MOST_LOADS, Scope, Status
from webhook_gateway.services.options import Option, Options
from webhook_gateway.services.reports import Reports
from webhook_gateway.services.self_test import SelfTest

STATE = "state"
FORMAT = "format"
MOST_NUMBER = 2**63 - 1
"""What the ledger can count to."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and when."""

    request: Request
    options: Options
    key: ApiKey
    now: datetime

    @property
    def scope(self) -> Scope:
        """What they may see."""
        return Scope.of(self.key)

    @property
    def actor(self) -> str:
        """How the audit trail names them."""
        return f"key {self.key.prefix}"

    def path(self, name: str) -> str:
        """Answer a part of the address."""
        return str(self.request.path_params[name])

    def parameter(self, name: str) -> str:
        """Answer a parameter of the URL, empty where it is absent."""
        return self.request.query_params.get(name, "").strip()

    def number(self, name: str, least: int, most: int) -> int | None:
        """Answer a parameter that is a whole number; raises UnusableParameter."""
        text = self.parameter(name)
        if not text:
            return None
        fits = text.isascii() and text.isdigit() and len(text) < 20  # noqa: PLR2004 - of 2**63
        if not fits or not least <= int(text) <= most:
            raise UnusableParameter(name, f"a number from {least} to {most}")
        return int(text)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """All of them, around the use cases."""

    gate: Gate
    status: Status
    actions: Actions
    keys: KeyKeeping
    s3_keys: S3KeyKeeping
    reports: Reports
    self_test: SelfTest
    read: Callable[[Request], Awaitable[Options]]
    clock: Callable[[], datetime]

    def endpoint(self, question: str) -> Callable[[Request], Awaitable[Response]]:
        """Make an endpoint of a method: the key first, the rest in a thread of the pool."""
        ask: Callable[[Caller], BaseModel | Response] = getattr(self, question)

        def answer(request: Request, options: Options) -> Response:
            now = self.clock()
            key = self.gate.identify(options, address_of(request), now)
            request.state.days_remaining = key.days_remaining(now)
            told = ask(Caller(request, options, key, now))
            if isinstance(told, Response):
                return told
            return Response(told.model_dump_json(by_alias=True), media_type="application/json")

        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(answer, request, await self.read(request))

        return endpoint

    def jobs(self, caller: Caller) -> models.JobList:
        """List the jobs that the key opens."""
        known = self.status.jobs(caller.scope, caller.now)
        return models.JobList(jobs=tuple(serializers.job(each) for each in known))

    def field_map_json(self, caller: Caller) -> Response:
        """Answer a field map as the Data Resource that it is."""
        return JSONResponse(descriptor(self._field_map(caller)))

    def field_map_html(self, caller: Caller) -> Response:
        """Answer a field map as a page."""
        caller.request.state.headers = PAGE_HEADERS
        return field_map_page(self._field_map(caller))

    def field_map_csv(self, caller: Caller) -> Response:
        """Answer a file to start from."""
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
        most = caller.number("most", 1, MOST_LOADS)
        page = self.status.loads(
            caller.scope,
            job=job or None,
            states=(LoadState(state),) if state else (),
            before=caller.number("before", 1, MOST_NUMBER),
            most=most or 50,
        )
        asked = {"job": job, STATE: state, "most": most, "before": page.next_before}
        query = urlencode({name: value for name, value in asked.items() if value})
        return models.LoadList(
            loads=tuple(self._load(each) for each in page.loads),
            next=f"{serializers.BASE}/loads?{query}" if page.next_before else None,
        )

    def load(self, caller: Caller) -> models.LoadDetail:
        """Show one load with its attempts, errors and notifications."""
        return serializers.load_detail(self.status.load(caller.scope, caller.path("job_id")))

    def report(self, caller: Caller) -> Response:
        """Answer a load's rejection report as it is kept."""
        form = caller.parameter(FORMAT) or ReportForm.CSV
        if form not in set(ReportForm):
            raise UnusableParameter(FORMAT, f"one of {', '.join(ReportForm)}")
        load, copied = self.reports.copy(caller.scope, caller.path("job_id"), ReportForm(form))
        return download(load, ReportForm(form), copied)

    def cancel(self, caller: Caller) -> models.LoadSummary:
        """End a load that has not begun; its outcome, FAILED, is told."""
        return self._load(
            self.actions.cancel(caller.scope, caller.path("job_id"), caller.now, actor=caller.actor)
        )

    def repeat(self, caller: Caller) -> models.LoadSummary:
        """Load what another load read once more; the same people are told."""
        return self._load(
            self.actions.repeat(caller.scope, caller.path("job_id"), caller.now, actor=caller.actor)
        )

    def resend(self, caller: Caller) -> models.LoadDetail:
        """Send a notification again, with the same id and bytes."""
        job_id, notification = caller.path("job_id"), caller.path("notification")
        self.actions.resend(caller.scope, job_id, notification, caller.now, actor=caller.actor)
        return self.load(caller)

    def test(self, caller: Caller) -> models.SelfTest:
        """Look whether a call would be accepted; nothing is queued, and nothing is sent."""
        found = self.self_test.findings(
            caller.key,
            caller.options.text(Option.FILENAME),
            caller.options.text(Option.NOTIFY_WEBHOOK),
        )
        return models.SelfTest(
            ok=all(each.ok is not False for each in found),
            environment=caller.key.environment.value,
            days_remaining=caller.key.days_remaining(caller.now),
            folder=folder_of(caller.key.environment),
            checks=tuple(models.Check(name=e.name, ok=e.ok, detail=e.detail) for e in found),
        )

    def key_list(self, caller: Caller) -> models.KeyList:
        """List the keys of the same customer and environment that open no more than this one."""
        known = self.keys.of(caller.scope, caller.key.limits)
        return models.KeyList(
            keys=tuple(serializers.key(each, self._jobs_of(each), caller.now) for each in known)
        )

    def exchange(self, caller: Caller) -> models.NewKey:
        """Exchange the key for a fresh one; both work for the time of the overlap.

        The contract has this as a GET, the only one that changes anything.
        """
        check_deliberate(caller.request)
        email = caller.options.text(Option.EMAIL_ADDRESS)
        secret, kept, old = self.keys.exchange(caller.key, email, caller.now)
        return models.NewKey(
            api_key=secret,
            expires_at=kept.expires_at,
            days_remaining=kept.days_remaining(caller.now),
            previous_key_expires_at=old,
        )

    def access_key(self, caller: Caller) -> models.S3KeyPair:
        """Answer the newest S3 key to who names one that works now."""
        asked = caller.options
        email = asked.text(Option.EMAIL_ADDRESS)
        key_id, secret, ends = self.s3_keys.access_key(
            caller.key, asked.required(Option.ACCESS_KEY_ID), email, caller.now
        )
        return models.S3KeyPair(
            access_key_id=key_id, secret_access_key=secret, old_key_ends_at=ends
        )

    def _field_map(self, caller: Caller) -> FieldMap:
        return self.status.field_map(caller.scope, caller.path("job"))

    def _load(self, load: Load) -> models.LoadSummary:
        return serializers.load(load, self.status.job_of(load))

    def _jobs_of(self, key: ApiKey) -> tuple[str, ...] | None:
        if key.feeds is None:
            return None
        feeds = self.status.catalog.feeds
        return tuple(feeds[each].alumniq.job for each in key.feeds if each in feeds)
