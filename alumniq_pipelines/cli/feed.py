"""`alumniq feed`: the feeds, and what a sender needs to know about each."""

from typing import Annotated

import typer

from alumniq_pipelines.cli.console import print_json, stdout_console
from alumniq_pipelines.cli.installation import catalog_of, feed_of
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.feeds.field_map import Column, FieldMap
from alumniq_pipelines.core.feeds.json_schema import descriptor, language_schema
from alumniq_pipelines.core.feeds.json_schema import package as package_of
from alumniq_pipelines.core.feeds.template import template as template_of
from alumniq_pipelines.core.feeds.values import format_value
from alumniq_pipelines.settings import Settings

feed = typer.Typer(
    help="Feeds: list them, show their rules, check field maps, print templates.",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="The feed's name, such as warehouse.")]


@feed.command("list")
def list_feeds(*, as_json: Json = False) -> None:
    """List the feeds by wave."""
    catalog = _catalog()
    if as_json:
        feeds = [
            {
                "name": field_map.name,
                "job": field_map.alumniq.job,
                "wave": field_map.alumniq.wave,
                "title": field_map.title,
                "columns": len(field_map.columns),
                "primary_key": field_map.table_schema.primary_key,
            }
            for field_map in catalog
        ]
        print_json(feeds)
        return
    from rich.table import Table

    table = Table()
    table.add_column("Feed", no_wrap=True)
    for heading in ("Wave", "Columns", "Key", "Title"):
        table.add_column(heading)
    for field_map in catalog:
        key = ", ".join(field_map.table_schema.primary_key)
        counts = (str(field_map.alumniq.wave), str(len(field_map.columns)))
        table.add_row(field_map.name, *counts, key, field_map.title)
    stdout_console().print(table)


@feed.command()
def show(name: Name, *, as_json: Json = False) -> None:
    """Show a feed: file format, columns, rules and references."""
    field_map = feed_of(Settings(), name)
    if as_json:
        print_json(descriptor(field_map))
        return
    from rich.markup import escape
    from rich.table import Table

    console = stdout_console()
    console.print(f"[bold]{escape(field_map.title)}[/bold]: {escape(field_map.description)}")
    ours, csv = field_map.alumniq, field_map.dialect.csv
    delimiter = {"\t": "tab"}.get(csv.delimiter, csv.delimiter)
    file_format = (
        f"Job {ours.job}, wave {ours.wave}. UTF-8 with a header row; "
        f"delimiter {delimiter} and quote {csv.quote_char}."
    )
    if ours.extension_columns:
        file_format += " Your own columns are accepted if their names end in __c."
    console.print(escape(file_format))
    table = Table()
    table.add_column("Column", no_wrap=True)
    for heading in ("Type", "Rules", "Example", "Description"):
        table.add_column(heading, overflow="fold")
    for column in field_map.columns:
        example = "" if column.example is None else format_value(column.example, column)
        rules = _rules(column, field_map)
        cells = (column.name, column.type, rules, example, column.description)
        table.add_row(*(escape(cell) for cell in cells))
    console.print(table)
    for key in field_map.table_schema.foreign_keys:
        reference = key.reference
        where = "".join(f", where {name} is {value}" for name, value in key.alumniq.where)
        line = (
            f"{', '.join(key.fields)} → {reference.resource or field_map.name}"
            f" ({', '.join(reference.fields)}{where}): {key.alumniq.severity}"
        )
        console.print(escape(line))


@feed.command()
def check(*, as_json: Json = False) -> None:
    """Check all field maps and list every fault, also between field maps.

    Exit code 0: all are valid; 1: at least one is broken.
    """
    from alumniq_pipelines.wiring import read_schemas

    catalog = read_schemas(Settings()).catalog
    if as_json:
        broken_feeds = [
            {
                "feed": broken.feed,
                "disabled": broken.feed in catalog.disabled,
                "faults": list(broken.faults),
            }
            for broken in catalog.broken.values()
        ]
        good = len(catalog.feeds.keys() - catalog.broken.keys())
        print_json({"good": good, "broken": broken_feeds})
    else:
        for broken in catalog.broken.values():
            state = "disabled" if broken.feed in catalog.disabled else "last good version in force"
            typer.echo(f"{broken.feed}: broken ({state})")
            for fault in broken.faults:
                typer.echo(f"  {fault}")
        if not catalog.broken:
            typer.echo(f"All {len(catalog.feeds)} field maps are valid.")
    raise typer.Exit(1 if catalog.broken else 0)


@feed.command()
def template(name: Name) -> None:
    """Print a CSV template of a feed: the header and sample rows."""
    catalog = _catalog()
    typer.echo(template_of(catalog.feed(name), catalog), nl=False)


@feed.command()
def package() -> None:
    """Print all feeds as one Frictionless Data Package, for public checking tools."""
    print_json(package_of(_catalog()))


@feed.command()
def schema() -> None:
    """Print the JSON Schema of field maps, for editors."""
    typer.echo(language_schema(), nl=False)


def _catalog() -> Catalog:
    return catalog_of(Settings())


def _rules(column: Column, field_map: FieldMap) -> str:
    """Return the rules of a column on one line."""
    constraints = column.constraints.model_dump(by_alias=True, exclude_defaults=True)
    constraints.pop("required", None)
    ours = column.alumniq.model_dump(by_alias=True, exclude_defaults=True)
    form = {} if column.format == "default" else {"format": column.format}
    parts = ["required"] if field_map.is_required(column) else []
    parts += [
        f"{key}: {_format_value(value)}" for key, value in {**form, **constraints, **ours}.items()
    ]
    return ", ".join(parts)


def _format_value(value: object) -> str:
    if isinstance(value, tuple):
        return " | ".join(str(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
