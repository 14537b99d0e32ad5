"""The key sensor: warns a key's owner and staff before the key expires."""

from datetime import UTC, datetime, timedelta
from math import ceil

import dagster as dg

from alumniq_pipelines.adapters.ledger.key_notices import KeyExpiryNotices
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.notifications.key_expiry import expiry_condition, expiry_notices
from alumniq_pipelines.core.notifications.staff import Staff
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import staff_of


def key_sensor(settings: Settings) -> dg.SensorDefinition:
    """Define the sensor.

    A sensor, not a schedule: warnings that were due while no daemon ran follow at the next tick.
    """

    @dg.sensor(
        name="key_notices",
        minimum_interval_seconds=3_600,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Warns about API keys that expire in 30, 14, 7 and 1 days.",
    )
    def key_notices(ledger: dg.ResourceParam[Ledger]) -> dg.SkipReason:
        enqueued = enqueue_expiry_notices(
            ledger, staff_of(settings), settings.public_urls, datetime.now(UTC)
        )
        ledger.ticks.record("key_notices", datetime.now(UTC))
        return dg.SkipReason(f"{enqueued} expiry warnings queued.")

    return key_notices


def enqueue_expiry_notices(
    ledger: Ledger, staff: Staff, public_urls: PublicUrls, now: datetime
) -> int:
    """Enqueue the expiry notices that are due, and return how many; harmless to repeat."""
    notices = KeyExpiryNotices(ledger.database, ledger.keys)
    enqueued = 0
    for key, days in notices.due(now):
        # Fewer than planned where the daemon was down, or the key was made for a few days only.
        days_left = ceil((key.expires_at - now) / timedelta(days=1))
        condition = expiry_condition(key, days_left)
        text = f"{condition.detail}\n\nWhat to do: {condition.advice}\n"
        all_notices = (
            *expiry_notices(key, days_left, public_urls),
            *staff.notices(condition.title, text),
        )
        enqueued += notices.enqueue(key, days, condition, all_notices, now)
    return enqueued
