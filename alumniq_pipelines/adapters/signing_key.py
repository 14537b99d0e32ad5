"""The signing key of an installation without a secret store: a file only its owner can read."""

import os
from pathlib import Path

from alumniq_pipelines.files.private_files import make_folder


def read_key(path: Path) -> bytes | None:
    """Return the key; None if there is none yet."""
    try:
        return bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return None


def save_key(path: Path, key: bytes) -> None:
    """Save a new key; raises FileExistsError rather than replace one."""
    make_folder(path.parent)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
