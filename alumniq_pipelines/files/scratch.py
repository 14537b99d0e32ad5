"""The scratch folder of one load attempt, for temporary files."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alumniq_pipelines.core.problems.outage import ScratchUnavailable
from alumniq_pipelines.files.private_files import make_new_folder


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder, and delete it with its content afterwards.

    The remains of an attempt that died are deleted first. Raises ScratchUnavailable.
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        make_new_folder(folder)
    except OSError as error:
        raise ScratchUnavailable(error.strerror or type(error).__name__) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
