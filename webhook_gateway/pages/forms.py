"""Reading what a page's form sends, bounded, and where it may lead afterwards."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import Request

from alumniq_pipelines.core.problems.page import StaleForm, UploadTooLarge
from alumniq_pipelines.core.problems.request import BodyNotForm, SlowRequest

MAX_FIELDS = 20
MAX_FORM_BYTES = 65_536
FORM_SECONDS = 10.0
UPLOAD_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form, trimmed, and the file that came with it."""

    fields: dict[str, str] = field(default_factory=dict)
    file: UploadFile | None = None

    def __getitem__(self, name: str) -> str:
        """Answer a field; empty where it was not sent."""
        return self.fields.get(name, "")

    async def close(self) -> None:
        """Let the file go."""
        if self.file is not None:
            await self.file.close()


async def read_form(request: Request, max_bytes: int, seconds: float) -> Form:
    """Read a form of either kind; raises UploadTooLarge, SlowRequest and BodyNotForm."""
    stream = _limited_stream(request, max_bytes)
    parser: MultiPartParser | FormParser
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        parser = MultiPartParser(request.headers, stream, max_files=1, max_fields=MAX_FIELDS)
    else:
        parser = FormParser(request.headers, stream)
    try:
        async with asyncio.timeout(seconds):
            return _form(await parser.parse())
    except TimeoutError:
        raise SlowRequest(seconds) from None
    except (MultiPartException, LookupError, ValueError):
        raise BodyNotForm(MAX_FIELDS) from None


def check_origin(request: Request) -> None:
    """Refuse a form that another site's page sent; browsers tell. Raises StaleForm."""
    came_from = request.headers.get("sec-fetch-site", "same-origin")
    if request.method == "POST" and came_from not in {"same-origin", "none"}:
        raise StaleForm


def safe_redirect_path(path: str) -> str:
    """Answer a path of this site to go on to; what could lead elsewhere leads to the start."""
    is_local = path.startswith("/") and path.isascii() and path.isprintable()
    return path if is_local and not path.startswith("//") and "\\" not in path else "/"


async def _limited_stream(request: Request, max_bytes: int) -> AsyncGenerator[bytes]:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > max_bytes:
            raise UploadTooLarge(max_bytes)
        yield chunk


def _form(data: FormData) -> Form:
    fields, file = {}, None
    for name, value in data.multi_items():
        if isinstance(value, UploadFile):
            file = value if value.filename else None
        else:
            if "\0" in value:  # no name, key or reason has one, and PostgreSQL keeps none
                raise BodyNotForm(MAX_FIELDS)
            fields[name] = value.strip()
    return Form(fields, file)
