"""`alumniq subscription`: the terms on which a customer sends a feed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from alumniq_pipelines.cli.console import print_json
from alumniq_pipelines.cli.installation import known_feed, ledger_of, operator
from alumniq_pipelines.core.feeds.field_map import Threshold
from alumniq_pipelines.core.loads.customer import Subscription
from alumniq_pipelines.core.loads.diff import KINDS
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
        "10%, 500 (rows) or never. Repeatable.",
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
    own = thresholds_in(hold or ())
    with ledger_of(settings) as ledger:
        known = None if standard else ledger.customers.subscription(target)
        terms = known or Subscription(target)
        terms = replace(terms, thresholds={**terms.thresholds, **own})
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
    return f"{terms.target}: {', '.join(parts) or 'terms of the field map'}"


def _to_json(terms: Subscription) -> dict[str, Any]:
    target = terms.target
    return {
        "customer": target.customer,
        "environment": target.environment,
        "feed": target.feed,
        "max_rejected": terms.max_rejected,
        "thresholds": {
            kind: threshold.model_dump() for kind, threshold in terms.thresholds.items()
        },
    }
