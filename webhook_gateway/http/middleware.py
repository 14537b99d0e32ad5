"""What holds for every call, wherever it goes: headers, the access log, and faults of our own."""

import logging
import math
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alumniq_pipelines.core.problems.api import TooManyRequests
from alumniq_pipelines.core.problems.outage import UnexpectedFault
from alumniq_pipelines.core.problems.request import AddressTooLong
from alumniq_pipelines.core.trace import trace_of
from webhook_gateway.http.errors import error_response, request_error_response
from webhook_gateway.http.metrics import RequestMetrics
from webhook_gateway.http.rate_limit import RateLimit

access_log = logging.getLogger("webhook_gateway.access")
logger = logging.getLogger(__name__)

MAX_ADDRESS_BYTES = 8_192

HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
"""On every answer: nothing here is to be kept, framed, told on or guessed at."""

HSTS_HEADER = (b"strict-transport-security", b"max-age=31536000")
"""On every answer, pages too; browsers heed it only where they came by TLS."""

EXEMPT_PATHS = frozenset({"/livez", "/readyz", "/metrics"})
"""Asked by monitors, and cheap."""

CLIENT_GONE_KEY = "is_gone"
"""In `request.state`: whether the client has left, as the server around the app knows."""

CLIENT_CLOSED_REQUEST = 499
"""Nobody is there to be answered; nginx's word for it."""

DAYS_REMAINING = b"x-api-key-days-remaining"

ADDRESS_TOO_LONG = request_error_response([AddressTooLong(MAX_ADDRESS_BYTES)])


@dataclass(slots=True)
class ResponseSender:
    """The answer to one call on its way out; `status` is 0 until it begins."""

    scope: Scope
    send: Send
    status: int = 0

    async def send_message(self, message: Message) -> None:
        """Pass a part of the answer on, with what belongs on every answer.

        Raises ClientDisconnect where the client has left: nobody needs the rest.
        """
        if message["type"] == "http.response.start":
            self.status = message["status"]
            state = self.scope["state"]
            headers = [*message["headers"], *state.get("headers", HEADERS), HSTS_HEADER]
            if (days := state.get("days_remaining")) is not None:
                headers.append((DAYS_REMAINING, b"%d" % days))
            message["headers"] = headers
        await self.send(message)
        is_gone: Callable[[], bool] | None = self.scope["state"].get(CLIENT_GONE_KEY)
        if is_gone is not None and is_gone():
            raise ClientDisconnect


@dataclass(frozen=True, slots=True)
class RequestMiddleware:
    """ASGI middleware around everything else.

    The endpoint leaves in `request.state` what belongs on the answer or in the log whatever comes
    of the call: `days_remaining` of the key, the `job_id` of the load, and `headers` in place of
    ours and a `error_page` in place of JSON, which the pages have of their own.
    """

    app: ASGIApp
    request_metrics: RequestMetrics
    limit: RateLimit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a call in and see it out."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {})
        started, response = time.perf_counter(), ResponseSender(scope, send)
        try:
            app = self._early_response(scope) or self.app
            await app(scope, receive, response.send_message)
        except ClientDisconnect:
            response.status = CLIENT_CLOSED_REQUEST
        except Exception as fault:  # noqa: BLE001 - the border: the caller gets an incident
            problem = UnexpectedFault(_log_incident(fault))
            if response.status:
                raise problem from None  # half an answer is out, so the server has to break it off
            render = scope["state"].get("error_page", error_response)
            with suppress(ClientDisconnect):
                await render(problem, status=500)(scope, receive, response.send_message)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "other")
            self.request_metrics.count(scope["method"], route, response.status, seconds)
            _log_access(scope, response.status, seconds)

    def _early_response(self, scope: Scope) -> ASGIApp | None:
        """Answer what to say to a call that goes no further, if it does not."""
        if _address_bytes(scope) > MAX_ADDRESS_BYTES:
            return ADDRESS_TOO_LONG
        if scope["path"] in EXEMPT_PATHS or not scope["client"]:
            return None
        seconds = self.limit.wait(scope["client"][0])
        return request_error_response([TooManyRequests(math.ceil(seconds))]) if seconds else None


def _address_bytes(scope: Scope) -> int:
    return len(scope.get("raw_path") or b"") + len(scope["query_string"])


def _log_access(scope: Scope, status: int, seconds: float) -> None:
    """Write a line without the query and the body: both may hold the key."""
    path = (scope.get("raw_path") or b"").decode("ascii", "backslashreplace")
    access_log.info(
        "%s %s %d %.1f ms %s",
        scope["method"],
        path,
        status,
        1_000 * seconds,
        scope["state"].get("job_id", "-"),
    )


def _log_incident(fault: Exception) -> str:
    incident = secrets.token_hex(8)
    logger.error("incident %s\n%s", incident, trace_of(fault))
    return incident
