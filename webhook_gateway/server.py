"""The process around the gateway: uvicorn, its limits, and how it stops."""

import asyncio
import logging
import os
import sys
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.core.problems.request import (
    MalformedRequest,
    RequestProblem,
    SlowRequest,
)
from alumniq_pipelines.files.private_files import UMASK
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import protect_data_folder
from webhook_gateway.app import open_app
from webhook_gateway.http.errors import request_error_response
from webhook_gateway.http.middleware import CLIENT_GONE_KEY

STOP_SECONDS = 20
"""How long calls that were let in may take to be answered once the process is told to stop."""

MAX_HEAD_BYTES = 32_768
"""Request line and headers; httptools itself would hold an endless header for ever."""

HEAD_SECONDS = 10.0
"""From connecting, or from the first byte of a later request, to the end of its headers."""


class BoundedProtocol(HttpToolsProtocol):
    """HTTP as uvicorn speaks it, but bounded, and what is no HTTP is refused in our shape too."""

    head_seconds = HEAD_SECONDS
    in_head = True
    head_bytes = 0
    head_timer: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Begin without a request."""
        super().__init__(*arguments, **named)
        self.cycles: list[RequestResponseCycle] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait: who connects and says nothing holds a place, too."""
        super().connection_made(transport)
        self.head_timer = self.loop.call_later(self.head_seconds, self._time_out_head)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more, and end every request of the connection.

        uvicorn itself ends the newest one only: what answers an earlier one of several that were
        sent at once would go on, and uvloop raises where a closed connection is written to.
        """
        self._cancel_head_timer()
        for cycle in self.cycles:
            if not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless what came before was too much for a head already."""
        if self.in_head:
            if self.head_timer is None:
                self.head_timer = self.loop.call_later(self.head_seconds, self._time_out_head)
            if self.head_bytes > MAX_HEAD_BYTES:
                self.send_400_response("")
                return
            self.head_bytes += len(data)
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """Count and wait no more: what follows is the body, which the app bounds."""
        self._cancel_head_timer()
        self.in_head, self.head_bytes = False, 0
        super().on_headers_complete()
        if self.cycle is not None:
            self.cycles = [cycle for cycle in self.cycles if not cycle.response_complete]
            self.cycles.append(self.cycle)
            self.scope["state"][CLIENT_GONE_KEY] = partial(getattr, self.cycle, "disconnected")

    def on_message_complete(self) -> None:
        """Count again: the next request of a kept connection begins."""
        self.in_head = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse and hang up; `msg` is uvicorn's wording."""
        del msg
        self._send_error(b"400 Bad Request", MalformedRequest())

    def _time_out_head(self) -> None:
        """Hang up on a head that does not come to its end."""
        self.head_timer = None
        self._send_error(b"408 Request Timeout", SlowRequest(self.head_seconds))

    def _cancel_head_timer(self) -> None:
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None

    def _send_error(self, status: bytes, problem: RequestProblem) -> None:
        response = request_error_response([problem])
        headers = [*response.raw_headers, (b"connection", b"close")]
        lines = [b"HTTP/1.1 " + status, *(b": ".join(header) for header in headers)]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(response.body)]))
        self.transport.close()


def server_config(settings: Settings, app: ASGIApp) -> uvicorn.Config:
    """Set the server up; its own access log stays off because it shows the keys in URLs."""
    return uvicorn.Config(
        app,
        host=settings.gateway_host,
        port=settings.gateway_port,
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
        forwarded_allow_ips=settings.trusted_proxies,
    )


def main() -> None:
    """Serve what the environment describes until SIGTERM or SIGINT; exit 2 if it cannot be."""
    # No line says from where it was written or by which thread: that would cost more than the line.
    logging._srcfile = None  # noqa: SLF001 - the way that logging's own documentation names
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    os.umask(UMASK)
    settings = Settings()
    try:
        protect_data_folder(settings)
        app = open_app(settings)
    except Problem as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(2)
    uvicorn.Server(server_config(settings, app)).run()
