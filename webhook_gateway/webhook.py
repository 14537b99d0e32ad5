"""The webhook: POST /api/v1/index.cfm/webhook/{job}, as the contract has it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alumniq_pipelines.core.load import Load
from alumniq_pipelines.core.problems.request import BodyTooLarge, RequestProblem, SlowRequest
from webhook_gateway.bodies import read_pairs
from webhook_gateway.calls import address_of, headers_of
from webhook_gateway.gate import Gate
from webhook_gateway.intake import Intake
from webhook_gateway.options import Options, Pairs, options_from

PATH = "/api/v1/index.cfm/webhook/{job}"

BODY_SECONDS = 10.0
"""A body is a few hundred bytes; who sends one byte at a time holds a connection for no reason."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """The endpoint: reads the options out of HTTP and writes the receipt."""

    gate: Gate
    intake: Intake
    clock: Callable[[], datetime]
    max_body_bytes: int
    body_seconds: float = BODY_SECONDS

    async def post(self, request: Request) -> Response:
        """Answer a call; the load is kept before the answer is sent."""
        options = await self.options(request)
        # Ledger and bucket block, so they are asked in a thread of the pool.
        return await run_in_threadpool(self._accepted, request, options)

    def _accepted(self, request: Request, options: Options) -> Response:
        now = self.clock()
        key = self.gate.identify(options, address_of(request), now)
        request.state.days_remaining = key.days_remaining(now)
        job = request.path_params["job"]
        load = self.intake.accept(key, job, options, now)
        request.state.job_id = load.job_id
        return JSONResponse(receipt(load, job))

    async def options(self, request: Request) -> Options:
        """Gather the options from body, URL and header, in this order."""
        pairs: Pairs = ()
        unreadable: RequestProblem | None = None
        try:
            pairs = await read_pairs(await self._body(request), request.headers)
        except RequestProblem as problem:
            unreadable = problem
        url = request.query_params.multi_items()
        return options_from(pairs, url, headers_of(request), unreadable=unreadable)

    async def _body(self, request: Request) -> bytes:
        """Read the body as far as it may go; raises BodyTooLarge or SlowRequest."""
        body = bytearray()
        try:
            async with asyncio.timeout(self.body_seconds):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > self.max_body_bytes:
                        raise BodyTooLarge(self.max_body_bytes)
        except TimeoutError:
            raise SlowRequest(self.body_seconds) from None
        return bytes(body)


def receipt(load: Load, job: str) -> dict[str, object]:
    """Write the contract's answer to an accepted call: these keys, in this order."""
    return {
        "jobId": load.job_id,
        "job": job,
        "filename": load.request.filename,
        "notificationSettings": {
            "emails": load.request.notify_email,
            "webhook": load.request.notify_webhook,
        },
    }
