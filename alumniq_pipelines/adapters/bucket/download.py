"""Writing down what a bucket sends, whole or not at all."""

from collections.abc import Iterable
from pathlib import Path

from alumniq_pipelines.files.private_files import create_file

CHUNK_BYTES = 1_048_576
"""As much of a file as is held in memory at once."""


def write_completely(chunks: Iterable[bytes], destination: Path) -> None:
    """Write chunks to a file; where one of them fails to come, no half file is left behind."""
    try:
        with create_file(destination) as file:
            file.writelines(chunks)
    except BaseException:
        destination.unlink(missing_ok=True)
        raise
