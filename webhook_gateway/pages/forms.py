"""Reading submitted forms within limits, and checking where a form may redirect to."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from starlette.datastructures import UploadFile
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
    """The trimmed fields of a submitted form, and its file if there is one."""

    fields: dict[str, str] = field(default_factory=dict)
    file: UploadFile | None = None

    def __getitem__(self, name: str) -> str:
        """Return a field, empty if it was not sent."""
        return self.fields.get(name, "")

    async def close(self) -> None:
        """Close the file."""
        if self.file is not None:
            await self.file.close()


async def read_form(request: Request, max_bytes: int, seconds: float) -> Form:
    """Read a form of either encoding; raises UploadTooLarge, SlowRequest and BodyNotForm."""
    stream = _limited_stream(request, max_bytes)
    parser: MultiPartParser | FormParser
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        parser = MultiPartParser(request.headers, stream, max_files=1, max_fields=MAX_FIELDS)
    else:
        parser = FormParser(request.headers, stream)
    try:
        async with asyncio.timeout(seconds):
            data = await parser.parse()
    except TimeoutError:
        raise SlowRequest(seconds) from None
    except (MultiPartException, LookupError, ValueError):
        raise BodyNotForm(MAX_FIELDS) from None
    fields: dict[str, str] = {}
    file: UploadFile | None = None
    for name, value in data.multi_items():
        if isinstance(value, UploadFile):
            file = value if value.filename else None
            continue
        if "\0" in value:  # never valid in a field, and PostgreSQL cannot store it
            raise BodyNotForm(MAX_FIELDS)
        fields[name] = value.strip()
    return Form(fields, file)


def check_origin(request: Request) -> None:
    """Refuse a form that was submitted from another site; raises StaleForm."""
    # Browsers omit this header over plain HTTP; forms of a session have a token as well.
    site = request.headers.get("sec-fetch-site", "same-origin")
    if request.method == "POST" and site not in {"same-origin", "none"}:
        raise StaleForm


def safe_redirect_path(path: str) -> str:
    """Return the path if it is on this site, otherwise the start page."""
    is_local = path.startswith("/") and path.isascii() and path.isprintable()
    return path if is_local and not path.startswith("//") and "\\" not in path else "/"


async def _limited_stream(request: Request, max_bytes: int) -> AsyncGenerator[bytes]:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > max_bytes:
            raise UploadTooLarge(max_bytes)
        yield chunk
