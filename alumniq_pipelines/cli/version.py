"""`alumniq version`: the published versions of a feed, and rolling back to one of them."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alumniq_pipelines.cli.console import format_time, print_json, stdout_console
from alumniq_pipelines.cli.installation import known_feed, ledger_of, operator
from alumniq_pipelines.core.loads.baseline import ROLLBACK
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Version, Warehouse
from alumniq_pipelines.core.problems.command import NoOlderVersion, UnknownVersion
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable
from alumniq_pipelines.core.problems.rollback import MoveInterrupted, MoveNotRecorded
from alumniq_pipelines.core.shell import alumniq_command
from alumniq_pipelines.settings import Settings

if TYPE_CHECKING:
    from alumniq_pipelines.adapters.ledger.ledger import Ledger

version = typer.Typer(help="Published versions: list them, roll back to one.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CustomerArgument = Annotated[str, typer.Argument(help="The customer's short name, such as iqu.")]
EnvironmentArgument = Annotated[Environment, typer.Argument(help="qa or production.")]
Feed = Annotated[str, typer.Argument(help="The feed's name, such as warehouse.")]
Number = Annotated[
    int | None,
    typer.Option(
        "--to", help="The version to make live, older or newer. Default: the next older one."
    ),
]


@version.command("list")
def list_versions(
    customer: CustomerArgument,
    environment: EnvironmentArgument,
    feed: Feed,
    *,
    as_json: Json = False,
) -> None:
    """List the stored versions, newest first; readers see the live one."""
    from alumniq_pipelines.warehouse_wiring import open_warehouse

    settings = Settings()
    target = _target(settings, customer, environment, feed)
    warehouse = open_warehouse(settings)
    live, versions = warehouse.live(target), warehouse.versions(target)
    if as_json:
        print_json([_version_to_json(stored_version, live) for stored_version in versions])
        return
    if not versions:
        typer.echo(f"Nothing has been published for {target} yet.")
        return
    from rich.table import Table

    table = Table("", "Version", "Published", "Rows", "Load", "SHA-256 of the file")
    for stored_version in versions:
        mark = "live" if stored_version == live else ""
        row = (
            mark,
            str(stored_version.number),
            format_time(stored_version.published_at),
            f"{stored_version.rows:,}",
            stored_version.job_id,
        )
        table.add_row(*row, stored_version.sha256[:12])
    stdout_console().print(table)


@version.command()
def rollback(
    customer: CustomerArgument,
    environment: EnvironmentArgument,
    feed: Feed,
    to: Number = None,
    *,
    as_json: Json = False,
) -> None:
    """Make another stored version live; undo it by --to with the version that was live.

    The next load is published as usual. The rollback is recorded in the audit trail, from which
    Dagster adds it to the events of the asset.
    """
    from alumniq_pipelines.warehouse_wiring import open_warehouse

    settings = Settings()
    target = _target(settings, customer, environment, feed)
    warehouse = open_warehouse(settings)
    before, versions = warehouse.live(target), warehouse.versions(target)
    number = _next_older(target, versions, before) if to is None else to
    numbers = [stored_version.number for stored_version in versions]
    if before is None or number not in numbers:
        raise UnknownVersion(str(target), number, numbers)
    # Everything that can fail is opened before the switch: a failed command has changed nothing.
    with ledger_of(settings) as ledger:
        live = _switch_live_version(ledger, warehouse, before, number)
    if as_json:
        print_json({**_version_to_json(live, live), "was_live": before.number})
        return
    if live.number == before.number:
        typer.echo(f"Version {live.number} of {target} is already live; nothing was changed.")
        return
    typer.echo(
        f"{target}: version {before.number} ({before.rows:,} rows) was live; version "
        f"{live.number} ({live.rows:,} rows) is live now."
    )
    undo = alumniq_command(
        "version", "rollback", customer, environment, feed, "--to", before.number
    )
    typer.echo(f"To undo this, run: {undo}")
    if to is None:
        typer.echo("To go back one version further, run the same command again without --to.")


def _switch_live_version(
    ledger: "Ledger", warehouse: Warehouse, before: Version, number: int
) -> Version:
    """Switch the live version, between two entries of the audit trail.

    The first proves that the trail can be written before anything is changed; the second records
    that the switch was made.
    """
    target, now, actor = before.target, datetime.now(UTC), operator()
    detail, subject = {"from": before.number, "to": number}, str(target)
    if number != before.number:
        ledger.audit.add(actor, "version.rollback requested", subject, now, detail=detail)
    try:
        # If the version is live already, this completes an interrupted switch.
        live = warehouse.make_live(target, number, now)
    except WarehouseUnavailable as problem:
        raise MoveInterrupted(subject, number, str(problem)) from None
    if number == before.number:
        return live
    done: dict[str, str | int] = {
        **detail,
        "rows": live.rows,
        "relation": live.relation,
        "job_id": live.job_id,
    }
    try:
        ledger.audit.add(actor, ROLLBACK, subject, now, detail=done)
    except Exception as fault:  # noqa: BLE001 - whatever it is, the version was switched
        unrecorded = MoveNotRecorded(subject, live.number, type(fault).__name__)
        typer.echo(f"Warning: {unrecorded}", err=True)
    return live


def _target(settings: Settings, customer: str, environment: Environment, feed: str) -> Target:
    """Return the target; raises UnknownCustomer and UnknownFeed."""
    with ledger_of(settings) as ledger:
        ledger.customers.get(customer)
    return Target(customer, environment, known_feed(settings, feed))


def _next_older(target: Target, versions: Sequence[Version], live: Version | None) -> int:
    """Return the number of the newest version older than the live one; raises NoOlderVersion."""
    numbers = [stored_version.number for stored_version in versions]
    older = [number for number in numbers if live is not None and number < live.number]
    if not older:
        raise NoOlderVersion(str(target), numbers)
    return max(older)


def _version_to_json(stored_version: Version, live: Version | None) -> dict[str, Any]:
    fields = asdict(stored_version)
    target = fields.pop("target")
    return {**target, **fields, "live": stored_version == live}
