"""Reading a call: where it came from, whether it was meant, and the options in its headers."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

from alumniq_pipelines.core.problems.api import SpeculativeRequest
from webhook_gateway.services.options import Option, Pairs

CONDITIONAL_HEADERS = (
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
    "If-Range",
)
"""Sent by caches that look whether they still have the newest answer."""

PURPOSE_HEADERS = ("Purpose", "Sec-Purpose", "X-Purpose", "X-Moz")
"""What browsers, and programs that show a preview of a link, say about a request of their own."""

SPECULATIVE_PURPOSES = ("prefetch", "prerender", "preview")


def check_not_speculative(request: Request) -> None:
    """Refuse a GET that may change something unless somebody meant it.

    HEAD is refused as an unknown method; raises SpeculativeRequest where a header says that a
    cache, a browser or a preview sent the request by itself.
    """
    if request.method != "GET":
        raise HTTPException(405, headers={"Allow": "GET"})
    for name in CONDITIONAL_HEADERS:
        if name in request.headers:
            raise SpeculativeRequest(name)
    for name in PURPOSE_HEADERS:
        if any(word in request.headers.get(name, "").lower() for word in SPECULATIVE_PURPOSES):
            raise SpeculativeRequest(name)


def client_address(request: Request) -> str:
    """Answer the address that the call came from, as uvicorn and the proxies it trusts say."""
    return request.client.host if request.client else ""


def header_options(request: Request) -> Pairs:
    """Answer the options that are sent as headers."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    pairs = [(Option.API_KEY, key)] if scheme.lower() == "bearer" else []
    name = request.headers.get("idempotency-key")
    return pairs if name is None else [*pairs, (Option.IDEMPOTENCY_KEY, name)]
