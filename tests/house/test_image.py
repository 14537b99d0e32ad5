"""The image: its recipe is sound, copies what is there, and installs what the tests ran with."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from alumniq_pipelines.settings import REPOSITORY
from tests.image_tree import CONTAINERFILE, admitted_sources, copied_sources

TEXT = CONTAINERFILE.read_text("utf-8")
LOCKS = ("requirements.lock", "deploy/requirements.lock", "deploy/build.lock")


def pins(lock: str) -> dict[str, str]:
    """Return the entry of each package, with its hashes."""
    text = (REPOSITORY / lock).read_text("utf-8")
    return {entry.partition(" ")[0]: entry for entry in re.split(r"\n(?=\S)", text.strip())}


def test_the_linter_of_container_files_finds_nothing() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, CONTAINERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_copies_exactly_what_its_context_admits() -> None:
    assert set(copied_sources()) == admitted_sources()
    assert all((REPOSITORY / name).exists() for name in copied_sources())


@pytest.mark.parametrize("lock", LOCKS[1:])
def test_the_image_installs_the_versions_that_the_tests_ran_with(lock: str) -> None:
    tested, installed = pins(LOCKS[0]), pins(lock)
    assert installed
    assert {name for name, entry in installed.items() if tested.get(name) != entry} == set()


def test_the_image_has_all_extras_and_nothing_that_only_development_needs() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    names = {re.split(r"[\[=]", entry)[0] for entry in pins("deploy/requirements.lock")}
    extras = project["project"]["optional-dependencies"]
    needed = [
        *project["project"]["dependencies"],
        *(name for extra in extras.values() for name in extra),
    ]
    wanted = {re.split(r"[\[>;]", name)[0] for name in needed}
    assert wanted - names == set()
    assert names & {"pytest", "hatchling", "mypy", "ruff", "playwright", "moto"} == set()


def test_what_is_installed_is_checked_by_hash_and_needs_no_compiler() -> None:
    installs = [
        line
        for line in TEXT.replace("\\\n", " ").split("&&")
        if re.search(r"install .*--requirement", line)
    ]
    assert len(installs) == 2
    for install in installs:
        assert {"--no-deps", "--require-hashes", "--only-binary"} <= set(install.split())


def test_the_image_is_based_on_the_python_that_the_tests_run_on() -> None:
    bases = set(re.findall(r"^FROM python:(\d+\.\d+)-\S+", TEXT, re.MULTILINE))
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    oldest = project["project"]["requires-python"].removeprefix(">=").rpartition(".")[0]
    assert bases == {oldest}


def test_the_image_says_which_version_it_is() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    assert f"ARG VERSION={project['project']['version']}\n" in TEXT
