"""The heartbeat by which a command sees, without Dagster, that the daemon is at work."""

from datetime import timedelta

import pytest

from alumniq_pipelines.adapters.ledger.heartbeats import RECONCILE
from tests.integration.dagster.conftest import Installation
from tests.integration.dagster.sensor_ticks import skip

pytestmark = pytest.mark.usefixtures("quick_ticks")


def test_a_tick_of_the_reconcile_sensor_records_a_heartbeat(installation: Installation) -> None:
    assert installation.ledger.heartbeats.age(RECONCILE) is None
    skip(installation, "reconcile")
    age = installation.ledger.heartbeats.age(RECONCILE)
    assert age is not None
    assert age < timedelta(minutes=1)
