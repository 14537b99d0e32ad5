"""Reading what a page's form sends, bounded, and where it may lead afterwards."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import Request

from alumniq_pipelines.core.problems.page import StaleForm, UploadTooLarge
from alumniq_pipelines.core.problems.request import BodyNotForm

MOST_FIELDS = 20
MOST_FORM_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form, trimmed, and the file that came with it."""

    fields: dict[str, str] = field(default_factory=dict)
    file: UploadFile | None = None

    def __getitem__(self, name: str) -> str:
        """Answer a field; empty where it was not sent."""
        return self.fields.get(name, "")


async def read_form(request: Request, most_bytes: int) -> Form:
    """Read a form of either kind; raises UploadTooLarge and BodyNotForm."""
    is_multipart = request.headers.get("content-type", "").startswith("multipart/form-data")
    stream = _bounded(request, most_bytes if is_multipart else MOST_FORM_BYTES)
    parser: MultiPartParser | FormParser
    if is_multipart:
        parser = MultiPartParser(request.headers, stream, max_files=1, max_fields=MOST_FIELDS)
    else:
        parser = FormParser(request.headers, stream)
    try:
        return _form(await parser.parse())
    except (MultiPartException, LookupError, ValueError):
        raise BodyNotForm(MOST_FIELDS) from None


def check_origin(request: Request) -> None:
    """Refuse what another site's page sent; browsers say so by themselves. Raises StaleForm."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise StaleForm


def own_path(path: str) -> str:
    """Answer a path of this site to go on to; what could lead elsewhere leads to the start."""
    is_own = path.startswith("/") and path.isascii() and path.isprintable()
    return path if is_own and not path.startswith("//") and "\\" not in path else "/"


async def _bounded(request: Request, most_bytes: int) -> AsyncGenerator[bytes]:
    came = 0
    async for chunk in request.stream():
        came += len(chunk)
        if came > most_bytes:
            raise UploadTooLarge(most_bytes)
        yield chunk


def _form(data: FormData) -> Form:
    fields, file = {}, None
    for name, value in data.multi_items():
        if isinstance(value, UploadFile):
            file = value if value.filename else None
        else:
            fields[name] = value.strip()
    return Form(fields, file)
