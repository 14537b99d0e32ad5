"""`alumniq version`: what was published of a target and is kept, and going back to it."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from alumniq_pipelines.cli.console import for_people, print_json, when
from alumniq_pipelines.cli.installation import ledger_of, operator
from alumniq_pipelines.core.field_map import FieldMap
from alumniq_pipelines.core.problems.command import NoOlderVersion
from alumniq_pipelines.core.shell import alumniq_command
from alumniq_pipelines.core.target import Environment, Target
from alumniq_pipelines.core.warehouse import Version
from alumniq_pipelines.settings import Settings

version = typer.Typer(help="Published versions: list them, roll back.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Whose = Annotated[str, typer.Argument(help="The customer's short name, such as iqu.")]
Where = Annotated[Environment, typer.Argument(help="The environment.")]
Feed = Annotated[str, typer.Argument(help="The feed's name, such as warehouse.")]
Number = Annotated[
    int | None, typer.Option("--to", help="The version, older or newer; else the next older one.")
]


@version.command("list")
def list_versions(
    customer: Whose, environment: Where, feed: Feed, *, as_json: Json = False
) -> None:
    """List the versions kept, newest first; readers see the live one."""
    from alumniq_pipelines.warehouses import open_warehouse

    settings = Settings()
    target = Target(customer, environment, _field_map(settings, customer, feed).name)
    warehouse = open_warehouse(settings)
    live, kept = warehouse.live(target), warehouse.versions(target)
    if as_json:
        print_json([_told(each, live) for each in kept])
        return
    if not kept:
        typer.echo(f"Nothing has been published of {target}.")
        return
    from rich.table import Table

    table = Table("", "Version", "Published", "Rows", "Load", "File's SHA-256")
    for each in kept:
        mark = "live" if each == live else ""
        row = mark, str(each.number), when(each.published_at), f"{each.rows:,}", each.job_id
        table.add_row(*row, each.sha256[:12])
    for_people().print(table)


@version.command()
def rollback(
    customer: Whose,
    environment: Where,
    feed: Feed,
    to: Number = None,
    *,
    as_json: Json = False,
) -> None:
    """Let readers see another version that is kept; undone by --to the one that was live.

    The next load is published as ever. It stands in the audit trail and among the asset's events.
    """
    from alumniq_pipelines.defs.moves import report_move
    from alumniq_pipelines.warehouses import open_warehouse

    settings, now = Settings(), datetime.now(UTC)
    field_map = _field_map(settings, customer, feed)
    target, warehouse = Target(customer, environment, field_map.name), open_warehouse(settings)
    before = warehouse.live(target)
    number = to if to is not None else _next_older(target, warehouse.versions(target), before)
    with ledger_of(settings) as ledger:
        live = warehouse.make_live(target, number, now)
        detail = {"from": before.number if before else 0, "to": live.number}
        ledger.audit.add(operator(), "version.rollback", str(target), now, detail=detail)
    report_move(settings, field_map, live, detail["from"])
    if as_json:
        print_json(_told(live, live))
        return
    typer.echo(f"Readers of {target} now see version {live.number}, {live.rows:,} rows.")
    undo = "version", "rollback", customer, environment, feed, "--to", detail["from"]
    typer.echo(f"Undo: {alumniq_command(*undo)}")


def _field_map(settings: Settings, customer: str, feed: str) -> FieldMap:
    """Find the feed; raises UnknownCustomer and UnknownFeed."""
    from alumniq_pipelines.adapters.field_maps import read_catalog

    with ledger_of(settings) as ledger:
        ledger.customers.get(customer)
    return read_catalog(settings.schemas_dir).feed(feed)


def _next_older(target: Target, kept: Sequence[Version], live: Version | None) -> int:
    """Choose the newest version below the live one; raises NoOlderVersion."""
    numbers = [each.number for each in kept]
    older = [number for number in numbers if live is not None and number < live.number]
    if not older:
        raise NoOlderVersion(str(target), numbers)
    return max(older)


def _told(each: Version, live: Version | None) -> dict[str, Any]:
    told = asdict(each)
    target = told.pop("target")
    return {**target, **told, "live": each == live}
