"""What the image contains works there: installed, and without a right to change it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from tests.e2e.stack import free_port
from tests.image_tree import build_packages, copy_context
from tests.system_programs import require_program

START = "from alumniq_pipelines.cli.main import app; app()"
START_SECONDS = 180


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the image's packages, as files that nobody may write."""
    context, folder = tmp_path_factory.mktemp("context"), tmp_path_factory.mktemp("packages")
    copy_context(context)
    build_packages(context, folder)
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return folder


@pytest.fixture
def environment(packages: Path, tmp_path: Path) -> dict[str, str]:
    """Return the environment of a container, of which only the data folder is writable."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(packages),
        "ALUMNIQ_DATA_DIR": str(tmp_path / "volume" / "data"),
        "ALUMNIQ_GATEWAY_PORT": str(free_port()),
    }


def without_privileges(*arguments: str) -> Sequence[str]:
    """Return a command of the image, without the right of root to write to everything."""
    command = [sys.executable, "-c", START, *arguments]
    if os.geteuid() != 0:
        return command
    return [require_program("util-linux", "setpriv"), "--bounding-set=-all", *command]


def test_the_gateway_of_the_image_starts_and_serves_its_pages(
    environment: dict[str, str], packages: Path, tmp_path: Path
) -> None:
    content = {path: path.lstat().st_mtime_ns for path in packages.rglob("*")}
    log, url = tmp_path / "log", f"http://127.0.0.1:{environment['ALUMNIQ_GATEWAY_PORT']}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            without_privileges("up", "--only", "gateway"),
            env=environment,
            cwd="/",
            stdout=output,
            stderr=output,
        )
    try:
        until = time.monotonic() + START_SECONDS
        while b"Everything is running" not in log.read_bytes():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        ready = httpx.get(f"{url}/readyz").json()
        pages = {
            path: httpx.get(f"{url}{path}", follow_redirects=True)
            for path in ("/", "/api/", "/static/pages.css")
        }
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert ready["ready"], ready
    assert ready["checks"]["field_maps"] == "ok"
    assert {path: page.status_code for path, page in pages.items()} == dict.fromkeys(pages, 200)
    assert process.returncode == 0, log.read_text()
    assert {path: path.lstat().st_mtime_ns for path in packages.rglob("*")} == content


def test_other_commands_of_the_image_find_field_maps_and_migrations(
    environment: dict[str, str], packages: Path
) -> None:
    for arguments in (["migrate"], ["feed", "check"], ["customer", "add", "iqu", "--name", "IQ"]):
        done = subprocess.run(
            without_privileges(*arguments),
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert str(packages) not in done.stderr


def test_dagsters_programs_of_the_image_load_the_definitions(
    environment: dict[str, str], packages: Path
) -> None:
    code = "import alumniq_pipelines.definitions as d; print(d.__file__, len(list(d.defs.sensors)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    path, _, sensors = done.stdout.strip().rpartition(" ")
    assert Path(path).is_relative_to(packages)
    assert int(sensors) > 5
