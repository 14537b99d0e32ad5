"""Worker leases, seen from another process than the one that holds them."""

import os
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from alumniq_pipelines.adapters.worker_locks import FileLeases
from tests.working_processes import at_work

WORK = """
import sys
from pathlib import Path
from alumniq_pipelines.adapters.worker_locks import FileLeases

with FileLeases(Path(sys.argv[1])).hold("run"):
    print("at work", flush=True)
    sys.stdin.read()
"""


def a_worker(folder: Path) -> AbstractContextManager[subprocess.Popen[str]]:
    """Return a process that works on the run `run` until its input is closed."""
    return at_work(WORK, folder)


def test_a_worker_at_work_lives(tmp_path: Path) -> None:
    with a_worker(tmp_path):
        assert not FileLeases(tmp_path).dead(["run"])
        assert not FileLeases(tmp_path).dead(["run"]), "Looking must not disturb."


def test_a_killed_worker_has_died_until_it_is_cleared_away(tmp_path: Path) -> None:
    with a_worker(tmp_path) as process:
        process.kill()
        process.wait()
    assert FileLeases(tmp_path).dead(["run"])
    FileLeases(tmp_path).clear("run")
    assert not FileLeases(tmp_path).dead(["run"])


def test_a_worker_that_is_done_has_not_died(tmp_path: Path) -> None:
    with a_worker(tmp_path):
        pass
    assert not FileLeases(tmp_path).dead(["run"])
    assert not FileLeases(tmp_path).missing(["run"]), "Dagster has to hear of the end first."
    os.utime(tmp_path / "run.done", (0, 0))
    assert FileLeases(tmp_path).missing(["run"])


def test_a_worker_is_missing_until_it_shows_itself(tmp_path: Path) -> None:
    assert FileLeases(tmp_path / "nowhere").missing(["run"])
    with FileLeases(tmp_path).hold("other"):
        assert FileLeases(tmp_path).missing(["run"])
    with a_worker(tmp_path) as process:
        assert not FileLeases(tmp_path).missing(["run"])
        process.kill()
        process.wait()
    assert not FileLeases(tmp_path).missing(["run"]), "It is known to have died."


def test_what_workers_left_that_are_long_done_is_swept_away(tmp_path: Path) -> None:
    for name in ("old", "new"):
        with FileLeases(tmp_path).hold(name):
            pass
    os.utime(tmp_path / "old.done", (0, 0))
    with FileLeases(tmp_path).hold("run"):
        assert {path.name for path in tmp_path.iterdir()} == {"new.done", "run"}


def test_a_worker_that_never_showed_itself_is_not_known_to_have_died(tmp_path: Path) -> None:
    assert not FileLeases(tmp_path / "nowhere").dead(["run"])


def test_a_run_taken_up_again_lives(tmp_path: Path) -> None:
    with a_worker(tmp_path) as process:
        process.kill()
        process.wait()
    with a_worker(tmp_path):
        assert not FileLeases(tmp_path).dead(["run"])


def test_work_that_raises_is_done_too(tmp_path: Path) -> None:
    with pytest.raises(KeyError), FileLeases(tmp_path).hold("run"):
        raise KeyError
    assert [path.name for path in tmp_path.iterdir()] == ["run.done"]
