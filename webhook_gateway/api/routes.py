"""The routes of the API, its OpenAPI document and its reference."""

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
    """Return the routes; the document and the reference require no key."""
    openapi_document = cache(lambda: document(server))
    # The text is cached, not the response: compression changes the headers of a response in place.
    reference_page = cache(lambda: bytes(reference(openapi_document()).body))

    async def openapi(request: Request) -> Response:
        del request
        return JSONResponse(openapi_document())

    async def show_reference(request: Request) -> Response:
        request.state.headers = PAGE_HEADERS
        return HTMLResponse(reference_page())

    return [
        Route("/api/", show_reference),
        Route("/api/openapi.json", openapi),
        *(
            Route(
                BASE + operation.path,
                endpoints.endpoint(operation.handler_name),
                methods=[operation.method],
            )
            for operation in OPERATIONS
        ),
    ]
