"""`alumniq check`: check a file as a load would, without any server."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alumniq_pipelines.adapters.field_maps import read_field_map
from alumniq_pipelines.checking.decompress import Limits
from alumniq_pipelines.cli.console import print_json, printable, stdout_console
from alumniq_pipelines.cli.installation import feed_of
from alumniq_pipelines.cli.live_comparison import comparison_to_json, show_comparison
from alumniq_pipelines.cli.references import live_target_of, references_for
from alumniq_pipelines.core.loads.check_result import Cause, file_note
from alumniq_pipelines.core.loads.progress import Progress, ignore_progress
from alumniq_pipelines.services.file_check import FileCheckResult, check_file
from alumniq_pipelines.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

EXIT_CODES = {"clean": 0, "rejected": 1, "unusable": 2}
WOULD_BE_HELD = 3
"""The exit code where a load of the file would be held, whether or not some rows are rejected."""
MAX_SHOWN = 20
"""Causes and rejections printed as tables; --json has more."""

SEVERITY_TITLES = {
    "warning": "Warnings: these rows are accepted",
    "note": "Notes: these rows are accepted",
}
"""Titles of the causes that reject no rows, by severity."""

LONG_FILE_BYTES = 20_000_000
"""From this size on, a check takes long enough for a progress bar."""

STEPS = {"decompress": 0.05, "structure": 0.35, "stage": 0.5, "check": 0.1}
"""The steps of a check, and the share of the time that each takes (measured on large files)."""


def check(
    file: Annotated[
        Path, typer.Argument(help="The file to check.", exists=True, dir_okay=False, readable=True)
    ],
    *,
    feed: Annotated[
        str, typer.Option(help="The feed that the file is for, such as warehouse.")
    ] = "",
    field_map: Annotated[
        Path | None,
        typer.Option(
            help="A field map file to check against instead of --feed.", exists=True, dir_okay=False
        ),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(help="FEED=FILE: check references to FEED against FILE. Repeatable."),
    ] = None,
    live: Annotated[
        str,
        typer.Option(
            help="CUSTOMER.ENVIRONMENT: compare with the live data there, as a load would: check "
            "references, and say whether a load would be held for approval."
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Write the rows that would be published to this file (.csv or .parquet)."
        ),
    ] = None,
) -> None:
    """Check a file against the rules of its feed, exactly as a load would.

    Exit code 0: the file is clean; 1: some rows are rejected; 2: the file cannot be loaded;
    3 (with --live): a load of the file would be held for approval.
    """
    if bool(feed) == bool(field_map):
        message = "Name the feed with --feed, or a field map with --field-map."
        raise typer.BadParameter(message)
    settings = Settings()
    rules = read_field_map(field_map) if field_map else feed_of(settings, feed)
    limits = Limits(settings.max_expanded_bytes, settings.max_expansion_ratio)
    live_target = live_target_of(rules, live, settings) if live else None
    with (
        references_for(rules, against or [], live_target, settings, limits) as reference_sources,
        _progress(file, quiet=as_json) as progress,
    ):
        result = check_file(
            file,
            rules,
            output,
            progress=progress,
            limits=limits,
            reference_sources=reference_sources,
            live_target=live_target,
        )
    if as_json:
        print_json(_to_json(result))
    else:
        _show(result, file, output)
    would_be_held = result.live is not None and result.live.hold_reasons
    raise typer.Exit(WOULD_BE_HELD if would_be_held else EXIT_CODES[result.outcome])


def _to_json(result: FileCheckResult) -> dict[str, Any]:
    """Serialize the result: errors, warnings and notes, of which only errors reject rows.

    `errors` lists the first ones; `errors_total` counts all of them. `live` is null without
    `--live`, and where no load could read the file.
    """
    return {
        "outcome": result.outcome,
        "live": comparison_to_json(result.live) if result.live else None,
        "rows_read": result.rows_read,
        "rows_accepted": result.rows_accepted,
        "rows_rejected": result.rows_rejected,
        "errors_total": result.errors_total,
        "errors": [
            {
                "row": error.row,
                "line": error.line,
                "column": error.column,
                "code": error.code,
                "message": error.message,
                "advice": error.advice,
            }
            for error in result.errors
        ],
        "causes": [_cause_to_json(cause) for cause in result.causes],
        "warnings": [
            _cause_to_json(warning) for warning in result.warnings if warning.severity == "warning"
        ],
        "notes": [
            *(_cause_to_json(file_note(note)) for note in result.notes),
            *(_cause_to_json(warning) for warning in result.warnings if warning.severity == "note"),
        ],
    }


def _cause_to_json(cause: Cause) -> dict[str, Any]:
    return {
        "code": cause.code,
        "column": cause.column,
        "message": cause.message,
        "count": cause.count or None,
        "first_line": cause.first_line or None,
        "advice": cause.advice,
    }


@contextmanager
def _progress(file: Path, *, quiet: bool) -> Iterator[Progress]:
    """Yield a callback for progress: a bar on stderr for a large file on a terminal."""
    if quiet or not sys.stderr.isatty() or file.stat().st_size < LONG_FILE_BYTES:
        yield ignore_progress
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("check", total=1.0)

        def update(step: str, fraction: float) -> None:
            names = list(STEPS)
            before = sum(STEPS[name] for name in names[: names.index(step)])
            bar.update(task, completed=before + STEPS[step] * fraction, description=step)

        yield update


def _show(result: FileCheckResult, file: Path, output: Path | None) -> None:
    """Print the outcome, its causes, the first rejected rows and what to do."""
    from rich.markup import escape

    console = stdout_console()
    name = escape(printable(file.name))
    if result.outcome == "unusable":
        console.print(f"[bold red]Unusable:[/bold red] {name} cannot be loaded.")
        for error in result.errors:
            console.print(f"  [bold]{escape(error.message)}[/bold] {escape(error.advice)}")
    elif result.outcome == "rejected":
        console.print(
            f"[bold yellow]Rejected:[/bold yellow] {result.rows_rejected:,} of "
            f"{result.rows_read:,} rows of {name} are rejected; {result.rows_accepted:,} are "
            "accepted."
        )
        _show_causes(console, result.causes, "Causes")
        _show_rejections(console, result)
        console.print(
            "Fix these rows in your source system, export the file again and check it again."
        )
    else:
        console.print(
            f"[bold green]Clean:[/bold green] all {result.rows_read:,} rows of {name} are accepted."
        )
    for severity, title in SEVERITY_TITLES.items():
        warnings = [warning for warning in result.warnings if warning.severity == severity]
        _show_causes(console, warnings, title)
    for note in result.notes:
        console.print(f"Note: {escape(note)}")
    if result.live:
        show_comparison(console, result.live)
    if output and result.outcome != "unusable":
        console.print(
            f"The {result.rows_accepted:,} accepted rows are in {escape(printable(str(output)))}."
        )


def _show_causes(console: "Console", causes: Sequence[Cause], title: str) -> None:
    from rich.markup import escape
    from rich.table import Table

    if not causes:
        return
    table = Table(title=title)
    for heading in ("Rows", "What is wrong", "What to do", "Code", "First line"):
        table.add_column(heading, overflow="fold")
    for cause in causes[:MAX_SHOWN]:
        table.add_row(
            f"{cause.count:,}",
            escape(cause.message),
            escape(cause.advice),
            cause.code,
            f"{cause.first_line:,}",
        )
    console.print(table)
    if len(causes) > MAX_SHOWN:
        console.print(f"{len(causes) - MAX_SHOWN} more; use --json to list all.")


def _show_rejections(console: "Console", result: FileCheckResult) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table("Row", "Line", "What is wrong", "What to do", title="First rejections")
    for error in result.errors[:MAX_SHOWN]:
        table.add_row(
            f"{error.row:,}", f"{error.line:,}", escape(error.message), escape(error.advice)
        )
    console.print(table)
    if result.errors_total > MAX_SHOWN:
        rest = result.errors_total - min(MAX_SHOWN, len(result.errors))
        console.print(f"{rest:,} more; use --json to list the first {len(result.errors):,}.")
