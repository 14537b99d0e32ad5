"""Flushing to disk: what was synced survives a power cut."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Flush a file's content, or a folder's names, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
