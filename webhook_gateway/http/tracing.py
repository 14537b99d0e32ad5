"""A span for each webhook call, in the caller's trace if it names one; only if calls are traced."""

from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alumniq_pipelines.telemetry.tracing import TRACEPARENT, continued, span

SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class TraceMiddleware:
    """ASGI middleware around all others, so that the log line of a call names its trace, too."""

    app: ASGIApp
    prefix: str
    """Of the addresses of webhooks; pages and probes make no spans."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request within its span."""
        if scope["type"] != "http" or not scope["path"].startswith(self.prefix):
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {})
        statuses: list[int] = []

        async def send_observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
            await send(message)

        method = scope["method"]
        with span("webhook call", kind="SERVER", parent=_caller(scope)) as current:
            current.set({"http.request.method": method})
            try:
                await self.app(scope, receive, send_observed)
            finally:
                route = getattr(scope.get("route"), "path", "other")
                current.set({"http.route": route, **scope["state"].get("load_fields", {})})
                if statuses:
                    current.set({"http.response.status_code": statuses[0]})
                if statuses and statuses[0] >= SERVER_ERROR:
                    current.fail(str(statuses[0]))


def _caller(scope: Scope) -> str | None:
    """Return the context of the caller's trace; two headers of the name contradict each other."""
    values = [value for name, value in scope["headers"] if name == TRACEPARENT.encode()]
    return continued(values[0].decode("latin-1")) if len(values) == 1 else None
