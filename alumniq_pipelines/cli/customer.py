"""`alumniq customer`: the institutions that deliver files, each with its own bucket."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, assert_never

import typer

from alumniq_pipelines.cli.console import print_json, stdout_console
from alumniq_pipelines.cli.installation import ledger_of, operator
from alumniq_pipelines.core.loads.bucket import folder_of
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.problems.command import BucketTaken
from alumniq_pipelines.core.shell import alumniq_command
from alumniq_pipelines.settings import Settings

customer = typer.Typer(
    help="Customers: add and list them, manage their signing secrets.", no_args_is_help=True
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Id = Annotated[str, typer.Argument(help="A short name for paths and partitions, such as iqu.")]
Name = Annotated[str, typer.Option(help="The full name of the institution.")]
Bucket = Annotated[str, typer.Option(help="The name of its bucket. Default: alumniq-ID.")]


@customer.command()
def add(customer_id: Id, name: Name, bucket: Bucket = "", *, as_json: Json = False) -> None:
    """Add a customer and create its bucket."""
    from alumniq_pipelines.wiring import open_buckets

    settings = Settings()
    added = Customer(customer_id, name, bucket or f"alumniq-{customer_id}")
    if added.bucket == settings.archive_bucket:
        raise BucketTaken(added.bucket)
    with ledger_of(settings) as ledger:
        ledger.customers.check_new(added)
        # The bucket first: creating it is harmless to repeat, so no customer is ever without one.
        open_buckets(settings).create(added.bucket)
        ledger.customers.add(added, datetime.now(UTC), actor=operator())
    folders = {env: _delivery_folder(settings, added.bucket, env) for env in Environment}
    if as_json:
        print_json({**asdict(added), "folders": folders})
        return
    typer.echo(f"Added {added.name} as customer {added.id}. Its files are delivered to:")
    for environment, folder in folders.items():
        typer.echo(f"  {environment:<11} {folder}")
    typer.echo(
        f"Next, issue an API key: {alumniq_command('key', 'issue', added.id, Environment.QA)}"
    )


@customer.command("list")
def list_customers(*, as_json: Json = False) -> None:
    """List the customers by id."""
    with ledger_of(Settings()) as ledger:
        customers = ledger.customers.all()
    if as_json:
        print_json([asdict(entry) for entry in customers])
        return
    if not customers:
        typer.echo(
            'No customers yet. To add one, run: alumniq customer add iqu --name "IQ University"'
        )
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table("Customer", "Name", "Bucket")
    for entry in customers:
        table.add_row(entry.id, escape(entry.name), entry.bucket)
    stdout_console().print(table)


def _delivery_folder(settings: Settings, bucket: str, environment: Environment) -> str:
    """Return the folder to which an environment's files are delivered."""
    match settings.bucket:
        case "folder":
            return f"{settings.buckets_dir / bucket / folder_of(environment)}/"
        case "s3":
            return f"s3://{bucket}/{folder_of(environment)}"
    assert_never(settings.bucket)
