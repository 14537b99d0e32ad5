"""The server process: uvicorn, its limits, and how it stops."""

import asyncio
import gc
import logging
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
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
from alumniq_pipelines.telemetry.logs import configure_logs
from alumniq_pipelines.wiring import protect_data_folder, trace_if_configured
from webhook_gateway.app import open_app
from webhook_gateway.http.errors import request_error_response
from webhook_gateway.http.middleware import CLIENT_GONE_KEY

STOP_SECONDS = 20
"""How long requests in progress may take to finish after the signal to stop."""

STOP_WAITING_SECONDS = 3.0
"""How long calls whose file is being looked up may take to finish after that signal."""

MAX_HEAD_BYTES = 32_768
"""Of the request line and headers; httptools itself would buffer an endless header for ever."""

GARBAGE_THRESHOLD = 20_000
"""New objects until the collector looks for circular references, of which a call leaves few."""

HEAD_SECONDS = 10.0
"""From the connection, or the first byte of a later request, to the end of the headers."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP with limits on request heads; malformed requests get our error format, too."""

    head_seconds = HEAD_SECONDS
    in_head = True
    head_bytes = 0
    head_timer: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Start without a request."""
        super().__init__(*arguments, **named)
        self.cycles: list[RequestResponseCycle] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer: a client that connects and sends nothing also occupies a connection."""
        super().connection_made(transport)
        self.head_timer = self.loop.call_later(self.head_seconds, self._time_out_head)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer and disconnect every request of the connection.

        uvicorn itself disconnects the newest request only. With pipelined requests the handlers of
        earlier ones would continue, and uvloop raises when they write to a closed connection.
        """
        self._cancel_head_timer()
        for cycle in self.cycles:
            if not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the data unless the head is already too large."""
        if self.in_head:
            if self.head_timer is None:
                self.head_timer = self.loop.call_later(self.head_seconds, self._time_out_head)
            if self.head_bytes > MAX_HEAD_BYTES:
                self.send_400_response("")
                return
            self.head_bytes += len(data)
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """Stop the timer and the counter: the body follows, which the application limits."""
        self._cancel_head_timer()
        self.in_head, self.head_bytes = False, 0
        super().on_headers_complete()
        if self.cycle is not None:
            self.cycles = [cycle for cycle in self.cycles if not cycle.response_complete]
            self.cycles.append(self.cycle)
            self.scope["state"][CLIENT_GONE_KEY] = partial(getattr, self.cycle, "disconnected")

    def on_message_complete(self) -> None:
        """Start counting again: the next request of a keep-alive connection may follow."""
        self.in_head = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse a malformed request and close the connection; `msg` is uvicorn's wording."""
        del msg
        self._send_error(b"400 Bad Request", MalformedRequest())

    def _time_out_head(self) -> None:
        """Refuse a head that takes too long and close the connection."""
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


class GatewayServer(uvicorn.Server):
    """uvicorn's server, whose stop does not wait for a store that hangs."""

    def __init__(self, config: uvicorn.Config, stop_waiting: Callable[[], None]) -> None:
        """Take what answers the calls that wait for bucket or ledger."""
        super().__init__(config)
        self.stop_waiting = stop_waiting

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let requests in progress finish, for a shorter time if they only wait."""
        timer = asyncio.get_running_loop().call_later(STOP_WAITING_SECONDS, self.stop_waiting)
        await super().shutdown(sockets)
        timer.cancel()


def server_config(settings: Settings, app: ASGIApp) -> uvicorn.Config:
    """Return uvicorn's settings, without its access log, which would show the keys in URLs."""
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
    """Run the gateway until SIGTERM or SIGINT; exit with 2 if it cannot start."""
    # Omit source line, thread and process: finding them out costs more than writing the log line.
    logging._srcfile = None  # noqa: SLF001 - recommended by the documentation of logging
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    settings = Settings()
    configure_logs(settings.log_format)
    os.umask(UMASK)
    try:
        protect_data_folder(settings)
        trace_if_configured("alumniq-gateway")
        app = open_app(settings)
    except Problem as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(2)
    # What was loaded so far is no garbage: the collector must not go through it while callers wait.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    server = GatewayServer(server_config(settings, app), app.state.stop_waiting)
    with suppress(KeyboardInterrupt):  # raised after an orderly stop
        server.run()
    # Threads that wait for a store that hangs would keep the process for as long as it hangs.
    logging.shutdown()
    os._exit(0)
