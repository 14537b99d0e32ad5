"""What attempts left on the scratch disk: rows of customers."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from dagster import DagsterRunStatus

from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.services import load_actions
from tests.integration.dagster.conftest import Installation
from tests.integration.dagster.sensor_ticks import a_run_of, skip, tick

pytestmark = pytest.mark.usefixtures("quick_ticks")


def rows_left(installation: Installation, load: Load) -> Path:
    """Leave rows on the scratch disk, as a killed attempt does."""
    folder = installation.settings.scratch_dir / load.job_id
    (folder / "tmp").mkdir(parents=True)
    (folder / "tmp" / "received").write_text("rows of the customer")
    return folder


def test_what_a_killed_attempt_left_on_the_scratch_disk_goes_when_its_load_ends(
    installation: Installation,
) -> None:
    load, other = installation.accept(), installation.accept()
    left, remaining = rows_left(installation, load), rows_left(installation, other)
    tick(installation, "load_requests")
    a_run_of(installation, load, DagsterRunStatus.CANCELED)
    assert skip(installation, "reconcile") == (
        "Outstanding loads: 1 ended, 1 scratch folder deleted."
    )
    assert not left.exists()
    assert remaining.exists()


def test_what_a_killed_attempt_left_goes_when_its_load_is_canceled_before_the_next_one(
    installation: Installation,
) -> None:
    """It stayed for an hour: no run of the load was there to be stopped."""
    load = installation.accept()
    left = rows_left(installation, load)
    load_actions.cancel(installation.ledger, load.job_id, "ada", datetime.now(UTC), gateway_url="")
    skip(installation, "reconcile")
    assert not left.exists()


def test_what_a_load_left_while_the_scratch_disk_was_away_goes_as_soon_as_that_is_back(
    installation: Installation,
) -> None:
    load, scratch = installation.accept(), installation.settings.scratch_dir
    load_actions.cancel(installation.ledger, load.job_id, "ada", datetime.now(UTC), gateway_url="")
    scratch.touch()  # a file in place of the folder, as long as the disk is away
    skip(installation, "reconcile")
    scratch.unlink()
    left = rows_left(installation, load)
    skip(installation, "reconcile")
    assert not left.exists()
