"""The notification sensor: sends the notifications that are due."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from alumniq_pipelines.core.notifications.notification import Channel
from alumniq_pipelines.defs.resources import open_ledger
from alumniq_pipelines.defs.sensors.polling import poll_changes
from alumniq_pipelines.services.sending_queue import sending_queues
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import open_notifiers, trace_if_configured

if TYPE_CHECKING:
    from alumniq_pipelines.services.delivery import Notifier, Outbox


def notification_sensor(settings: Settings) -> dg.SensorDefinition:
    """Define the sensor; mails that take longer than a tick go on in the code server."""
    queues = sending_queues()

    @contextmanager
    def open_sender() -> "Iterator[tuple[Outbox, Mapping[Channel, Notifier]]]":
        with open_ledger(settings) as ledger:
            yield ledger.notifications, open_notifiers(settings, ledger)

    @dg.sensor(
        name="notifications",
        minimum_interval_seconds=1,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sends the notifications that are due, and retries those that failed.",
    )
    def notifications() -> dg.SkipReason:
        from alumniq_pipelines.services.delivery import deliver_in_background

        trace_if_configured("alumniq-notifications")
        delivered = failed = in_progress = 0
        with open_ledger(settings) as ledger:
            for _ in poll_changes(ledger):
                if ledger.notifications.has_due(_now()):
                    summary = deliver_in_background(open_sender, _now, queues)
                    delivered += summary.delivered
                    failed += summary.failed
                    in_progress += summary.in_progress
            ledger.ticks.record("notifications", _now())
        return dg.SkipReason(
            f"{delivered} delivered, {failed} not delivered, {in_progress} in progress."
        )

    return notifications


def _now() -> datetime:
    return datetime.now(UTC)
