"""What deploy/Containerfile makes of a checkout, without an engine: context and packages."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from alumniq_pipelines.settings import REPOSITORY

CONTAINERFILE = REPOSITORY / "deploy" / "Containerfile"


def copied_sources() -> list[str]:
    """List what the Containerfile copies of its context."""
    lines = CONTAINERFILE.read_text("utf-8").splitlines()
    copies = [line.split()[1:-1] for line in lines if line.startswith("COPY ")]
    return [name.rstrip("/") for copy in copies if "--from" not in copy[0] for name in copy]


def admitted_sources() -> set[str]:
    """List what .dockerignore lets into the context."""
    lines = (REPOSITORY / ".dockerignore").read_text("utf-8").splitlines()
    return {line.removeprefix("!") for line in lines if line.startswith("!")}


def copy_context(folder: Path) -> None:
    """Copy what the Containerfile copies, as it is in the checkout."""
    for name in copied_sources():
        source, copy = REPOSITORY / name, folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy)


def build_packages(context: Path, folder: Path) -> None:
    """Build the wheel as the Containerfile does, and unpack it as pip would."""
    text = CONTAINERFILE.read_text("utf-8")
    found = re.search(r"python (-m hatchling build .*?) --directory dist", text)
    assert found
    dist = context / "dist"
    command = [sys.executable, *found[1].split(), "--directory", str(dist)]
    subprocess.run(command, cwd=context, check=True, capture_output=True)
    [wheel] = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder)
