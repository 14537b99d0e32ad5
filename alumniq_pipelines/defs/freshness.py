"""Freshness checks: whether every watched partition of a feed was delivered on time.

The monitoring sensor (named `silence`) reports them when they change; running one in the UI
evaluates it again.
"""

import hashlib
from collections import Counter
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
MAX_SHOWN = 50
"""Missed deliveries in the table of an evaluation: some 8 KB."""
MAX_NAMED = 10
"""Missed deliveries in its description."""
LONG_AGO = datetime.min.replace(tzinfo=UTC)


def freshness_key(field_map: FieldMap) -> dg.AssetCheckKey:
    """Return the key of a feed's freshness check."""
    return dg.AssetCheckKey(feed_asset_key(field_map), FRESHNESS)


def freshness_checks(field_maps: Iterable[FieldMap]) -> list[dg.AssetChecksDefinition]:
    """Define the freshness check of every feed."""
    return [_freshness_check(field_map) for field_map in field_maps]


def missed_partitions(statuses: Iterable[WatchStatus]) -> dict[str, list[str]]:
    """Return the partitions with a missed delivery by feed; of each watched feed, if only none."""
    found: dict[str, list[str]] = {}
    for status in statuses:
        missed = found.setdefault(status.target.feed, [])
        if status.expectation.state is WatchState.MISSED:
            missed.append(status.target.partition_key)
    return found


def freshness_digest(partitions: Iterable[str]) -> str:
    """Return a short text that differs for other missed partitions."""
    return hashlib.sha256("\n".join(sorted(partitions)).encode()).hexdigest()[:16]


def freshness(field_map: FieldMap, statuses: Sequence[WatchStatus]) -> dg.AssetCheckEvaluation:
    """Evaluate a feed's freshness from the state of its watches.

    It lists the deliveries that were missed last, at most MAX_SHOWN of them, and counts the others:
    Dagster stores every evaluation, and thousands of partitions may be watched.
    """
    counts = Counter(status.expectation.state for status in statuses)
    missed = sorted(
        (status for status in statuses if status.expectation.state is WatchState.MISSED),
        key=lambda status: (status.expectation.due_at or LONG_AGO, status.target.partition_key),
        reverse=True,
    )
    return dg.AssetCheckEvaluation(
        asset_key=feed_asset_key(field_map),
        check_name=FRESHNESS,
        passed=not missed,
        severity=dg.AssetCheckSeverity.ERROR,
        description=_description(missed) if missed else None,
        metadata={
            "watched": len(statuses),
            "missed": len(missed),
            "states": table(
                [(str(state), counts[state]) for state in WatchState if counts[state]],
                {"state": "string", "partitions": "int"},
            ),
            "missed last": table(
                [
                    (
                        status.target.partition_key,
                        _format_time(status.expectation.due_at),
                        _format_time(status.last),
                    )
                    for status in missed[:MAX_SHOWN]
                ],
                dict.fromkeys(("partition", "due", "last"), "string"),
            ),
            "all partitions": "alumniq watch list",
        },
    )


def _description(missed: Sequence[WatchStatus]) -> str:
    named = [status.target.partition_key for status in missed[:MAX_NAMED]]
    others = len(missed) - len(named)
    return f"Missed deliveries: {', '.join(named)}{f' and {others:,} more' if others else ''}."


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
