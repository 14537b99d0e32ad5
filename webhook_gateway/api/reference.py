"""The HTML pages of the API: its reference at /api/, and field maps.

They contain no scripts and load nothing from other sites. Only the field maps require a key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from alumniq_pipelines.core.feeds.field_map import FieldMap

TEMPLATES = Path(__file__).parent / "templates"

PAGE_HEADERS = (
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        (
            b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
            b"base-uri 'none'; frame-ancestors 'none'"
        ),
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
"""In place of the middleware's: these pages have inline styles and forms."""


@dataclass(frozen=True, slots=True)
class Section:
    """An operation as the reference shows it."""

    method: str
    path: str
    described: dict[str, Any]


def reference(document: dict[str, Any], forms_at: str = "") -> HTMLResponse:
    """Render the OpenAPI document, with forms to try the operations that change nothing.

    Or with a link to the reference that has them: a key that is sent by a form becomes part of a
    URL, so only keys of QA should be, and they are refused at the host of production.
    """
    sections: Sequence[Section] = [
        Section(method.upper(), path, described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]
    return _page(
        "reference.html",
        document=document,
        forms_at=forms_at,
        sections=sections,
        schemas=document["components"]["schemas"],
    )


def field_map_page(field_map: FieldMap) -> HTMLResponse:
    """Render a field map for the people who write the export."""
    return _page("field_map.html", field_map=field_map)


def _page(template: str, **context: Any) -> HTMLResponse:
    return HTMLResponse(_templates().get_template(template).render(context))


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
