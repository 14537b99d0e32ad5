"""The notification sensor: sends the notifications that are due."""

from datetime import UTC, datetime

import dagster as dg

from alumniq_pipelines.defs.resources import open_ledger
from alumniq_pipelines.defs.sensors.polling import poll_changes
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import open_notifiers


def notification_sensor(settings: Settings) -> dg.SensorDefinition:
    """Define the sensor."""

    @dg.sensor(
        name="notifications",
        minimum_interval_seconds=1,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sends the notifications that are due, and retries those that failed.",
    )
    def notifications() -> dg.SkipReason:
        from alumniq_pipelines.services.delivery import deliver_due

        delivered = failed = 0
        with open_ledger(settings) as ledger:
            notifiers = open_notifiers(settings, ledger)
            for _ in poll_changes(ledger):
                summary = deliver_due(ledger.notifications, notifiers, lambda: datetime.now(UTC))
                delivered += summary.delivered
                failed += summary.failed
        return dg.SkipReason(f"{delivered} delivered, {failed} not delivered.")

    return notifications
