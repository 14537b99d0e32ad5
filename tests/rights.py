"""Who may read which files: by their permissions, and tried as another user."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65_534
OTHERS = stat.S_IRWXG | stat.S_IRWXO
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="Only root can become another user.")


@contextmanager
def umask(value: int) -> Iterator[None]:
    """Run with a umask, whatever umask the tests were started with."""
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


def everything(folder: Path) -> Iterator[Path]:
    """Yield a folder and everything in it; links are not followed."""
    yield folder
    for parent, folders, files in os.walk(folder):
        yield from (Path(parent, name) for name in (*folders, *files))


def open_to_others(folder: Path) -> list[str]:
    """List what the group or others may read, write or enter, as `find` would, without links."""
    return [
        f"{found.st_mode:o} {path.relative_to(folder)}"
        for path in everything(folder)
        if not stat.S_ISLNK((found := path.lstat()).st_mode) and found.st_mode & OTHERS
    ]


def as_nobody(
    imports: str, code: str, *arguments: object, groups: Sequence[int] = ()
) -> subprocess.CompletedProcess[str]:
    """Run Python as the user nobody, as a member of these groups.

    It starts and imports as root, because only root may be able to read the interpreter.
    """
    become = f"import os; os.setgroups({list(groups)}); os.setgid({NOBODY}); os.setuid({NOBODY})"
    return subprocess.run(
        [sys.executable, "-c", f"{imports}\n{become}\n{code}", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


TRY = """
def can(path):
    try:
        list(path.iterdir()) if path.is_dir() else path.open("rb").close()
    except PermissionError:
        return False
    return True

print(json.dumps([path for path in sys.argv[1:] if can(pathlib.Path(path))]))
"""


def readable_by_nobody(folder: Path, groups: Sequence[int] = ()) -> set[str]:
    """Try to open every file and to list every folder as the user nobody, in these groups."""
    done = as_nobody("import json, pathlib, sys", TRY, *everything(folder), groups=groups)
    assert done.returncode == 0, done.stderr
    return {str(Path(path).relative_to(folder)) for path in json.loads(done.stdout)}
