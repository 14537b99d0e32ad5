"""Processes that work until their input is closed, or until they are killed."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def at_work(code: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Yield a process that runs code with a path, once it has printed `at work`."""
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(
        command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "at work\n"
        yield process
        if process.poll() is None:
            process.communicate()
