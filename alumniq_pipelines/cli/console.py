"""How the command speaks: tables and prose for people, JSON for machines, problems in one line."""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.files.private_files import private_umask

if TYPE_CHECKING:
    from rich.console import Console

EXIT_PROBLEM = 2
"""The exit code where a problem kept a command from doing its work."""


class Commands(TyperGroup):
    """The root of all commands: a problem that any of them raises is told on stderr."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command, which creates private files only; exit 2 on a problem."""
        try:
            with private_umask():
                return super().invoke(ctx)
        except Problem as problem:
            typer.secho("Error: ", fg=typer.colors.RED, bold=True, nl=False, err=True)
            typer.echo(str(problem), err=True)
            raise typer.Exit(EXIT_PROBLEM) from None


def stdout_console() -> "Console":
    """Open stdout for tables and colours; they fall away where no terminal listens."""
    from rich.console import Console

    return Console(highlight=False)


def printable(name: str) -> str:
    """Return the name of a file without what a terminal would obey or could not show."""
    text = os.fsencode(name).decode(errors="replace")
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def print_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print one JSON document; times in ISO 8601."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_json_default))


def format_time(moment: datetime | None) -> str:
    """Write a time for people, in UTC and to the second."""
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}Z"


def _json_default(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    message = f"{type(value).__name__} has no JSON form."
    raise TypeError(message)
