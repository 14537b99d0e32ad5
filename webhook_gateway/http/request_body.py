"""Reading a request body: a JSON object or a form, whatever its content type.

Clients of the documented service send JSON as `text/plain` or, with curl's default, labeled as a
form. So the format is detected from the body; only a multipart form needs its header.
"""

import json
from collections.abc import AsyncGenerator, Sequence
from typing import NoReturn
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser

from alumniq_pipelines.core.problems.request import (
    BodyNestedTooDeeply,
    BodyNotForm,
    BodyNotJson,
    BodyNotObject,
    BodyNotUtf8,
)

MAX_FIELDS = 100

Pairs = Sequence[tuple[str, object]]


def _refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and the infinities, which Python accepts but JSON does not have."""
    raise BodyNotJson(name)


DECODER = json.JSONDecoder(
    object_pairs_hook=tuple,  # a dict would hide a name that was sent twice
    parse_int=len,  # no option is a number, so even the longest costs nothing
    parse_float=len,
    parse_constant=_refuse_constant,
)
"""Created once, because creating it takes as long as decoding a body."""


async def read_pairs(body: bytes, headers: Headers) -> Pairs:
    """Return the names and values of a body, including repeated ones; raises UnreadableBody."""
    if headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return await _multipart(body, headers)
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise BodyNotUtf8(error.start + 1) from None
    if not text:
        return ()
    if text.startswith(("{", "[")):
        return _json(text)
    if "=" not in text:
        raise BodyNotObject
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise BodyNotForm(MAX_FIELDS) from None


def _json(text: str) -> Pairs:
    try:
        pairs = DECODER.decode(text)
    except json.JSONDecodeError as error:
        position = f"line {error.lineno:,}, column {error.colno:,}"
        raise BodyNotJson(position) from None
    except RecursionError:
        raise BodyNestedTooDeeply from None
    if not isinstance(pairs, tuple):
        raise BodyNotObject
    return pairs


async def _multipart(body: bytes, headers: Headers) -> Pairs:
    async def stream() -> AsyncGenerator[bytes]:
        yield body

    parser = MultiPartParser(headers, stream(), max_fields=MAX_FIELDS, max_files=MAX_FIELDS)
    try:
        form = await parser.parse()
    except (MultiPartException, LookupError, ValueError):
        raise BodyNotForm(MAX_FIELDS) from None
    pairs = form.multi_items()
    await form.close()
    return pairs
