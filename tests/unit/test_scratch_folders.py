"""What attempts leave on the scratch disk is known by the lock that their process held."""

import os
from pathlib import Path

import pytest

from alumniq_pipelines.core.problems.outage import ScratchUnavailable
from alumniq_pipelines.files.scratch import scratch_folder, sweep
from tests.working_processes import at_work

WORK = """
import sys
from pathlib import Path
from alumniq_pipelines.files.scratch import scratch_folder

with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "rows").write_text("rows of the customer")
    print("at work", flush=True)
    sys.stdin.read()
"""


def test_the_folder_of_a_live_process_stays_and_that_of_a_killed_one_goes(tmp_path: Path) -> None:
    folder = tmp_path / "job.1"
    with at_work(WORK, folder) as process:
        assert sweep(tmp_path) == 0
        assert (folder / "rows").exists()
        process.kill()
        process.wait()
        assert (folder / "rows").exists()
        assert sweep(tmp_path) == 1
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_after_the_work_even_if_it_failed(tmp_path: Path) -> None:
    def fail() -> None:
        with scratch_folder(tmp_path / "job.1") as folder:
            (folder / "rows").touch()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert not list(tmp_path.iterdir())


def test_what_has_the_same_name_is_not_mixed_with_it(tmp_path: Path) -> None:
    (tmp_path / "job.1").mkdir()
    (tmp_path / "job.1" / "old").touch()
    with scratch_folder(tmp_path / "job.1") as folder:
        assert not list(folder.iterdir())


def test_a_folder_that_is_just_being_made_is_left_alone(tmp_path: Path) -> None:
    made = tmp_path / "job.1.new"
    made.mkdir()
    assert sweep(tmp_path) == 0
    os.utime(made, (0, 0))
    assert sweep(tmp_path) == 1


def test_a_disk_that_is_away_is_an_outage_and_nothing_to_sweep(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ScratchUnavailable), scratch_folder(tmp_path / "file" / "job.1"):
        pass
    assert sweep(tmp_path / "file") == sweep(tmp_path / "nowhere") == 0
