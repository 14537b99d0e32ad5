"""Compression of answers, for who accepts it; all others pay nothing for it."""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send


class Compression:
    """ASGI middleware: Starlette's gzip, entered only where a call accepts gzip.

    Starlette's own would examine every answer, which costs as much as reading the call.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the app."""
        self.plain = app
        self.compressing = GZipMiddleware(app, minimum_size=1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Choose by the header."""
        accepts = scope["type"] == "http" and any(
            name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"]
        )
        await (self.compressing if accepts else self.plain)(scope, receive, send)
