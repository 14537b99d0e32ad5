"""What `alumniq up` prints: the programs' output, each line with the name of its program."""

import json
from datetime import UTC, datetime

import typer

from alumniq_pipelines.cli.programs import (
    CODE_SERVER,
    DAEMON,
    GATEWAY,
    WEB_SERVER,
    WORKER,
)
from alumniq_pipelines.settings import Settings

COLOURS = {
    GATEWAY: typer.colors.GREEN,
    CODE_SERVER: typer.colors.MAGENTA,
    WEB_SERVER: typer.colors.BLUE,
    DAEMON: typer.colors.CYAN,
    WORKER: typer.colors.YELLOW,
}
WIDTH = max(map(len, COLOURS))
RECORD_START = '{"time": '
"""How a record of a program begins that logs JSON itself."""


def print_line(settings: Settings, program: str, line: str) -> None:
    """Print a line of a program's output in the format of the logs."""
    match settings.log_format:
        case "text":
            name = typer.style(f"{program:>{WIDTH}} |", fg=COLOURS.get(program))
            typer.echo(f"{name} {line}")
        case "json":
            if line:
                typer.echo(json_line(program, line))


def json_line(program: str, line: str) -> str:
    """Return a line as JSON: a record with its program, or a line of another kind as a record."""
    if line.startswith(RECORD_START):
        return f'{{"program": {json.dumps(program)}, {line[1:]}'
    time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    record = {"program": program, "time": time, "level": "INFO", "logger": "output"}
    return json.dumps({**record, "message": line})
