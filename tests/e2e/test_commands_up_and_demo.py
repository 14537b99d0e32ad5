"""`alumniq demo` and `alumniq up`, as they are typed."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from alumniq_pipelines.cli.home import exclusive_use
from alumniq_pipelines.core.problems.setup import AlreadyUp
from alumniq_pipelines.settings import Settings
from tests.chaos.processes import Processes
from tests.e2e.stack import free_port
from tests.rights import everything, open_to_others

pytestmark = pytest.mark.e2e

ALUMNIQ = [str(Path(sys.executable).parent / "alumniq")]
DEMO_SECONDS = 240
CARELESS = 0o022
"""The umask of most systems: files created under it can be read by everyone."""
CALLBACK = re.compile(
    r'^\{"jobId": "([0-9A-F-]{35})", "status": "(SUCCESS|FAILED)", .*\}$', re.MULTILINE
)


def run(*arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ALUMNIQ, *arguments],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env=clean_environment(),
        umask=CARELESS,
    )


def clean_environment() -> dict[str, str]:
    """Return the environment without what would point the commands elsewhere."""
    others = ("ALUMNIQ_", "DAGSTER_", "PYTHONDONTWRITE", "COLUMNS")
    return {name: value for name, value in os.environ.items() if not name.startswith(others)}


def wait_for(condition: Callable[[], bool], log: Path, seconds: float = 90.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "demo"


@pytest.fixture(scope="module")
def demo(folder: Path) -> str:
    """Run the demo and return what it prints; it leaves its data in the folder."""
    done = run("demo", "--data-dir", str(folder), "--people", "2000", seconds=DEMO_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Make a folder for temporary files; unlike that of `tmp_path`, its path suits sockets."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


class Up:
    """A running `alumniq up`."""

    def __init__(self, folder: Path, log: Path, **environment: str) -> None:
        """Start it on free ports, with these environment variables as well."""
        self.folder, self.log = folder, log
        self.gateway, self.dagster = free_port(), free_port()
        ports = ["--gateway-port", str(self.gateway), "--dagster-port", str(self.dagster)]
        with log.open("w") as file:
            self.process = subprocess.Popen(
                [*ALUMNIQ, "up", "--data-dir", str(folder), *ports],
                stdout=file,
                stderr=file,
                env=clean_environment() | environment,
                umask=CARELESS,
            )

    def is_said(self, pattern: str) -> bool:
        """Whether the log contains a text."""
        return re.search(pattern, self.log.read_text()) is not None

    def is_ready(self) -> bool:
        """Whether the gateway is ready."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.gateway}/readyz").is_success
        except httpx.HTTPError:
            return False

    def gateway_pids(self) -> list[int]:
        """List the gateway's processes so far."""
        return [int(pid) for pid in re.findall(r"Started server process \[(\d+)\]", self.said())]

    def said(self) -> str:
        """Return the log."""
        return self.log.read_text()


@contextmanager
def up(folder: Path, log: Path, **environment: str) -> Iterator[Up]:
    started = Up(folder, log, **environment)
    try:
        wait_for(lambda: started.is_said("Everything is running"), log)
        yield started
    finally:
        started.process.kill()
        started.process.wait()


def has_exited(folder: Path) -> bool:
    """Whether no process of a system on the folder is left: the last one holds its lock."""
    try:
        with exclusive_use(Settings(data_dir=folder)):
            return True
    except AlreadyUp:
        return False


def test_the_demo_ends_with_four_successes_and_one_failure(demo: str, folder: Path) -> None:
    callbacks = CALLBACK.findall(demo)
    assert [status for _, status in callbacks] == ["SUCCESS"] * 4 + ["FAILED"]
    assert len({job_id for job_id, _ in callbacks}) == 5
    assert demo.count("Readers see 2,000 people.") == 2
    assert "Not loaded: warehouse (iqu, qa)" in demo
    assert has_exited(folder)


def test_nothing_that_the_demo_makes_can_be_read_by_others(demo: str, folder: Path) -> None:
    assert demo
    names = {path.name for path in everything(folder)}
    assert {"ledger.db", "catalog.duckdb", "programs.log", "history"} <= names
    assert any(name.endswith(".eml") for name in names)
    assert open_to_others(folder) == []


def test_what_the_demo_left_can_be_inspected_with_the_other_commands(
    demo: str, folder: Path
) -> None:
    assert demo
    checked = run("check", str(folder / "files" / "warehouse-broken.csv"), "--feed", "warehouse")
    assert checked.returncode == 1, checked.stderr


def test_a_demo_empties_no_folder_but_its_own(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    refused = run("demo", "--data-dir", str(tmp_path))
    assert refused.returncode == 2
    assert "contains files that no demo made" in refused.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.usefixtures("demo")
def test_up_runs_until_it_is_stopped_and_leaves_nothing_behind(
    folder: Path, tmp_path: Path, temporary: Path
) -> None:
    (folder / "archive").chmod(0o755)  # as an older release made it
    with up(folder, tmp_path / "log", TMPDIR=str(temporary)) as running:
        assert running.is_ready()
        assert open_to_others(folder) == []
        second = run("up", "--data-dir", str(folder))
        assert second.returncode == 2
        assert "is already running with" in second.stderr
        taken = run("up", "--data-dir", str(tmp_path), "--gateway-port", str(running.gateway))
        assert taken.returncode == 2
        assert f"--gateway-port {running.gateway + 1}" in taken.stderr

        os.kill(running.gateway_pids()[0], signal.SIGKILL)
        wait_for(lambda: len(running.gateway_pids()) > 1, running.log)
        wait_for(running.is_ready, running.log)

        assert Processes(folder).kill("code server", 0)  # it cannot delete its temporary files
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(60) == 0, running.said()
        assert running.said().endswith("Stopped. Nothing is left running.\n")
    assert has_exited(folder)
    assert list(temporary.iterdir()) == []


@pytest.mark.usefixtures("demo")
def test_nothing_outlives_a_killed_up(folder: Path, tmp_path: Path) -> None:
    with up(folder, tmp_path / "log") as running:
        running.process.kill()
        wait_for(lambda: has_exited(folder), running.log, seconds=20)
        assert not running.is_ready()
