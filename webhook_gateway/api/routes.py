"""The addresses of the API, its document and its reference."""

from collections.abc import Sequence
from functools import cache

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from webhook_gateway.api.endpoints import Endpoints
from webhook_gateway.api.openapi import document
from webhook_gateway.api.operations import OPERATIONS
from webhook_gateway.api.reference import PAGE_HEADERS, reference
from webhook_gateway.api.serializers import BASE


def api_routes(endpoints: Endpoints, server: str) -> Sequence[Route]:
    """List the routes; the document and the reference open without a key."""
    described = cache(lambda: document(server))
    # The text is kept, not the answer: compression rewrites an answer's headers in place.
    shown = cache(lambda: bytes(reference(described()).body))

    async def openapi(request: Request) -> Response:
        del request
        return JSONResponse(described())

    async def read(request: Request) -> Response:
        request.state.headers = PAGE_HEADERS
        return HTMLResponse(shown())

    return [
        Route("/api/", read),
        Route("/api/openapi.json", openapi),
        *(
            Route(BASE + each.path, endpoints.endpoint(each.question), methods=[each.method])
            for each in OPERATIONS
        ),
    ]
