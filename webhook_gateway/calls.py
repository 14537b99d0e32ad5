"""Reading a call: where it came from, and the options that its headers carry."""

from starlette.requests import Request

from webhook_gateway.options import Option, Pairs


def address_of(request: Request) -> str:
    """Answer the address that the call came from, as uvicorn and the proxies it trusts say."""
    return request.client.host if request.client else ""


def headers_of(request: Request) -> Pairs:
    """Answer the options that are sent as headers."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    pairs = [(Option.API_KEY, key)] if scheme.lower() == "bearer" else []
    name = request.headers.get("idempotency-key")
    return pairs if name is None else [*pairs, (Option.IDEMPOTENCY_KEY, name)]
