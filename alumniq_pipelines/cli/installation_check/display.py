"""How results of checks look in a terminal: a list of marks, with each fix below its check."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from alumniq_pipelines.cli.installation_check.check import CheckResult, Finding, State

if TYPE_CHECKING:
    from rich.console import Console

MARKS = {
    State.OK: ("\N{CHECK MARK}", "green"),
    State.WARNING: ("!", "yellow"),
    State.FAILED: ("\N{BALLOT X}", "bold red"),
}
INDENT = "    "


def print_results(console: "Console", results: Sequence[CheckResult]) -> None:
    """Print every check with its mark; those that one failed check prevented are one line."""
    from rich.text import Text

    for result in results:
        if result.state is State.NOT_CHECKED:
            continue
        mark, style = MARKS[result.state]
        console.print(Text(f"{mark} {result.title}", style=style), soft_wrap=True)
        for finding in result.findings:
            for text in _sentences(finding):
                console.print(Text(INDENT + text), soft_wrap=True)
    for line in not_checked(results):
        console.print(Text(f"- {line}", style="dim"), soft_wrap=True)
    console.print(Text(summary(results)), soft_wrap=True)


def not_checked(results: Sequence[CheckResult]) -> Iterator[str]:
    """Yield a line for each failed check that prevented others."""
    titles = {result.name: result.title for result in results}
    for cause in dict.fromkeys(result.because_of for result in results):
        if cause is not None:
            names = ", ".join(result.title for result in results if result.because_of == cause)
            yield f"Not checked because of {titles[cause]}: {names}"


def summary(results: Sequence[CheckResult]) -> str:
    """Return the last line: how many checks have something to do."""
    failed = [result.title for result in results if result.state is State.FAILED]
    warnings = sum(result.state is State.WARNING for result in results)
    noted = f" Warnings: {warnings}." if warnings else ""
    if not failed:
        return f"Nothing to do.{noted}"
    return f"To do: {', '.join(failed)}.{noted}"


def _sentences(finding: Finding) -> Iterator[str]:
    about = f"{finding.subject}: " if finding.subject else ""
    yield f"{finding.code}: {about}{finding.detail}"
    if finding.advice:
        yield f"\N{RIGHTWARDS ARROW} {finding.advice}"
