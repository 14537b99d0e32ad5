"""The layout of pages: templates, filters for values, and security headers."""

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from alumniq_pipelines.core.notifications.notification import format_result, recipient
from alumniq_pipelines.core.problems.problem import Problem

FOLDER = Path(__file__).parent
PAGE_HEADERS = (
    (b"cache-control", b"no-store"),
    (
        # No inline scripts or styles: if markup from a customer's file ever got into a page, it
        # could not run.
        b"content-security-policy",
        (
            b"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
            b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
)
"""In place of the middleware's: pages have a style sheet, a script and forms from this site."""

STATIC_HEADERS = (
    (b"cache-control", b"public, max-age=3600"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
)
NO_VALUE = "\N{EN DASH}"
"""Shown in place of a missing value."""
KILOBYTE = 1_000
UNITS = ("KB", "MB", "GB")
DONE_MESSAGES = {
    "resent": "The notification will be sent again within seconds.",
    "canceled": "The load was canceled before it began. If a notification was requested, it is on "
    "its way.",
    "canceled-underway": "The load was canceled after it had begun. Nothing of it was published. "
    "If a notification was requested, it is on its way.",
    "revoked": "The key was revoked and no longer works.",
    "approved": "Approved. The load will be published shortly.",
    "discarded": "Discarded. Nothing was published.",
    "repeated": "The file is queued to be loaded again. This page shows the new load.",
    "uploaded": "The file was uploaded and its load is queued. Reload this page to follow it.",
}
"""Shown after an action. The URL names the message, so reloading does not repeat the action."""


class Static(StaticFiles):
    """Serves the style sheet, the script and the icon."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a file that browsers may cache."""
        scope["state"]["headers"] = STATIC_HEADERS
        await super().__call__(scope, receive, send)


@dataclass(frozen=True)
class Layout:
    """Renders the templates."""

    name: str = "AlumnIQ data feeds"

    def page(
        self,
        template: str,
        context: Mapping[str, Any],
        *,
        status: int = 200,
        done: str = "",
    ) -> HTMLResponse:
        """Render a page."""
        text = self._templates.get_template(template).render(
            **{"session": None, "here": "", **context},
            service=self.name,
            done=DONE_MESSAGES.get(done, ""),
        )
        return HTMLResponse(text, status)

    def problem(self, problem: Problem, *, status: int) -> HTMLResponse:
        """Render a page that explains a problem and what to do."""
        return self.page("problem.html", {"problem": problem}, status=status)

    @cached_property
    def _templates(self) -> Environment:
        templates = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        templates.filters |= {
            "when": format_time,
            "took": format_duration,
            "number": format_number,
            "size": format_size,
        }
        templates.filters["recipient"] = recipient
        templates.filters["result"] = format_result
        return templates


def format_time(moment: dt.datetime | None) -> str:
    """Format a time in UTC to the minute."""
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def format_duration(start: dt.datetime | None, end: dt.datetime | None) -> str:
    """Format a duration."""
    if start is None or end is None:
        return NO_VALUE
    seconds = (end - start).total_seconds()
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{seconds:.1f} s"
    return f"{minutes} min {rest} s"


def format_number(value: int | None) -> str:
    """Format a number with thousands separators."""
    return NO_VALUE if value is None else f"{value:,}"


def format_size(value: int | None) -> str:
    """Format a size in bytes, KB, MB or GB."""
    if value is None:
        return NO_VALUE
    if value < KILOBYTE:
        return f"{value} bytes"
    power = min(int(math.log(value, KILOBYTE)), len(UNITS))
    return f"{value / KILOBYTE**power:,.1f} {UNITS[power - 1]}"
