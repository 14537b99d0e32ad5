"""Programs that tests need of the system: without one they are skipped here, and fail in CI."""

import os
import shutil

import pytest


def require_program(package: str, *names: str) -> str:
    """Return the path of the first of these programs that is installed, by Debian's package."""
    path = next((path for name in names if (path := shutil.which(name))), None)
    if path is not None:
        return path
    reason = f"There is no {names[0]} here: install the package `{package}`."
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
