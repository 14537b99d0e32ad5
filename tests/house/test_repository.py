"""What must never be committed, and what the documentation promises."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:root|home|Users|work)/\w")
REGISTRY_HOST = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|deb\.debian\.org", re.IGNORECASE
)
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)")


def tracked(*patterns: str) -> list[Path]:
    """List tracked text files; a source archive without git lists what lies there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def readable(path: Path) -> str:
    """Return the text of a file, or an empty text for pictures and other binary files."""
    content = path.read_bytes()
    return "" if b"\0" in content else content.decode("utf-8")


def test_no_file_names_a_machine_or_a_package_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        if path != Path(__file__)
        for number, line in enumerate(readable(path).splitlines(), start=1)
        if MACHINE_PATH.search(line) or REGISTRY_HOST.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    "page", tracked("*.md"), ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_links_between_pages_have_a_target(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    dead = [link for link in LINK.findall(text) if not (page.parent / link).exists()]
    assert dead == []


def test_the_readme_names_only_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z-]+)`?", (ROOT / "README.md").read_text("utf-8")))
    assert named
    assert named <= targets


def test_the_oldest_python_is_the_same_wherever_it_is_named() -> None:
    """In 3.11.0, other users of the machine could reach the process that forks the workers."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    oldest = project["requires-python"].removeprefix(">=")
    assert tuple(map(int, oldest.split("."))) >= (3, 11, 1)
    makefile, readme = (ROOT / name for name in ("Makefile", "README.md"))
    for page in (makefile, readme):
        assert set(re.findall(r"Python (3[.\d]*\d)", page.read_text("utf-8"))) == {oldest}
    assert f"sys.version_info < ({oldest.replace('.', ', ')})" in makefile.read_text("utf-8")


LOCKS = [
    "requirements.lock",
    "deploy/requirements.lock",
    "deploy/build.lock",
    "benchmarks/peers/requirements.txt",
]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_hashed_and_names_no_address(lock: str) -> None:
    lines = (ROOT / lock).read_text("utf-8").splitlines()
    pinned = [line for line in lines if re.match(r"[A-Za-z0-9]", line)]
    assert all("==" in line and line.endswith("\\") for line in pinned)
    assert not any("://" in line or line.startswith("--") for line in lines)
