"""The heartbeat sensor: signals every minute to an external service that daemon and ledger work."""

import asyncio

import dagster as dg

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.notifications.heartbeat import Signal, signal_url
from alumniq_pipelines.core.notifications.notification import Channel, format_result
from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.settings import Settings


def heartbeat_sensor(settings: Settings) -> dg.SensorDefinition:
    """Define the sensor.

    A sensor, not a schedule: it creates no runs, and it proves that sensors tick, on which
    everything else depends. A failed heartbeat is not retried: the next one follows in a minute.
    """

    @dg.sensor(
        name="heartbeat",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Calls ALUMNIQ_HEARTBEAT_URL every minute, so that an external service notices if the "
            "daemon itself stops. Signals failure while the ledger is unavailable."
        ),
    )
    def heartbeat(ledger: dg.ResourceParam[Ledger]) -> dg.SkipReason:
        if settings.heartbeat_url is None:
            return dg.SkipReason("ALUMNIQ_HEARTBEAT_URL is not set.")
        from alumniq_pipelines.adapters.notifiers.heartbeat import HeartbeatNotifier
        from alumniq_pipelines.adapters.notifiers.http import ALLOW_ALL

        try:
            ledger.ping()
            signal = Signal.SUCCESS
        except Problem:
            signal = Signal.FAIL
        url = signal_url(settings.heartbeat_url.get_secret_value(), signal)
        if url is None:
            return dg.SkipReason(f"Not called: the service has no signal for {signal}.")
        result = asyncio.run(HeartbeatNotifier(ALLOW_ALL).beat(url))
        return dg.SkipReason(f"{signal}: {format_result(Channel.HEARTBEAT, result)}")

    return heartbeat
