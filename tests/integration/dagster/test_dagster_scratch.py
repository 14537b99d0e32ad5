"""What attempts left on the scratch disk: rows of customers."""

from pathlib import Path

import pytest

from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.files.scratch import scratch_folder
from tests.integration.dagster.conftest import HEADER, ROWS, Installation
from tests.integration.dagster.sensor_ticks import skip

pytestmark = pytest.mark.usefixtures("quick_ticks")


def rows_left(installation: Installation, load: Load) -> Path:
    """Leave rows on the scratch disk, as a killed attempt does."""
    folder = installation.settings.scratch_dir / f"{load.job_id}.1"
    (folder / "tmp").mkdir(parents=True)
    (folder / "tmp" / "received").write_text("rows of the customer")
    return folder


def test_what_a_killed_attempt_left_on_the_scratch_disk_goes_with_the_next_tick(
    installation: Installation,
) -> None:
    """Whether its load has ended or not: the next attempt has a folder of its own."""
    load, other = installation.accept(), installation.accept()
    left = [rows_left(installation, load), rows_left(installation, other)]
    with scratch_folder(installation.settings.scratch_dir / "at-work.1") as at_work:
        assert "2 scratch folder deleted" in skip(installation, "reconcile")
        assert not any(folder.exists() for folder in left)
        assert at_work.exists()


def test_a_run_deletes_what_was_left_on_its_host(installation: Installation) -> None:
    """On a host of workers alone, no sensor looks."""
    installation.put(HEADER + ROWS)
    left = rows_left(installation, installation.accept())
    installation.execute(installation.accept())
    assert not left.exists()


def test_what_a_load_left_while_the_scratch_disk_was_away_goes_as_soon_as_that_is_back(
    installation: Installation,
) -> None:
    load, scratch = installation.accept(), installation.settings.scratch_dir
    scratch.touch()  # a file in place of the folder, as long as the disk is away
    skip(installation, "reconcile")
    scratch.unlink()
    left = rows_left(installation, load)
    skip(installation, "reconcile")
    assert not left.exists()
