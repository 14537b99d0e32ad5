"""Facts about a request: whom it is from and to, its options in headers, if it is speculative."""

import re

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
"""Sent by caches that check whether their copy is still current."""

PURPOSE_HEADERS = ("Purpose", "Sec-Purpose", "X-Purpose", "X-Moz")
"""Sent by browsers and link previews with requests that no user made."""

SPECULATIVE_PURPOSES = ("prefetch", "prerender", "preview")


MAX_SEARCH = 100
"""Characters of a text to search for."""


def check_not_speculative(request: Request) -> None:
    """Refuse a request that was not made on purpose, for a GET that changes something.

    Raises SpeculativeRequest if a header shows that a cache, a browser or a link preview sent the
    request on its own, and HTTPException 405 for HEAD.
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
    """Return the client address as determined by uvicorn and its trusted proxies."""
    return request.client.host if request.client else ""


def host_name(request: Request) -> str:
    """Return the host that the request is for, as its client named it; empty if it named none.

    It is a claim of the client: choose among our own URLs by it, and make none from it. Headers of
    proxies, such as X-Forwarded-Host, are no part of it, from any sender.
    """
    return request.headers.get("host", "")


def page_number(text: str) -> int:
    """Return the number of a page of a list; 1 for anything else than a number."""
    return max(int(text), 1) if re.fullmatch(r"[0-9]{1,4}", text) else 1


def search_text(text: str) -> str:
    """Return what to search for: any text, but for characters that a database may refuse."""
    return "".join(filter(str.isprintable, text)).strip()[:MAX_SEARCH]


def header_options(request: Request) -> Pairs:
    """Return the options that are sent as headers."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    pairs = [(Option.API_KEY, key)] if scheme.lower() == "bearer" else []
    name = request.headers.get("idempotency-key")
    return pairs if name is None else [*pairs, (Option.IDEMPOTENCY_KEY, name)]
