"""Encryption of stored secrets that must be shown again, under a key of the installation."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from alumniq_pipelines.core.problems.setup import UnusableSealingKey
from alumniq_pipelines.files.private_files import make_folder

KEY_FILE_NAME = "sealing.key"
"""The name of the key file in the data folder."""


@dataclass(frozen=True, slots=True)
class SecretCipher:
    """Encrypts with the first key of a file, decrypts with any; to rotate, add a new first one."""

    keys: MultiFernet

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read the keys from a file, which is created on first use and readable by its owner only.

        Raises UnusableSealingKey.
        """
        with suppress(FileExistsError):
            make_folder(path.parent)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(Fernet.generate_key() + b"\n")
        try:
            return cls.of(path.read_text(encoding="ascii"), KEY_FILE_NAME)
        except (OSError, ValueError):
            raise UnusableSealingKey(KEY_FILE_NAME) from None

    @classmethod
    def of(cls, keys: str, source: str) -> Self:
        """Take the keys from a text, one per line; raises UnusableSealingKey with its source."""
        try:
            return cls(MultiFernet([Fernet(line) for line in keys.split()]))
        except ValueError:
            raise UnusableSealingKey(source) from None

    def encrypt(self, secret: str) -> str:
        """Encrypt a secret."""
        return self.keys.encrypt(secret.encode()).decode()

    def decrypt(self, encrypted: str) -> str:
        """Decrypt a secret; raises UnusableSealingKey if none of the keys fits."""
        try:
            return self.keys.decrypt(encrypted).decode()
        except InvalidToken:
            raise UnusableSealingKey(KEY_FILE_NAME) from None
