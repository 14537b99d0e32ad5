"""The hold and archive sensors: end held loads that have expired, and delete expired files."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import dagster as dg

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.archive import Archive
from alumniq_pipelines.core.loads.warehouse import Warehouse
from alumniq_pipelines.services.load_actions import end_due_holds
from alumniq_pipelines.settings import Settings


def hold_sensor(settings: Settings) -> dg.SensorDefinition:
    """Define the sensor of held loads."""

    @dg.sensor(
        name="holds",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Ends held loads that were not approved in time or that a later load has superseded, "
            "and notifies their customers."
        ),
    )
    def holds(ledger: dg.ResourceParam[Ledger]) -> dg.SkipReason:
        due = end_due_holds(ledger, datetime.now(UTC), public_urls=settings.public_urls)
        ledger.ticks.record("holds", datetime.now(UTC))
        decided = Counter(decision for _, decision in due)
        summary = ", ".join(f"{count} {decision}" for decision, count in decided.items())
        return dg.SkipReason(f"Held loads: {summary or 'nothing to do'}.")

    return holds


def archive_sensor(settings: Settings) -> dg.SensorDefinition:
    """Define the sensor of the archive."""

    @dg.sensor(
        name="archive",
        minimum_interval_seconds=3_600,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Deletes received files and rejection reports after their retention time, and held "
            "rows of loads that have ended. Files of stored versions stay."
        ),
    )
    def archive(
        ledger: dg.ResourceParam[Ledger],
        archive: dg.ResourceParam[Archive],
        warehouse: dg.ResourceParam[Warehouse],
    ) -> dg.SkipReason:
        from alumniq_pipelines.services.retention import prune

        archive_retention = timedelta(days=settings.archive_days)
        report_retention = timedelta(days=settings.report_days)
        count = prune(
            archive, ledger, warehouse, archive_retention, datetime.now(UTC), report_retention
        )
        ledger.ticks.record("archive", datetime.now(UTC))
        return dg.SkipReason(f"{count} files deleted.")

    return archive
