"""Freshness checks: whether every watched partition of a feed was delivered on time.

The monitoring sensor (named `silence`) reports them when they change; running one in the UI
evaluates it again.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import dagster as dg

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.monitoring.schedule import WatchState
from alumniq_pipelines.defs.assets import feed_asset_key
from alumniq_pipelines.defs.metadata import table
from alumniq_pipelines.services.monitor import WatchStatus, watch_statuses

FRESHNESS = "freshness"


def freshness_key(field_map: FieldMap) -> dg.AssetCheckKey:
    """Return the key of a feed's freshness check."""
    return dg.AssetCheckKey(feed_asset_key(field_map), FRESHNESS)


def freshness_checks(field_maps: Iterable[FieldMap]) -> list[dg.AssetChecksDefinition]:
    """Define the freshness check of every feed."""
    return [_freshness_check(field_map) for field_map in field_maps]


def freshness(field_map: FieldMap, statuses: Sequence[WatchStatus]) -> dg.AssetCheckEvaluation:
    """Evaluate a feed's freshness from the state of its watches."""
    missed = [
        status.target.partition_key
        for status in statuses
        if status.expectation.state is WatchState.MISSED
    ]
    partitions = table(
        [
            (
                status.target.partition_key,
                str(status.expectation.state),
                _format_time(status.expectation.due_at),
                _format_time(status.last),
            )
            for status in statuses
        ],
        dict.fromkeys(("partition", "state", "due", "last"), "string"),
    )
    return dg.AssetCheckEvaluation(
        asset_key=feed_asset_key(field_map),
        check_name=FRESHNESS,
        passed=not missed,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"Missed deliveries: {', '.join(missed)}." if missed else None,
        metadata={"watched": len(statuses), "missed": len(missed), "partitions": partitions},
    )


def _freshness_check(field_map: FieldMap) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=feed_asset_key(field_map),
        name=FRESHNESS,
        description="Every watched partition was delivered on time. See also: alumniq watch set",
    )
    def check(ledger: dg.ResourceParam[Ledger]) -> dg.AssetCheckResult:
        watches = [watch for watch in ledger.watches.all() if watch.target.feed == field_map.name]
        evaluation = freshness(field_map, watch_statuses(ledger, watches, datetime.now(UTC)))
        return dg.AssetCheckResult(
            passed=evaluation.passed,
            severity=evaluation.severity,
            description=evaluation.description,
            metadata=evaluation.metadata,
        )

    return check


def _format_time(time: datetime | None) -> str:
    return "" if time is None else f"{time:%Y-%m-%d %H:%M} UTC"
