"""A bucket as the rest of the system sees it, and where in it a delivered file lies."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from alumniq_pipelines.core.problems import UnusableFilename
from alumniq_pipelines.core.target import Environment

MAX_KEY_BYTES = 1_024
"""S3's limit on the length of a key."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One object of a bucket; `etag` changes whenever its content does, and carries no quotes."""

    key: str
    size_bytes: int
    etag: str
    modified_at: datetime


class Bucket(Protocol):
    """One customer's bucket. Raises BucketUnavailable when the store is away."""

    def head(self, key: str) -> StoredFile | None:
        """Look at an object without reading it; None where there is none."""
        ...

    def fetch(self, key: str, destination: Path, etag: str | None = None) -> StoredFile | None:
        """Copy an object to a local file, all of one ETag, and say which; None where there is none.

        Raises FileChanged when `etag` is given and is no longer the object's, or when the object
        was replaced during the copy.
        """
        ...

    def put(self, key: str, source: Path) -> StoredFile:
        """Store a local file under a key, whole or not at all."""
        ...

    def names(self, prefix: str, most: int = 1_000) -> Iterable[StoredFile]:
        """List objects whose key starts with `prefix`, in order of key."""
        ...


class Buckets(Protocol):
    """The buckets of all customers, by bucket name."""

    def open(self, name: str) -> Bucket:
        """Open one customer's bucket; nothing is checked until it is used."""
        ...

    def create(self, name: str) -> Bucket:
        """Make the bucket unless it exists."""
        ...


def folder_of(environment: Environment) -> str:
    """Name the folder that the files of an environment are delivered to, with its slash."""
    return f"{environment}/warehouse/"


def object_key(environment: Environment, filename: str) -> str:
    """Turn the contract's `filename` into a key below the environment's folder and nothing else.

    Raises UnusableFilename.
    """
    parts = filename.split("/")
    if filename.startswith("/"):
        reason = "starts with a slash"
    elif any(part in {"", ".", ".."} for part in parts) or "\\" in filename:
        reason = "is a path that leads elsewhere"
    elif not filename.isprintable():
        reason = "holds characters that cannot be printed"
    elif len((folder_of(environment) + filename).encode("utf-8", "surrogatepass")) > MAX_KEY_BYTES:
        reason = f"is longer than {MAX_KEY_BYTES:,} bytes"
    else:
        return folder_of(environment) + filename
    raise UnusableFilename(reason)
