"""The notification sensor: sends the notifications that are due."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.defs.sensors.polling import poll_changes


def notification_sensor() -> dg.SensorDefinition:
    """Define the sensor."""

    @dg.sensor(
        name="notifications",
        minimum_interval_seconds=1,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sends the notifications that are due, and retries those that failed.",
    )
    def notifications(
        ledger: dg.ResourceParam[Ledger], notifiers: dg.ResourceParam[Mapping[Any, Any]]
    ) -> dg.SkipReason:
        from alumniq_pipelines.services.delivery import deliver_due

        delivered = failed = 0
        for _ in poll_changes(ledger):
            summary = deliver_due(ledger.notifications, notifiers, lambda: datetime.now(UTC))
            delivered += summary.delivered
            failed += summary.failed
        return dg.SkipReason(f"{delivered} delivered, {failed} not delivered.")

    return notifications
