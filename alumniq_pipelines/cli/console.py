"""What all commands share: tables and text, JSON, and problems printed on one line."""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from alumniq_pipelines.core.problems.problem import Problem, cause_for_staff
from alumniq_pipelines.files.private_files import private_umask

if TYPE_CHECKING:
    from rich.console import Console

Limit = Annotated[int, typer.Option("--limit", min=1, help="List at most this many.")]
OldLimit = Annotated[int | None, typer.Option("--most", min=1, hidden=True)]
"""The name of --limit in earlier releases, still accepted in scripts."""

EXIT_PROBLEM = 2
"""The exit code of a command that a problem stopped."""


class Commands(TyperGroup):
    """The root of all commands; it prints on stderr the problem that any of them raises."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command with a private umask; exit with 2 on a problem."""
        try:
            with private_umask():
                return super().invoke(ctx)
        except Problem as problem:
            typer.secho("Error: ", fg=typer.colors.RED, bold=True, nl=False, err=True)
            typer.echo(str(cause_for_staff(problem)), err=True)
            raise typer.Exit(EXIT_PROBLEM) from None


def stdout_console() -> "Console":
    """Return a console on stdout; without a terminal it prints no colours."""
    from rich.console import Console

    return Console(highlight=False)


def printable(name: str) -> str:
    """Return a file name without control characters and bytes that are not text."""
    text = os.fsencode(name).decode(errors="replace")
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def print_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print one JSON document, with times in ISO 8601."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_json_default))


def format_time(time: datetime | None) -> str:
    """Format a time in UTC, to the second; empty for None."""
    return "" if time is None else f"{time:%Y-%m-%d %H:%M:%S}Z"


def _json_default(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    message = f"{type(value).__name__} cannot be serialized to JSON."
    raise TypeError(message)
