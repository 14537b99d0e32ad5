"""The record by which commands and monitors see, without Dagster, that the daemon is at work."""

from datetime import UTC, datetime, timedelta

import pytest

from alumniq_pipelines.adapters.ledger.sensor_ticks import RECONCILE
from tests.integration.dagster.conftest import Installation
from tests.integration.dagster.sensor_ticks import skip

pytestmark = pytest.mark.usefixtures("quick_ticks")


def test_a_tick_of_the_reconcile_sensor_is_recorded(installation: Installation) -> None:
    assert RECONCILE not in installation.ledger.ticks.last()
    skip(installation, "reconcile")
    age = datetime.now(UTC) - installation.ledger.ticks.last()[RECONCILE]
    assert age < timedelta(minutes=1)
