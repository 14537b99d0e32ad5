"""The partition sensor: creates a subscription's partition before its first file arrives."""

import dagster as dg

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.defs.partitions import missing_partitions


def partition_sensor(catalog: Catalog) -> dg.SensorDefinition:
    """Define the sensor."""

    @dg.sensor(
        name="partitions",
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Adds a partition to a feed for each customer and environment that subscribes.",
    )
    def partitions(
        context: dg.SensorEvaluationContext, ledger: dg.ResourceParam[Ledger]
    ) -> dg.SensorResult:
        targets = [subscription.target for subscription in ledger.customers.subscriptions()]
        missing = missing_partitions(targets, catalog, context.instance)
        return dg.SensorResult(dynamic_partitions_requests=missing)

    return partitions
