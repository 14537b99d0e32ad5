"""What ticks cost while there is nothing to do."""

import time

import dagster as dg
import pytest

from tests.integration.dagster.conftest import Installation

pytestmark = pytest.mark.usefixtures("quick_ticks")


@pytest.mark.parametrize("name", ["load_requests", "notifications"])
def test_a_tick_without_work_does_not_open_the_storage_of_dagster(
    installation: Installation, name: str
) -> None:
    """Opening it took most of the processor time of such a tick."""
    sensor = installation.definitions.get_repository_def().get_sensor_def(name)
    # With neither an instance nor resources: using one of them raises an error.
    context = dg.build_sensor_context(sensor_name=name, cursor=str(time.time()))
    assert not sensor.evaluate_tick(context).run_requests
