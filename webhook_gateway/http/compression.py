"""Compression of responses for clients that accept it, at no cost for all others."""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send


class Compression:
    """ASGI middleware that uses Starlette's gzip only if the request accepts gzip.

    Starlette's own middleware examines every response, which costs as much as reading a request.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the app."""
        self.plain = app
        self.compressing = GZipMiddleware(app, minimum_size=1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Compress the response if the Accept-Encoding header allows it."""
        accepts = scope["type"] == "http" and any(
            name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"]
        )
        await (self.compressing if accepts else self.plain)(scope, receive, send)
