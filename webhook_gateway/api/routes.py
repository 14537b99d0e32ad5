"""The routes of the API, its OpenAPI document and its reference."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.target import Environment
from webhook_gateway.api.endpoints import Endpoints
from webhook_gateway.api.openapi import document
from webhook_gateway.api.operations import OPERATIONS
from webhook_gateway.api.reference import PAGE_HEADERS, reference
from webhook_gateway.api.serializers import BASE
from webhook_gateway.http.parameters import host_name


def api_routes(endpoints: Endpoints, public_urls: PublicUrls) -> Sequence[Route]:
    """Return the routes; the document and the reference require no key."""

    @cache
    def openapi_document(environment: Environment | None) -> dict[str, Any]:
        return document(public_urls, environment)

    @cache
    def reference_page(environment: Environment | None) -> bytes:
        # The text is cached, not the response: compression changes a response's headers in place.
        forms_at = public_urls.qa if environment is Environment.PRODUCTION else ""
        return bytes(reference(openapi_document(environment), forms_at).body)

    def environment_at(request: Request) -> Environment | None:
        return public_urls.environment_at(host_name(request))

    async def openapi(request: Request) -> Response:
        return JSONResponse(openapi_document(environment_at(request)))

    async def show_reference(request: Request) -> Response:
        request.state.headers = PAGE_HEADERS
        return HTMLResponse(reference_page(environment_at(request)))

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
