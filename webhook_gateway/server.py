"""The process around the gateway: uvicorn, its limits, and how it stops."""

import logging
import sys

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from alumniq_pipelines.core.problems import MalformedRequest, Problem
from alumniq_pipelines.settings import Settings
from webhook_gateway.answers import request_refused
from webhook_gateway.app import open_app

STOP_SECONDS = 20
"""How long calls that were let in may take to be answered once the process is told to stop."""

MOST_HEADER_BYTES = 32_768


class ShapedProtocol(H11Protocol):
    """HTTP as uvicorn speaks it, but what is no HTTP is refused in the contract's shape too.

    h11 rather than httptools, which sets no limit to the size of headers.
    """

    def send_400_response(self, msg: str) -> None:
        """Refuse and hang up; `msg` is uvicorn's wording."""
        del msg
        refused = request_refused([MalformedRequest()])
        headers = [*refused.raw_headers, (b"connection", b"close")]
        lines = [b"HTTP/1.1 400 Bad Request", *(b": ".join(header) for header in headers)]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(refused.body)]))
        self.transport.close()


def server_config(settings: Settings, app: ASGIApp) -> uvicorn.Config:
    """Set the server up; its own access log stays off because it shows the keys in URLs."""
    return uvicorn.Config(
        app,
        host=settings.gateway_host,
        port=settings.gateway_port,
        http=ShapedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=MOST_HEADER_BYTES,
    )


def main() -> None:
    """Serve what the environment describes until SIGTERM or SIGINT; exit 2 if it cannot be."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    settings = Settings()
    try:
        app = open_app(settings)
    except Problem as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(2)
    uvicorn.Server(server_config(settings, app)).run()
