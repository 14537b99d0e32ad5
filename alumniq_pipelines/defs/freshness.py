"""Freshness checks: whether every watched partition of a feed has come when it was expected.

The silence sensor reports them as they change; running one in the UI judges anew.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import dagster as dg

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.monitoring.schedule import Standing
from alumniq_pipelines.defs.assets import feed_key
from alumniq_pipelines.defs.metadata import table
from alumniq_pipelines.services.monitor import Stand, stands_of

FRESHNESS = "freshness"


def freshness_key(field_map: FieldMap) -> dg.AssetCheckKey:
    """Name the check of a feed."""
    return dg.AssetCheckKey(feed_key(field_map), FRESHNESS)


def freshness_checks(field_maps: Iterable[FieldMap]) -> list[dg.AssetChecksDefinition]:
    """Define the check of every feed."""
    return [_freshness_check(field_map) for field_map in field_maps]


def freshness(field_map: FieldMap, stands: Sequence[Stand]) -> dg.AssetCheckEvaluation:
    """Judge a feed by how its watched targets stand."""
    silent = [each.target.partition_key for each in stands if _is_silent(each)]
    return dg.AssetCheckEvaluation(
        asset_key=feed_key(field_map),
        check_name=FRESHNESS,
        passed=not silent,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"Silent: {', '.join(silent)}." if silent else None,
        metadata={"watched": len(stands), "silent": len(silent), "partitions": _table(stands)},
    )


def _freshness_check(field_map: FieldMap) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=feed_key(field_map),
        name=FRESHNESS,
        description="Every watched partition had its file in time; set watches: alumniq watch.",
    )
    def check(ledger: dg.ResourceParam[Ledger]) -> dg.AssetCheckResult:
        watches = [each for each in ledger.watches.all() if each.target.feed == field_map.name]
        judged = freshness(field_map, stands_of(ledger, watches, datetime.now(UTC)))
        return dg.AssetCheckResult(
            passed=judged.passed,
            severity=judged.severity,
            description=judged.description,
            metadata=judged.metadata,
        )

    return check


def _is_silent(stand: Stand) -> bool:
    return stand.expectation.standing is Standing.SILENT


def _table(stands: Sequence[Stand]) -> dg.MetadataValue:
    return table(
        [
            (
                each.target.partition_key,
                str(each.expectation.standing),
                _text(each.expectation.due_at),
                _text(each.last),
            )
            for each in stands
        ],
        dict.fromkeys(("partition", "standing", "due", "last"), "string"),
    )


def _text(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
