"""The webhook endpoint of the contract: POST /api/v1/index.cfm/webhook/{job}."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alumniq_pipelines.core.loads.load import Load, LoadRequest
from alumniq_pipelines.core.problems.outage import CallTimedOut, GatewayStopping
from alumniq_pipelines.core.problems.request import BodyTooLarge, RequestProblem, SlowRequest
from alumniq_pipelines.telemetry.log_fields import load_fields
from alumniq_pipelines.telemetry.tracing import current_traceparent, span
from webhook_gateway.http.authentication import Authenticator
from webhook_gateway.http.batch_executor import MAX_BATCH_SIZE, BatchExecutor
from webhook_gateway.http.claim import Claim
from webhook_gateway.http.parameters import header_options
from webhook_gateway.http.request_body import read_pairs
from webhook_gateway.services.intake import Intake
from webhook_gateway.services.options import Options, Pairs, options_from

PREFIX = "/api/v1/index.cfm/webhook/"
PATH = f"{PREFIX}{{job}}"

BODY_SECONDS = 10.0
"""A body has a few hundred bytes; a slower client only occupies a connection."""

ANSWER_SECONDS = 22.0
"""From the end of the body to the answer. A single question to a store that hangs takes up to 24 s,
and behind many calls that ask one, others would wait for a multiple of that."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was read, and who may answer it."""

    request: Request
    options: Options
    claim: Claim = field(default_factory=Claim)
    trace_context: str | None = None


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """The endpoint: reads the options of a request and returns the receipt."""

    authenticator: Authenticator
    intake: Intake
    clock: Callable[[], datetime]
    max_body_bytes: int
    body_seconds: float = BODY_SECONDS
    answer_seconds: float = ANSWER_SECONDS

    @cached_property
    def executor(self) -> BatchExecutor[Call, Load]:
        """The threads for calls to ledger and bucket, which block."""
        # A question to a store takes longer than a batch may, and may hang.
        return BatchExecutor(
            self._accept_batch,
            max_batch_size=1 if self.intake.buckets.is_remote else MAX_BATCH_SIZE,
            max_seconds=self.answer_seconds,
            give_up=self._time_out,
        )

    async def post(self, request: Request) -> Response:
        """Accept a call; the load is on disk before the response is sent."""
        options = await self.options(request)
        with span("accept load"):
            call = Call(request, options, trace_context=current_traceparent())
            load = await self.executor.run(call)
        request.state.load_fields = load_fields(load)
        return JSONResponse(receipt(load, request.path_params["job"]))

    def stop_waiting(self) -> None:
        """Respond to the calls that wait for bucket or ledger, because the gateway stops."""
        self.executor.stop_waiting(lambda call: GatewayStopping() if call.claim.take() else None)

    def _time_out(self, call: Call) -> CallTimedOut | None:
        return CallTimedOut(self.answer_seconds) if call.claim.take() else None

    def _accept_batch(self, calls: Iterator[Call]) -> list[Load | Exception]:
        """Read a batch of calls and record the loads of all valid ones in a single commit."""
        taken: list[Call] = []
        read: list[LoadRequest | Load | Exception] = []
        too_late = CallTimedOut(self.answer_seconds)
        # A call that waits for a store holds no connection: PostgreSQL's are few and shared.
        is_remote = self.intake.buckets.is_remote
        with nullcontext() if is_remote else self.intake.ledger.database.pinned_connection():
            for call in calls:
                taken.append(call)
                if call.claim.is_taken:  # answered while it waited for a thread
                    read.append(too_late)
                    continue
                request, options, now = call.request, call.options, self.clock()
                try:
                    key = self.authenticator.authenticate(options, request, now)
                    outcome = self.intake.read(key, request.path_params["job"], options)
                    if call.trace_context and isinstance(outcome, LoadRequest):
                        outcome = replace(outcome, trace_context=call.trace_context)
                    read.append(outcome)
                except Exception as error:  # noqa: BLE001 - raised again where this one call is awaited
                    read.append(error)
            # A caller who was answered meanwhile has read that no load was queued.
            read = [
                too_late if isinstance(outcome, LoadRequest) and not call.claim.take() else outcome
                for call, outcome in zip(taken, read, strict=True)
            ]
            new = [outcome for outcome in read if isinstance(outcome, LoadRequest)]
            saved = iter(self.intake.save(new, self.clock()) if new else ())
        return [next(saved) if isinstance(outcome, LoadRequest) else outcome for outcome in read]

    async def options(self, request: Request) -> Options:
        """Return the options from body, URL and headers, in this order of precedence."""
        body = bytearray()
        pairs: Pairs = ()
        unreadable: RequestProblem | None = None
        try:
            async with asyncio.timeout(self.body_seconds):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > self.max_body_bytes:
                        raise BodyTooLarge(self.max_body_bytes)
            pairs = await read_pairs(bytes(body), request.headers)
        except TimeoutError:
            unreadable = SlowRequest(self.body_seconds)
        except RequestProblem as problem:
            unreadable = problem
        url = request.query_params.multi_items() if request.scope["query_string"] else ()
        return options_from(pairs, url, header_options(request), unreadable=unreadable)


def receipt(load: Load, job: str) -> dict[str, object]:
    """Build the contract's response to an accepted call: exactly these keys, in this order."""
    return {
        "jobId": load.job_id,
        "job": job,
        "filename": load.request.filename,
        "notificationSettings": {
            "emails": load.request.notify_email,
            "webhook": load.request.notify_webhook,
        },
    }
