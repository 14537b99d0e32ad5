"""`alumniq customer signing-secret`: what a customer's receiver verifies callbacks with."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from alumniq_pipelines.cli.console import print_json
from alumniq_pipelines.cli.installation import ledger_of, operator
from alumniq_pipelines.core.notifications.signing import derive_secret
from alumniq_pipelines.settings import Settings

signing_secret = typer.Typer(
    help="Signing secrets: make a new one, or stop signing.", no_args_is_help=True
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
CustomerArgument = Annotated[str, typer.Argument(help="The customer's short name, such as iqu.")]
Hours = Annotated[
    float, typer.Option("--overlap-hours", min=0, help="How long the old secret signs as well.")
]


@signing_secret.command()
def rotate(customer: CustomerArgument, overlap_hours: Hours = 24, *, as_json: Json = False) -> None:
    """Make a signing secret and show it, this once; callbacks are signed with it from now on."""
    from alumniq_pipelines.wiring import ensure_signing_key

    settings, now = Settings(), datetime.now(UTC)
    with ledger_of(settings) as ledger:
        ledger.customers.get(customer)  # before a key is made for nobody
        key = ensure_signing_key(settings)
        overlap = timedelta(hours=overlap_hours)
        salt = ledger.signing.rotate(customer, now, overlap, actor=operator())
        live = ledger.signing.live(customer, now)
    secret = derive_secret(key, salt)
    if as_json:
        others = [other.expires_at for other in live if other.salt != salt.salt]
        print_json({"secret": secret, "others_expire_at": others})
        return
    typer.echo(secret)
    beside = f" The old secret signs beside it for {overlap_hours:g} hours." if live[1:] else ""
    typer.echo(
        f"Callbacks to {customer} are signed with it from now on.{beside} "
        "It is shown only now: hand it over safely.",
        err=True,
    )


@signing_secret.command()
def stop(customer: CustomerArgument, *, as_json: Json = False) -> None:
    """Sign a customer's callbacks no more, from now on."""
    with ledger_of(Settings()) as ledger:
        ledger.customers.get(customer)
        stopped = ledger.signing.stop(customer, datetime.now(UTC), actor=operator())
    if as_json:
        print_json({"stopped": stopped})
        return
    typer.echo(f"Callbacks to {customer} are{'' if stopped else ' as before'} not signed.")
