"""Downloads: a file is written completely or not at all."""

from collections.abc import Iterable
from pathlib import Path

from alumniq_pipelines.files.private_files import create_file

CHUNK_BYTES = 1_048_576
"""How much of a file is held in memory at once."""


def write_completely(chunks: Iterable[bytes], destination: Path) -> None:
    """Write chunks to a file; if one of them fails, no partial file is left."""
    try:
        with create_file(destination) as file:
            file.writelines(chunks)
    except BaseException:
        destination.unlink(missing_ok=True)
        raise
