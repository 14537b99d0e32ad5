"""`alumniq staff`: the accounts of staff, who see all customers on the web pages."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from alumniq_pipelines.cli.console import format_time, print_json, stdout_console
from alumniq_pipelines.cli.installation import ledger_of, operator
from alumniq_pipelines.core.problems.command import ShortPassword, UnknownStaff, UnusableStaffName
from alumniq_pipelines.settings import Settings

staff = typer.Typer(
    help="Staff accounts for the web pages: add, list and disable them.", no_args_is_help=True
)

MIN_PASSWORD_LENGTH = 12
"""NIST SP 800-63B asks for 8; these accounts can see every customer."""
MAX_NAME_LENGTH = 100

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[
    str, typer.Argument(help="The name to sign in with, for example an e-mail address.")
]
Password = Annotated[
    str,
    typer.Option(
        prompt=True,
        confirmation_prompt=True,
        hide_input=True,
        envvar="ALUMNIQ_STAFF_PASSWORD",
        help="The password; prompted for if omitted.",
    ),
]


@staff.command()
def add(name: Name, password: Password, *, as_json: Json = False) -> None:
    """Create an account, or set a new password and sign the account out everywhere."""
    from alumniq_pipelines.adapters.passwords import hash_password

    if not name.strip() or not name.isprintable() or len(name) > MAX_NAME_LENGTH:
        raise UnusableStaffName(MAX_NAME_LENGTH)
    if len(password) < MIN_PASSWORD_LENGTH:
        raise ShortPassword(MIN_PASSWORD_LENGTH)
    settings = Settings()
    with ledger_of(settings) as ledger:
        hashed = hash_password(password)
        ledger.staff.set(name.strip(), hashed, datetime.now(UTC), actor=operator())
    if as_json:
        print_json({"name": name.strip()})
        return
    typer.echo(f"{name.strip()} can sign in at {settings.gateway_url}/sign-in.")


@staff.command("list")
def list_accounts(*, as_json: Json = False) -> None:
    """List the accounts by name."""
    with ledger_of(Settings()) as ledger:
        accounts = ledger.staff.all()
    if as_json:
        print_json([asdict(account) for account in accounts])
        return
    if not accounts:
        typer.echo("No accounts yet. To create one, run: alumniq staff add NAME")
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table("Name", "Since", "Disabled")
    for account in accounts:
        table.add_row(
            escape(account.name), format_time(account.created_at), format_time(account.disabled_at)
        )
    stdout_console().print(table)


@staff.command()
def disable(name: Name, *, as_json: Json = False) -> None:
    """Disable an account and end its sessions."""
    with ledger_of(Settings()) as ledger:
        if not ledger.staff.disable(name, datetime.now(UTC), actor=operator()):
            raise UnknownStaff(name)
    if as_json:
        print_json({"name": name, "disabled": True})
        return
    typer.echo(f"{name} can no longer sign in.")
