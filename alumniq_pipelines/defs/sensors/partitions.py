"""The partition sensor: tells Dagster what happened to a feed's partitions outside of its runs."""

from datetime import UTC, datetime

import dagster as dg

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.baseline import ROLLBACK
from alumniq_pipelines.defs.partitions import missing_partitions
from alumniq_pipelines.defs.rollback_event import rollback_event

MAX_ROLLBACKS = 100
"""Reported per tick."""


def partition_sensor(catalog: Catalog) -> dg.SensorDefinition:
    """Define the sensor; its cursor is the last rollback in the audit trail that it reported."""

    @dg.sensor(
        name="partitions",
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Adds a partition to a feed for each customer and environment that subscribes, and "
            "records rollbacks as observations of their assets."
        ),
    )
    def partitions(
        context: dg.SensorEvaluationContext, ledger: dg.ResourceParam[Ledger]
    ) -> dg.SensorResult:
        targets = [subscription.target for subscription in ledger.customers.subscriptions()]
        missing = missing_partitions(targets, catalog, context.instance)
        reported = int(context.cursor or 0)
        rollbacks = ledger.audit.entries(ROLLBACK, after=reported, limit=MAX_ROLLBACKS)
        ledger.ticks.record("partitions", datetime.now(UTC))
        return dg.SensorResult(
            dynamic_partitions_requests=missing,
            asset_events=[event for entry in rollbacks if (event := rollback_event(entry))],
            cursor=str(max([reported, *(entry.id for entry in rollbacks)])),
        )

    return partitions
