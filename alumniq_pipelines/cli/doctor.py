"""`alumniq doctor`: what ledger, warehouse, archive and Dagster disagree about, and what to do."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from alumniq_pipelines.cli.console import print_json
from alumniq_pipelines.cli.installation import ledger_of, operator
from alumniq_pipelines.settings import Settings

if TYPE_CHECKING:
    from alumniq_pipelines.core.loads.ledger_difference import Difference

EXIT_DIFFERENCES = 1

Repair = Annotated[
    bool, typer.Option("--repair", help="Reconcile what can be reconciled, then compare again.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def doctor(*, repair: Repair = False, as_json: Json = False) -> None:
    """Compare the ledger with the warehouse, the archive and Dagster, after one was restored.

    Exits with 1 if something is still to be reconciled; without --repair, nothing is changed.
    """
    from alumniq_pipelines.services.ledger_check import LedgerCheck
    from alumniq_pipelines.warehouse_wiring import open_warehouse
    from alumniq_pipelines.wiring import open_archive, staff_of

    settings, done = Settings(), list[str]()
    with ledger_of(settings) as ledger:
        check = LedgerCheck(
            ledger=ledger,
            warehouse=open_warehouse(settings),
            archive=open_archive(settings),
            versions_kept=settings.versions_kept,
            public_urls=settings.public_urls,
            staff=staff_of(settings),
            runs=ledger.unknown_runs.all(),
        )
        if repair:
            done = list(check.repair(operator(), datetime.now(UTC)))
        found = check.differences()
    if as_json:
        print_json({"done": done, "differences": [asdict(difference) for difference in found]})
    else:
        _show(done, found)
    if any(difference.is_open for difference in found):
        raise typer.Exit(EXIT_DIFFERENCES)


def _show(done: Sequence[str], found: "Sequence[Difference]") -> None:
    for sentence in done:
        typer.echo(sentence)
    if not found:
        typer.echo("Ledger, warehouse, archive and Dagster agree.")
    for difference in found:
        mark = "To do" if difference.is_open else "Note"
        typer.echo(f"\n{mark}: {difference.kind}: {difference.subject}")
        typer.echo(f"  {difference.detail}")
        typer.echo(f"  {difference.advice}")
