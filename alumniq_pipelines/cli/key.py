"""`alumniq key`: the API keys of customers, each for one environment."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Annotated, Any

import typer

from alumniq_pipelines.cli.console import format_time, print_json, stdout_console
from alumniq_pipelines.cli.installation import known_feed, ledger_of, operator
from alumniq_pipelines.core.access.api_keys import OVERLAP, ApiKey, KeyScope
from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.notifications.key_expiry import MadeBy
from alumniq_pipelines.core.notifications.recipients import check_emails
from alumniq_pipelines.core.problems.command import UnknownKey
from alumniq_pipelines.settings import Settings

key = typer.Typer(help="API keys: issue, list, rotate and revoke them.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CustomerArgument = Annotated[str, typer.Argument(help="The customer's short name, such as iqu.")]
EnvironmentArgument = Annotated[Environment, typer.Argument(help="qa or production.")]
Days = Annotated[int, typer.Option(min=1, max=3_650, help="Days until the key expires.")]
Prefix = Annotated[str, typer.Argument(help="The first characters of the key, as in the list.")]
Feeds = Annotated[
    list[str] | None,
    typer.Option("--feed", help="Allow only this feed. Repeatable. Default: all feeds."),
]
Networks = Annotated[
    list[str] | None,
    typer.Option("--network", help="Allow calls only from this network (CIDR). Repeatable."),
]
Email = Annotated[str, typer.Option("--email", help="The address to warn before the key expires.")]
Overlap = Annotated[
    int, typer.Option(min=0, max=90, help="Days for which the old key stays valid.")
]
CustomerOption = Annotated[str | None, typer.Option("--customer", help="Only this customer.")]


@key.command()
def issue(
    customer: CustomerArgument,
    environment: EnvironmentArgument,
    days: Days = 365,
    feed: Feeds = None,
    network: Networks = None,
    email: Email = "",
    *,
    as_json: Json = False,
) -> None:
    """Issue a key and show it once."""
    from alumniq_pipelines.services.key_issuance import KeyIssuance
    from alumniq_pipelines.wiring import staff_of

    settings = Settings()
    feeds = None if not feed else tuple(known_feed(settings, name) for name in feed)
    if email:
        check_emails(email, "--email")
    scope = KeyScope(feeds, tuple(_network(text) for text in network or ()), email)
    with ledger_of(settings) as ledger:
        secret, api_key = KeyIssuance(ledger, staff_of(settings)).issue(
            customer, environment, datetime.now(UTC), days, scope=scope, actor=operator()
        )
    _show(secret, api_key, settings.public_urls, as_json=as_json)


@key.command()
def rotate(
    prefix: Prefix, days: Days = 365, overlap: Overlap = OVERLAP.days, *, as_json: Json = False
) -> None:
    """Replace a key by a new one of the same scope, shown once; the old one ends after a while."""
    from alumniq_pipelines.services.key_issuance import KeyIssuance
    from alumniq_pipelines.wiring import staff_of

    now, settings = datetime.now(UTC), Settings()
    with ledger_of(settings) as ledger:
        old = ledger.keys.get(prefix)
        if old is None:
            raise UnknownKey(prefix)
        secret, api_key = KeyIssuance(ledger, staff_of(settings)).rotate(
            old,
            now,
            days,
            overlap=timedelta(days=overlap),
            made_by=MadeBy.STAFF,
            actor=operator(),
        )
    _show(secret, api_key, settings.public_urls, as_json=as_json)


@key.command("list")
def list_keys(customer: CustomerOption = None, *, as_json: Json = False) -> None:
    """List keys, newest first, by their first characters."""
    now = datetime.now(UTC)
    with ledger_of(Settings()) as ledger:
        keys = ledger.keys.of(customer)
    if as_json:
        print_json([{**_key_to_json(api_key), "live": api_key.is_live(now)} for api_key in keys])
        return
    if not keys:
        typer.echo("No keys yet. To issue one, run: alumniq key issue CUSTOMER qa")
        return
    from rich.table import Column, Table

    table = Table(Column("Key", no_wrap=True), "Customer", "Environment", "State", "Last used")
    for api_key in keys:
        used = format_time(api_key.last_used_at) or "never"
        table.add_row(
            api_key.prefix, api_key.customer, api_key.environment, _state(api_key, now), used
        )
    stdout_console().print(table)


@key.command()
def revoke(prefix: Prefix, *, as_json: Json = False) -> None:
    """Revoke a key; it stops working at once."""
    with ledger_of(Settings()) as ledger:
        if not ledger.keys.revoke(prefix, datetime.now(UTC), actor=operator()):
            raise UnknownKey(prefix)
    if as_json:
        print_json({"prefix": prefix, "revoked": True})
        return
    typer.echo(f"The key {prefix}… is revoked.")


def _show(secret: str, api_key: ApiKey, public_urls: PublicUrls, *, as_json: bool) -> None:
    url = public_urls.of(api_key.environment)
    if as_json:
        print_json({"key": secret, "url": url, **_key_to_json(api_key)})
        return
    typer.echo(secret)
    typer.echo(
        f"This key is valid for {api_key.customer}, {api_key.environment}, until "
        f"{api_key.expires_at:%Y-%m-%d %H:%M} UTC, at {url}. It is shown only once: hand it over "
        "securely.",
        err=True,
    )


def _network(text: str) -> str:
    try:
        return str(ip_network(text.strip()))
    except ValueError:
        message = f"{text!r} is not a network in CIDR notation, such as 10.20.0.0/16."
        raise typer.BadParameter(message) from None


def _key_to_json(api_key: ApiKey) -> dict[str, Any]:
    return {
        "prefix": api_key.prefix,
        "customer": api_key.customer,
        "environment": api_key.environment,
        "created_at": api_key.created_at,
        "expires_at": api_key.expires_at,
        "revoked_at": api_key.revoked_at,
        "last_used_at": api_key.last_used_at,
        "feeds": api_key.feeds,
        "networks": api_key.networks,
        "email": api_key.email,
        "replaced_by": api_key.replaced_by,
    }


def _state(api_key: ApiKey, now: datetime) -> str:
    if api_key.revoked_at is not None:
        return f"revoked {api_key.revoked_at:%Y-%m-%d %H:%M} UTC"
    if api_key.replaced_by is not None and api_key.is_live(now):
        return f"replaced, ends {api_key.expires_at:%Y-%m-%d %H:%M} UTC"
    state = "live until" if api_key.is_live(now) else "expired"
    return f"{state} {api_key.expires_at:%Y-%m-%d %H:%M} UTC"
