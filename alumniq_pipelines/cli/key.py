"""`alumniq key`: the API keys that customers call with, one environment each."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Annotated, Any

import typer

from alumniq_pipelines.cli.console import for_people, print_json, when
from alumniq_pipelines.cli.installation import known_feed, ledger_of, operator
from alumniq_pipelines.core.access.api_keys import OVERLAP, ApiKey, KeyScope
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.notifications.key_expiry import MadeBy
from alumniq_pipelines.core.notifications.recipients import check_emails
from alumniq_pipelines.core.problems.command import UnknownKey
from alumniq_pipelines.settings import Settings

key = typer.Typer(help="API keys: issue, list, rotate and revoke them.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Whose = Annotated[str, typer.Argument(help="The customer's short name, such as iqu.")]
Where = Annotated[Environment, typer.Argument(help="What the key opens.")]
Days = Annotated[int, typer.Option(min=1, max=3_650, help="Days until it expires.")]
Prefix = Annotated[str, typer.Argument(help="The key's first characters, as the list shows them.")]
Feeds = Annotated[
    list[str] | None, typer.Option("--feed", help="Only this feed; may be repeated. None: all.")
]
Networks = Annotated[
    list[str] | None, typer.Option("--network", help="Only from here (CIDR); may be repeated.")
]
Email = Annotated[str, typer.Option("--email", help="Whom to warn before it expires.")]
Overlap = Annotated[int, typer.Option(min=0, max=90, help="Days the old key goes on.")]
Only = Annotated[str | None, typer.Option("--customer", help="Only this customer's.")]


@key.command()
def issue(
    customer: Whose,
    environment: Where,
    days: Days = 365,
    feed: Feeds = None,
    network: Networks = None,
    email: Email = "",
    *,
    as_json: Json = False,
) -> None:
    """Make a key and show it, this once."""
    from alumniq_pipelines.services.key_issuance import KeyIssuance
    from alumniq_pipelines.wiring import staff_of

    settings = Settings()
    feeds = None if not feed else tuple(known_feed(settings, name) for name in feed)
    scope = KeyScope(feeds, tuple(_network(each) for each in network or ()), _checked(email))
    with ledger_of(settings) as ledger:
        secret, kept = KeyIssuance(ledger, staff_of(settings)).issue(
            customer, environment, datetime.now(UTC), days, scope=scope, actor=operator()
        )
    _show(secret, kept, as_json=as_json)


@key.command()
def rotate(
    prefix: Prefix, days: Days = 365, overlap: Overlap = OVERLAP.days, *, as_json: Json = False
) -> None:
    """Make a key that opens the same, and show it, this once; the old one goes on for a while."""
    from alumniq_pipelines.services.key_issuance import KeyIssuance
    from alumniq_pipelines.wiring import staff_of

    now, settings = datetime.now(UTC), Settings()
    with ledger_of(settings) as ledger:
        old = ledger.keys.get(prefix)
        if old is None:
            raise UnknownKey(prefix)
        secret, kept = KeyIssuance(ledger, staff_of(settings)).rotate(
            old,
            now,
            days,
            overlap=timedelta(days=overlap),
            made_by=MadeBy.STAFF,
            actor=operator(),
        )
    _show(secret, kept, as_json=as_json)


@key.command("list")
def list_keys(customer: Only = None, *, as_json: Json = False) -> None:
    """List keys, newest first: their first characters, never the whole."""
    now = datetime.now(UTC)
    with ledger_of(Settings()) as ledger:
        keys = ledger.keys.of(customer)
    if as_json:
        print_json([{**_told(each), "live": each.is_live(now)} for each in keys])
        return
    if not keys:
        typer.echo("No keys yet. Make one: alumniq key issue CUSTOMER qa")
        return
    from rich.table import Column, Table

    table = Table(Column("Key", no_wrap=True), "Customer", "Environment", "State", "Last used")
    for each in keys:
        used = when(each.last_used_at) or "never"
        table.add_row(each.prefix, each.customer, each.environment, _state(each, now), used)
    for_people().print(table)


@key.command()
def revoke(prefix: Prefix, *, as_json: Json = False) -> None:
    """Take a key out of use at once."""
    with ledger_of(Settings()) as ledger:
        if not ledger.keys.revoke(prefix, datetime.now(UTC), actor=operator()):
            raise UnknownKey(prefix)
    if as_json:
        print_json({"prefix": prefix, "revoked": True})
        return
    typer.echo(f"The key {prefix}… opens nothing any more.")


def _show(secret: str, kept: ApiKey, *, as_json: bool) -> None:
    if as_json:
        print_json({"key": secret, **_told(kept)})
        return
    typer.echo(secret)
    typer.echo(
        f"It opens {kept.customer}'s {kept.environment} until {kept.expires_at:%Y-%m-%d}. "
        "It is shown only now: hand it over safely.",
        err=True,
    )


def _network(text: str) -> str:
    try:
        return str(ip_network(text.strip()))
    except ValueError:
        message = f"{text!r} is not a network in CIDR form, such as 10.20.0.0/16."
        raise typer.BadParameter(message) from None


def _checked(email: str) -> str:
    if email:
        check_emails(email)
    return email


def _told(kept: ApiKey) -> dict[str, Any]:
    return {
        "prefix": kept.prefix,
        "customer": kept.customer,
        "environment": kept.environment,
        "created_at": kept.created_at,
        "expires_at": kept.expires_at,
        "revoked_at": kept.revoked_at,
        "last_used_at": kept.last_used_at,
        "feeds": kept.feeds,
        "networks": kept.networks,
        "email": kept.email,
        "replaced_by": kept.replaced_by,
    }


def _state(kept: ApiKey, now: datetime) -> str:
    if kept.revoked_at is not None:
        return f"revoked {kept.revoked_at:%Y-%m-%d}"
    if kept.replaced_by is not None and kept.is_live(now):
        return f"replaced, ends {kept.expires_at:%Y-%m-%d}"
    return f"{'live until' if kept.is_live(now) else 'expired'} {kept.expires_at:%Y-%m-%d}"
