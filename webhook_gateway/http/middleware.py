"""What applies to every request: response headers, the access log and unexpected errors."""

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
from alumniq_pipelines.telemetry.log_fields import RECORD_FIELDS, LogFields
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
"""On every response: no caching, no framing, no referrer, no content sniffing."""

HSTS_HEADER = (b"strict-transport-security", b"max-age=31536000")
"""On every response, pages included; browsers ignore it unless they are connected over TLS."""

EXEMPT_PATHS = frozenset({"/livez", "/readyz", "/metrics"})
"""Polled by monitors, and cheap: no rate limit applies."""

CLIENT_GONE_KEY = "is_gone"
"""In `request.state`: a function of the server that returns whether the client has disconnected."""

CLIENT_CLOSED_REQUEST = 499
"""The status that nginx logs when the client disconnects before the response."""

DAYS_REMAINING = b"x-api-key-days-remaining"

ADDRESS_TOO_LONG = request_error_response([AddressTooLong(MAX_ADDRESS_BYTES)])


@dataclass(slots=True)
class ResponseSender:
    """Sends the response to one request; `status` is 0 until the response begins."""

    scope: Scope
    send: Send
    status: int = 0

    async def send_message(self, message: Message) -> None:
        """Send a part of the response, with the headers that every response has.

        Raises ClientDisconnect if the client has disconnected, to stop producing the rest.
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

    Endpoints set in `request.state` what the response or the log needs even if they fail later:
    `days_remaining` of the key and the `load_fields` of the load. Pages also set `headers`, in
    place of those above, and `error_page`, in place of the JSON error.
    """

    app: ASGIApp
    request_metrics: RequestMetrics
    limit: RateLimit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request: limit, respond, count and log."""
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
        except Exception as error:  # noqa: BLE001 - process boundary: the caller gets an incident id
            incident = secrets.token_hex(8)
            # logger.exception would add the message, which may quote a customer's value.
            logger.error("incident %s\n%s", incident, trace_of(error))  # noqa: TRY400
            problem = UnexpectedFault(incident)
            if response.status:
                raise problem from None  # part of a response is sent: the server must abort it
            render = scope["state"].get("error_page", error_response)
            with suppress(ClientDisconnect):
                await render(problem, status=500)(scope, receive, response.send_message)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "other")
            self.request_metrics.count(scope["method"], route, response.status, seconds)
            fields: LogFields = scope["state"].get("load_fields", {})
            # Without query and body, which may contain the API key.
            path = (scope.get("raw_path") or b"").decode("ascii", "backslashreplace")
            access_log.info(
                "%s %s %d %.1f ms %s",
                scope["method"],
                path,
                response.status,
                1_000 * seconds,
                fields.get("job_id", "-"),
                extra={RECORD_FIELDS: {**fields, "duration_ms": round(1_000 * seconds, 1)}},
            )

    def _early_response(self, scope: Scope) -> ASGIApp | None:
        """Return the refusal of a request whose URL is too long or that exceeds the rate limit."""
        url_bytes = len(scope.get("raw_path") or b"") + len(scope["query_string"])
        if url_bytes > MAX_ADDRESS_BYTES:
            return ADDRESS_TOO_LONG
        if scope["path"] in EXEMPT_PATHS or not scope["client"]:
            return None
        seconds = self.limit.wait(scope["client"][0])
        return request_error_response([TooManyRequests(math.ceil(seconds))]) if seconds else None
