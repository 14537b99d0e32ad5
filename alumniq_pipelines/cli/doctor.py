"""`alumniq doctor`: what is wrong with this installation, and how to fix it."""

from collections.abc import Sequence
from contextlib import closing, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from alumniq_pipelines.cli.console import print_json, stdout_console
from alumniq_pipelines.cli.installation import ledger_of, operator
from alumniq_pipelines.core.problems.paths import UnusableFolderName
from alumniq_pipelines.core.problems.settings import (
    QaHostNotItsOwn,
    SecretFileUnreadable,
    UnusablePublicUrl,
    UnusableSettings,
)
from alumniq_pipelines.core.problems.setup import UnusableLedgerUrl
from alumniq_pipelines.settings import Settings

if TYPE_CHECKING:
    from alumniq_pipelines.cli.installation_check.check import CheckResult
    from alumniq_pipelines.core.problems.problem import Problem

EXIT_TO_DO = 1
AGREEMENT = "agreement"
UNREADABLE = (
    UnusableSettings,
    SecretFileUnreadable,
    UnusablePublicUrl,
    QaHostNotItsOwn,
    UnusableLedgerUrl,
    UnusableFolderName,
)
"""Settings without which there is nothing to check."""

Repair = Annotated[
    bool, typer.Option("--repair", help="Reconcile what can be reconciled, then compare again.")
]
Only = Annotated[
    str, typer.Option("--only", help="Some checks only, and what they need; by commas.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def doctor(*, repair: Repair = False, only: Only = "", as_json: Json = False) -> None:
    """Check this installation, from this host: settings, stores, programs, keys, queue.

    Each check is fine, or names what is wrong and how to fix it. The last one compares ledger,
    warehouse, archive and Dagster, after one was restored; with --repair, what differs is
    reconciled, and only that is checked. Without it, nothing is changed, and no mail is sent.
    Exits with 1 if there is something to do; warnings are not.
    """
    from alumniq_pipelines.cli.installation_check.check import is_healthy

    done = list[str]()
    try:
        settings = Settings()
        if repair:
            done, only = list(_repair(settings)), AGREEMENT
        results = _check(settings, only)
    except UNREADABLE as problem:
        if repair:
            raise
        results = [_unreadable(problem)]
    _show(done, results, as_json=as_json)
    if not is_healthy(results):
        raise typer.Exit(EXIT_TO_DO)


def _check(settings: Settings, only: str) -> "Sequence[CheckResult]":
    """Run the checks, with a spinner in a terminal; raises UnknownCheck and UnusableLedgerUrl."""
    from rich.console import Console

    from alumniq_pipelines.adapters.ledger.ledger import Ledger
    from alumniq_pipelines.cli.installation_check.catalog import CHECKS
    from alumniq_pipelines.cli.installation_check.check import CheckContext, chosen_checks
    from alumniq_pipelines.cli.installation_check.runner import run_checks

    names = [name.strip() for name in only.split(",") if name.strip()]
    checks = chosen_checks(CHECKS, settings, names)
    stderr = Console(stderr=True)
    progress = stderr.status("Checking ...") if stderr.is_terminal else nullcontext()
    with closing(Ledger.open(settings.ledger)) as ledger, progress:
        return run_checks(checks, CheckContext(settings=settings, ledger=ledger))


def _repair(settings: Settings) -> Sequence[str]:
    """Reconcile ledger, warehouse and archive; returns what was done."""
    from alumniq_pipelines.cli.installation_check.agreement import open_comparison

    with ledger_of(settings) as ledger:
        return open_comparison(settings, ledger).repair(operator(), datetime.now(UTC))


def _unreadable(problem: "Problem") -> "CheckResult":
    """Return the one result of an installation whose settings cannot be read."""
    from alumniq_pipelines.cli.installation_check.catalog import SETTINGS
    from alumniq_pipelines.cli.installation_check.check import CheckResult, Finding

    findings = [Finding.of_problem(problem)]
    return CheckResult(name=SETTINGS.name, title=SETTINGS.title, findings=findings)


def _show(done: Sequence[str], results: "Sequence[CheckResult]", *, as_json: bool) -> None:
    from alumniq_pipelines.cli.installation_check.check import to_json
    from alumniq_pipelines.cli.installation_check.display import print_results

    if as_json:
        print_json({"done": done, "checks": [to_json(result) for result in results]})
        return
    for sentence in done:
        typer.echo(sentence)
    print_results(stdout_console(), results)
