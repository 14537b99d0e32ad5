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
from webhook_gateway.http.errors import refusal, request_refused
from webhook_gateway.http.metrics import Calls
from webhook_gateway.http.rate_limit import RateLimit

access_log = logging.getLogger("webhook_gateway.access")
logger = logging.getLogger(__name__)

MOST_ADDRESS_BYTES = 8_192

HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
"""On every answer: nothing here is to be kept, framed, told on or guessed at."""

STAY_WITH_TLS = (b"strict-transport-security", b"max-age=31536000")
"""On every answer, pages too; browsers heed it only where they came by TLS."""

UNLIMITED = frozenset({"/livez", "/readyz", "/metrics"})
"""Asked by monitors, and cheap."""

IS_GONE = "is_gone"
"""In `request.state`: whether the client has left, as the server around the app knows."""

CLIENT_LEFT = 499
"""Nobody is there to be answered; nginx's word for it."""

DAYS_REMAINING = b"x-api-key-days-remaining"

ADDRESS_TOO_LONG = request_refused([AddressTooLong(MOST_ADDRESS_BYTES)])


@dataclass(slots=True)
class Answer:
    """The answer to one call on its way out; `status` is 0 until it begins."""

    scope: Scope
    send: Send
    status: int = 0

    async def send_on(self, message: Message) -> None:
        """Pass a part of the answer on, with what belongs on every answer.

        Raises ClientDisconnect where the client has left: nobody needs the rest.
        """
        if message["type"] == "http.response.start":
            self.status = message["status"]
            state = self.scope["state"]
            headers = [*message["headers"], *state.get("headers", HEADERS), STAY_WITH_TLS]
            if (days := state.get("days_remaining")) is not None:
                headers.append((DAYS_REMAINING, b"%d" % days))
            message["headers"] = headers
        await self.send(message)
        is_gone: Callable[[], bool] | None = self.scope["state"].get(IS_GONE)
        if is_gone is not None and is_gone():
            raise ClientDisconnect


@dataclass(frozen=True, slots=True)
class FrontDoor:
    """ASGI middleware around everything else.

    The endpoint leaves in `request.state` what belongs on the answer or in the log whatever comes
    of the call: `days_remaining` of the key, the `job_id` of the load, and `headers` in place of
    ours and a `fault_page` in place of JSON, which the pages have of their own.
    """

    app: ASGIApp
    calls: Calls
    limit: RateLimit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a call in and see it out."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {})
        started, answer = time.perf_counter(), Answer(scope, send)
        try:
            app = self._refused(scope) or self.app
            await app(scope, receive, answer.send_on)
        except ClientDisconnect:
            answer.status = CLIENT_LEFT
        except Exception as fault:  # noqa: BLE001 - the border: the caller gets an incident
            told = UnexpectedFault(_incident(fault))
            if answer.status:
                raise told from None  # half an answer is out, so the server has to break it off
            tell = scope["state"].get("fault_page", refusal)
            with suppress(ClientDisconnect):
                await tell(told, status=500)(scope, receive, answer.send_on)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "other")
            self.calls.count(scope["method"], route, answer.status, seconds)
            _log(scope, answer.status, seconds)

    def _refused(self, scope: Scope) -> ASGIApp | None:
        """Answer what to say to a call that goes no further, if it does not."""
        if _address_bytes(scope) > MOST_ADDRESS_BYTES:
            return ADDRESS_TOO_LONG
        if scope["path"] in UNLIMITED or not scope["client"]:
            return None
        seconds = self.limit.wait(scope["client"][0])
        return request_refused([TooManyRequests(math.ceil(seconds))]) if seconds else None


def _address_bytes(scope: Scope) -> int:
    return len(scope.get("raw_path") or b"") + len(scope["query_string"])


def _log(scope: Scope, status: int, seconds: float) -> None:
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


def _incident(fault: Exception) -> str:
    incident = secrets.token_hex(8)
    logger.error("incident %s\n%s", incident, trace_of(fault))
    return incident
