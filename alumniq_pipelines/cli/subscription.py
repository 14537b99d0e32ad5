"""`alumniq subscription`: the terms on which a customer sends a feed."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from alumniq_pipelines.cli.console import print_json
from alumniq_pipelines.cli.installation import feed_of, known_feed, ledger_of, operator
from alumniq_pipelines.core.feeds.column_spellings import is_extension_name
from alumniq_pipelines.core.feeds.did_you_mean import did_you_mean
from alumniq_pipelines.core.feeds.field_map import Threshold
from alumniq_pipelines.core.loads.customer import Subscription
from alumniq_pipelines.core.loads.diff import KINDS
from alumniq_pipelines.core.loads.losses import format_points
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.problems.holding import UnusableThreshold
from alumniq_pipelines.settings import Settings

subscription = typer.Typer(
    help="Subscriptions: which feeds a customer sends, and on which terms.", no_args_is_help=True
)

CustomerId = Annotated[str, typer.Argument(help="The customer's short name, such as iqu.")]
EnvironmentArgument = Annotated[Environment, typer.Argument(help="qa or production.")]
Feed = Annotated[str, typer.Argument(help="The feed's name, such as warehouse.")]
MaxRejected = Annotated[
    int | None,
    typer.Option(min=0, help="Publish the accepted rows if at most this many rows are rejected."),
]
Holds = Annotated[
    list[str] | None,
    typer.Option(
        "--hold",
        metavar="KIND=LIMIT",
        help="Hold loads that change more than this. KIND: added, changed or removed; LIMIT: "
        "10%, 500 (rows) or never. Or fill=20, or fill.COLUMN=20: by how many points the share of "
        "filled rows of a column may fall; never: held only if it loses all its values. "
        "Repeatable.",
    ),
]
Standard = Annotated[
    bool,
    typer.Option("--standard", help="Reset to the field map's terms before applying the options."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

LIMIT = re.compile(
    r"(?P<kind>added|changed|removed)=(?:(?P<percent>\d+(?:\.\d+)?)%|(?P<rows>\d+)|never)"
)
FILL = re.compile(r"fill(?:\.(?P<column>.+?))?\s*=\s*(?:(?P<points>\d+(?:\.\d+)?)|never)")
MAX_PERCENT = 100


@subscription.command("set")
def set_terms(
    customer: CustomerId,
    environment: EnvironmentArgument,
    feed: Feed,
    max_rejected: MaxRejected = None,
    hold: Holds = None,
    *,
    standard: Standard = False,
    as_json: Json = False,
) -> None:
    """Subscribe a customer to a feed, or change its terms; omitted options keep their value."""
    settings = Settings()
    target = Target(customer, environment, known_feed(settings, feed))
    limits = [limit.strip() for limit in hold or ()]
    fills = [limit for limit in limits if limit.startswith("fill")]
    own = thresholds_in([limit for limit in limits if limit not in fills])
    fill, fill_of = fill_in(fills)
    if fill_of:
        _check_columns(fill_of, settings, feed)
    with ledger_of(settings) as ledger:
        known = None if standard else ledger.customers.subscription(target)
        terms = known or Subscription(target)
        terms = replace(
            terms,
            thresholds={**terms.thresholds, **own},
            fill=terms.fill if fill is None else fill,
            fill_of={**terms.fill_of, **fill_of},
        )
        if max_rejected is not None:
            terms = replace(terms, max_rejected=max_rejected)
        ledger.customers.subscribe(terms, datetime.now(UTC), actor=operator())
    if as_json:
        print_json(_to_json(terms))
    else:
        typer.echo(_line(terms))


@subscription.command("list")
def list_subscriptions(*, as_json: Json = False) -> None:
    """List subscriptions and the terms that differ from the field map's."""
    with ledger_of(Settings()) as ledger:
        found = ledger.customers.subscriptions()
    if as_json:
        print_json([_to_json(entry) for entry in found])
    else:
        typer.echo("\n".join(map(_line, found)) or "No subscriptions yet.")


def thresholds_in(limits: Sequence[str]) -> Mapping[str, Threshold]:
    """Parse `removed=25%`, `added=5000`, `changed=never`; raises UnusableThreshold.

    One kind may have both a percentage and a number of rows.
    """
    found: dict[str, Threshold] = {}
    for limit in limits:
        match = LIMIT.fullmatch(limit.replace(" ", ""))
        if match is None or float(match["percent"] or 0) > MAX_PERCENT:
            raise UnusableThreshold(limit)
        percent = None if match["percent"] is None else float(match["percent"])
        rows = None if match["rows"] is None else int(match["rows"])
        before = found.get(match["kind"], Threshold())
        found[match["kind"]] = Threshold(
            percent=before.percent if percent is None else percent,
            rows=before.rows if rows is None else rows,
        )
    return found


def fill_in(limits: Sequence[str]) -> tuple[float | None, Mapping[str, float]]:
    """Parse `fill=20`, `fill.emailAddress=5` and `fill=never`; raises UnusableThreshold.

    Return the points for any column, None if there are none, and those for single columns.
    """
    fill: float | None = None
    fill_of: dict[str, float] = {}
    for limit in limits:
        match = FILL.fullmatch(limit)
        # A share cannot fall by more than all of it.
        points = float(match["points"] or MAX_PERCENT) if match else MAX_PERCENT + 1
        if match is None or points > MAX_PERCENT:
            raise UnusableThreshold(limit)
        if match["column"] is None:
            fill = points
        else:
            fill_of[match["column"]] = points
    return fill, fill_of


def _check_columns(names: Iterable[str], settings: Settings, feed: str) -> None:
    """Raise typer.BadParameter for a column that the feed does not have."""
    field_map = feed_of(settings, feed)
    known = [column.name for column in field_map.columns]
    for name in names:
        is_own = field_map.alumniq.extension_columns and is_extension_name(name)
        if name not in known and not is_own:
            meant = did_you_mean(name, known, "its field map lists all.")
            message = f"--hold fill.{name}: {feed} has no such column; {meant}"
            raise typer.BadParameter(message)


def _line(terms: Subscription) -> str:
    parts = []
    if terms.max_rejected is not None:
        parts.append(f"at most {terms.max_rejected:,} rejected rows")
    for kind in KINDS:
        if kind in terms.thresholds:
            threshold = terms.thresholds[kind]
            limits = [f"{threshold.percent:g} %"] if threshold.percent is not None else []
            limits += [f"{threshold.rows:,} rows"] if threshold.rows is not None else []
            held = f"held above {' or '.join(limits)} {kind}"
            parts.append(held if limits else f"never held for {kind}")
    fills = [("a column", terms.fill, " or by half")] if terms.fill is not None else []
    fills += [(f"`{name}`", points, "") for name, points in terms.fill_of.items()]
    parts += [
        f"not held for how {name} is filled unless it loses all its values"
        if points == MAX_PERCENT
        else f"held if the filled share of {name} falls by more than {format_points(points)}{half}"
        for name, points, half in fills
    ]
    return f"{terms.target}: {', '.join(parts) or 'terms of the field map'}"


def _to_json(terms: Subscription) -> dict[str, Any]:
    target = terms.target
    thresholds: dict[str, Any] = {
        kind: threshold.model_dump() for kind, threshold in terms.thresholds.items()
    }
    if terms.fill is not None or terms.fill_of:
        thresholds["columns"] = {"fill": terms.fill, "fill_of": dict(terms.fill_of)}
    return {
        "customer": target.customer,
        "environment": target.environment,
        "feed": target.feed,
        "max_rejected": terms.max_rejected,
        "thresholds": thresholds,
    }
