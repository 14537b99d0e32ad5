"""`alumniq customer signing-secret`: the secret by which a customer verifies callbacks."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from alumniq_pipelines.cli.console import print_json
from alumniq_pipelines.cli.installation import ledger_of, operator
from alumniq_pipelines.core.notifications.signing import derive_secret
from alumniq_pipelines.settings import Settings

signing_secret = typer.Typer(
    help="Signing secrets for callbacks: create a new one, or stop signing.", no_args_is_help=True
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CustomerArgument = Annotated[str, typer.Argument(help="The customer's short name, such as iqu.")]
Hours = Annotated[
    float, typer.Option("--overlap-hours", min=0, help="How long the old secret stays valid.")
]


@signing_secret.command()
def rotate(customer: CustomerArgument, overlap_hours: Hours = 24, *, as_json: Json = False) -> None:
    """Create a signing secret and show it once; from now on it signs the customer's callbacks."""
    from alumniq_pipelines.wiring import ensure_signing_key

    settings, now = Settings(), datetime.now(UTC)
    with ledger_of(settings) as ledger:
        ledger.customers.get(customer)  # raises before a signing key is created for nothing
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
    beside = (
        f" The old secret also signs them for {overlap_hours:g} more hours." if live[1:] else ""
    )
    typer.echo(
        f"Callbacks to {customer} are signed with this secret from now on.{beside} "
        "It is shown only once: hand it over securely.",
        err=True,
    )


@signing_secret.command()
def stop(customer: CustomerArgument, *, as_json: Json = False) -> None:
    """Stop signing a customer's callbacks."""
    with ledger_of(Settings()) as ledger:
        ledger.customers.get(customer)
        stopped = ledger.signing.stop(customer, datetime.now(UTC), actor=operator())
    if as_json:
        print_json({"stopped": stopped})
        return
    if stopped:
        typer.echo(f"Callbacks to {customer} are no longer signed.")
    else:
        typer.echo(f"Callbacks to {customer} were not signed; nothing was changed.")
