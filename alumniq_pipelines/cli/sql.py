"""`alumniq sql`: run one SELECT over the tables of a customer's environment, for staff."""

import csv
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from math import isfinite
from typing import Annotated

import typer

from alumniq_pipelines.cli.console import print_json, stdout_console
from alumniq_pipelines.cli.installation import ledger_of, operator
from alumniq_pipelines.core.problems.command import UnusableQuery
from alumniq_pipelines.core.problems.query import QueryTooSlow
from alumniq_pipelines.settings import Settings

MAX_SHOWN = 100
"""Rows printed as a table; --json and --csv print all."""


def sql(
    customer: Annotated[str, typer.Argument(help="The customer's short name, such as iqu.")],
    environment: Annotated[str, typer.Argument(help="qa or production.")],
    query: Annotated[
        str, typer.Argument(help='One SELECT, such as "select * from warehouse limit 5".')
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, an object per row.")] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV; null becomes an empty field.")
    ] = False,
) -> None:
    """Query the live tables of a customer's environment: one per feed, and _versions.

    The query is read-only and cannot reach anything outside the environment. Use the SQL of the
    warehouse: DuckDB's or PostgreSQL's. Each query is recorded in the audit trail by its SHA-256;
    if that fails, no rows are shown.
    """
    if as_json and as_csv:
        message = "Use either --json or --csv."
        raise typer.BadParameter(message)
    max_rows = None if as_json or as_csv else MAX_SHOWN + 1
    names, rows = _query(customer, environment, query, max_rows)
    if as_json:
        keys = _distinct(names)
        cells = ([_json_cell(cell) for cell in row] for row in rows)
        print_json([dict(zip(keys, row, strict=True)) for row in cells])
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([None if cell is None else _text(cell) for cell in row] for row in rows)
    else:
        _show(names, rows)


def _query(
    customer: str, environment: str, query: str, max_rows: int | None
) -> tuple[Sequence[str], Sequence[tuple[object, ...]]]:
    """Run a query, and record in the audit trail who ran it before any row is shown.

    The text may contain customers' values, so only its SHA-256 is recorded.
    """
    from alumniq_pipelines.warehouse_wiring import open_warehouse

    settings = Settings()
    subject = f"{customer}/{environment}"
    detail: dict[str, str | int] = {
        "query_sha256": sha256(query.encode(errors="surrogateescape")).hexdigest()
    }
    with ledger_of(settings) as ledger:
        try:
            names, rows = open_warehouse(settings).query(customer, environment, query, max_rows)
        except (UnusableQuery, QueryTooSlow) as problem:
            detail["problem"] = problem.code
            ledger.audit.add(operator(), "query refused", subject, datetime.now(UTC), detail=detail)
            raise
        detail["rows"] = len(rows)
        ledger.audit.add(operator(), "rows queried", subject, datetime.now(UTC), detail=detail)
    return names, rows


def _show(names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows as a table: numbers aligned right, null dimmed, at most MAX_SHOWN rows."""
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for position, name in enumerate(names):
        value_types = {type(row[position]) for row in rows} - {type(None)}
        numeric = bool(value_types) and value_types <= {int, float, Decimal}
        table.add_column(escape(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows[:MAX_SHOWN]:
        table.add_row(*("[dim]null[/dim]" if cell is None else escape(_text(cell)) for cell in row))
    console = stdout_console()
    console.print(table)
    if len(rows) > MAX_SHOWN:
        console.print(f"These are the first {MAX_SHOWN} rows; use --csv or --json to print all.")


def _json_cell(value: object) -> object:
    """Return a value that JSON has; dates, decimals, infinities and the rest become text."""
    known = value is None or isinstance(value, bool | int | str)
    finite = isinstance(value, float) and isfinite(value)
    return value if known or finite else _text(value)


def _text(value: object) -> str:
    """Return a value as text; a decimal with all its digits, and never as 1E-7."""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _distinct(names: Sequence[str]) -> Sequence[str]:
    """Number repeated names, since a JSON object has each key once."""
    keys: list[str] = []
    for name in names:
        repeats = (f"{name}_{number}" for number in range(1, len(names) + 1))
        keys.append(next(candidate for candidate in (name, *repeats) if candidate not in keys))
    return keys
