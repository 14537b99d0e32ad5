"""The heartbeat sensor: somebody outside hears every minute that daemon and ledger live."""

import asyncio

import dagster as dg

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.notifications.heartbeat import Signal, signal_url
from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.settings import Settings


def heartbeat_sensor(settings: Settings) -> dg.SensorDefinition:
    """Define the sensor.

    A sensor, not a schedule: it makes no run, and it beats only while sensors tick, on which
    everything else depends. A beat that does not arrive is not sent again: the next one follows.
    """

    @dg.sensor(
        name="heartbeat",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Calls ALUMNIQ_HEARTBEAT_URL, so that somebody outside notices when the daemon is "
            "what has died; says fail while the ledger is away."
        ),
    )
    def heartbeat(ledger: dg.ResourceParam[Ledger]) -> dg.SkipReason:
        if settings.heartbeat_url is None:
            return dg.SkipReason("ALUMNIQ_HEARTBEAT_URL is not set.")
        from alumniq_pipelines.adapters.notifiers.heartbeat import HeartbeatNotifier
        from alumniq_pipelines.adapters.notifiers.http import ALLOW_ALL

        signal = _signal(ledger)
        url = signal_url(settings.heartbeat_url.get_secret_value(), signal)
        if url is None:
            return dg.SkipReason(f"Not called: {signal} has no meaning there.")
        result = asyncio.run(HeartbeatNotifier(ALLOW_ALL).beat(url))
        return dg.SkipReason(f"{signal}: {result.detail}.")

    return heartbeat


def _signal(ledger: Ledger) -> Signal:
    try:
        ledger.ping()
    except Problem:
        return Signal.FAIL
    return Signal.SUCCESS
