"""A bucket as the rest of the system sees it, and where in it delivered files are."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from alumniq_pipelines.core.loads.customer import BUCKET_PATTERN
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.problems.code_points import format_code_points
from alumniq_pipelines.core.problems.command import UnusableBucket
from alumniq_pipelines.core.problems.filename import UnusableFilename

MAX_KEY_BYTES = 1_024
"""S3's limit on the length of a key."""

MAX_LISTED = 10_000
"""How many objects of a folder are looked at: rejection reports are among them, and stay for years.
A store lists them in questions of 1,000 each."""

FOLDER = "warehouse"
"""Where files are delivered to, below the folder of an environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One object of a bucket; `etag` changes whenever its content does, and carries no quotes."""

    key: str
    size_bytes: int
    etag: str
    modified_at: datetime


class Bucket(Protocol):
    """One customer's bucket. Raises BucketUnavailable when the store is away.

    A key that is not valid (see `object_key_error`) reads as None and cannot be put. Errors of the
    local file are raised as they are, as OSError.
    """

    def head(self, key: str) -> StoredFile | None:
        """Look at an object without reading it; None where there is none."""
        ...

    def fetch(self, key: str, destination: Path, etag: str | None = None) -> StoredFile | None:
        """Copy an object to a local file, all of one ETag, and return it; None if there is none.

        Raises FileChanged when `etag` is given and is no longer the object's, or when the object
        was replaced during the copy; nothing is left at `destination` then.
        """
        ...

    def put(self, key: str, source: Path) -> StoredFile:
        """Store a local file under a key, whole or not at all; raises UnusableFilename."""
        ...

    def list_objects(self, prefix: str, limit: int = 1_000) -> Iterable[StoredFile]:
        """List objects whose key starts with `prefix`, in order of key."""
        ...

    def check(self) -> None:
        """Check that objects can be listed, read and written, and leave nothing behind."""
        ...


class Buckets(Protocol):
    """The buckets of all customers, by bucket name. `open` and `create` raise UnusableBucket."""

    @property
    def is_remote(self) -> bool:
        """Whether they are asked over the network, where one question takes long or hangs."""
        ...

    def open(self, name: str) -> Bucket:
        """Open one customer's bucket; whether it exists shows when it is used."""
        ...

    def create(self, name: str) -> Bucket:
        """Create the bucket unless it exists."""
        ...

    def ping(self) -> None:
        """Check that the store responds; raises BucketUnavailable."""
        ...


def folder_of(environment: Environment) -> str:
    """Return the folder that files of an environment are delivered to, with its slash."""
    return f"{environment}/{FOLDER}/"


def object_key(environment: Environment, filename: str) -> str:
    """Return the key of the contract's `filename`, which is always below the environment's folder.

    Raises UnusableFilename.
    """
    key = folder_of(environment) + filename
    error = object_key_error(key)
    if error is not None:
        raise UnusableFilename(error)
    return key


def object_key_error(key: str) -> str | None:
    """Return why a key is not valid, as a clause that follows 'The filename'."""
    if "\\" in key or any(part in {"", ".", ".."} for part in key.split("/")):
        return "has an empty part, a part `.` or `..`, or a backslash"
    if not key.isprintable():
        unprintable = "".join(character for character in key if not character.isprintable())
        return f"contains characters that cannot be printed: {format_code_points(unprintable)}"
    if len(key.encode()) > MAX_KEY_BYTES:
        return f"is longer than {MAX_KEY_BYTES:,} bytes with its folder"
    return None


def validate_bucket_name(name: str) -> str:
    """Return the name if it is a valid bucket name; raises UnusableBucket."""
    if not BUCKET_PATTERN.fullmatch(name):
        raise UnusableBucket(name)
    return name
