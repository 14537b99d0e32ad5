"""`alumniq customer`: the institutions that deliver, each with a bucket of its own."""

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

customer = typer.Typer(help="Customers: add and list them.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Id = Annotated[str, typer.Argument(help="Its short name in paths and partitions, such as iqu.")]
Name = Annotated[str, typer.Option(help="The institution's name, as people write it.")]
Bucket = Annotated[str, typer.Option(help="Its bucket; alumniq-ID where nothing is said.")]


@customer.command()
def add(customer_id: Id, name: Name, bucket: Bucket = "", *, as_json: Json = False) -> None:
    """Keep a new customer and make its bucket."""
    from alumniq_pipelines.wiring import open_buckets

    settings = Settings()
    added = Customer(customer_id, name, bucket or f"alumniq-{customer_id}")
    if added.bucket == settings.archive_bucket:
        raise BucketTaken(added.bucket)
    with ledger_of(settings) as ledger:
        ledger.customers.check_new(added)
        # The bucket first: making it is harmless to repeat, and no customer stands without one.
        open_buckets(settings).create(added.bucket)
        ledger.customers.add(added, datetime.now(UTC), actor=operator())
    folders = {env: _delivery_folder(settings, added.bucket, env) for env in Environment}
    if as_json:
        print_json({**asdict(added), "folders": folders})
        return
    typer.echo(f"{added.name} is customer {added.id}. Its files go to:")
    for environment, folder in folders.items():
        typer.echo(f"  {environment:<11} {folder}")
    typer.echo(f"Next, give it a key: {alumniq_command('key', 'issue', added.id, Environment.QA)}")


@customer.command("list")
def list_customers(*, as_json: Json = False) -> None:
    """List the customers by id."""
    with ledger_of(Settings()) as ledger:
        customers = ledger.customers.all()
    if as_json:
        print_json([asdict(entry) for entry in customers])
        return
    if not customers:
        typer.echo('No customers yet. Make one: alumniq customer add iqu --name "IQ University"')
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table("Customer", "Name", "Bucket")
    for entry in customers:
        table.add_row(entry.id, escape(entry.name), entry.bucket)
    stdout_console().print(table)


def _delivery_folder(settings: Settings, bucket: str, environment: Environment) -> str:
    """Say where an environment's files are delivered to."""
    match settings.bucket:
        case "folder":
            return f"{settings.buckets_dir / bucket / folder_of(environment)}/"
        case "s3":
            return f"s3://{bucket}/{folder_of(environment)}"
    assert_never(settings.bucket)
