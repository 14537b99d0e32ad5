"""Buckets as local folders, in the embedded profile."""

import errno
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from alumniq_pipelines.adapters.bucket.download import CHUNK_BYTES, write_completely
from alumniq_pipelines.core.loads.bucket import (
    StoredFile,
    folder_of,
    object_key_error,
    validate_bucket_name,
)
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.problems.filename import UnusableFilename
from alumniq_pipelines.core.problems.outage import BucketUnavailable, FileChanged
from alumniq_pipelines.files.disk_sync import sync
from alumniq_pipelines.files.private_files import create_file, make_folder

INCOMPLETE_PREFIX = ".incoming-"
"""The prefix of files that are still being written; they are no objects yet."""

NOT_FOUND_ERRNOS = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO}
"""Errors that mean "no such object": no such name, a link, a socket and so on."""


@dataclass(frozen=True, slots=True)
class FolderBucket:
    """One bucket: a folder whose files are the objects.

    Links are not followed, so nothing outside the folder is ever read. Customers may copy files
    into the folder by hand, and a plain copy grows under its final name: a file that changed within
    the last `settle_seconds` is read only after that time, and only if it did not change meanwhile.
    """

    root: Path
    settle_seconds: float = 1.0

    def head(self, key: str) -> StoredFile | None:
        """Return the facts of an object without reading it; None if there is none."""
        with _errors_as_outage():
            descriptor = _descriptor(self.root, key)
            if descriptor is None:
                return None
            try:
                return _stored(key, os.fstat(descriptor))
            finally:
                os.close(descriptor)

    def fetch(self, key: str, destination: Path, etag: str | None = None) -> StoredFile | None:
        """Copy an object to a local file and return its facts; None if there is none.

        All bytes are of one ETag. Raises FileChanged, and leaves no file, if that is not or no
        longer `etag`.
        """
        with self._open_object(key) as source:
            if source is None:
                return None
            found = os.fstat(source.fileno())
            stored = _stored(key, found)
            if etag not in {None, stored.etag}:
                raise FileChanged(key)
            # Wait until a file that is still being written would have changed again; never longer
            # than that, whatever a clock that was set back makes of its age.
            age = time.time() - found.st_ctime
            time.sleep(min(self.settle_seconds, max(0.0, self.settle_seconds - age)))
            write_completely(_chunks(source, stored), destination)
            return stored

    def put(self, key: str, source: Path) -> StoredFile:
        """Store a local file under a key: written under a temporary name, then renamed."""
        key_error = object_key_error(key)
        if key_error is not None:
            raise UnusableFilename(key_error)
        path = self.root / key
        unfinished = path.with_name(INCOMPLETE_PREFIX + secrets.token_hex(8))
        with source.open("rb") as content, _errors_as_outage():
            self.root.stat()
            make_folder(path.parent)
            try:
                with create_file(unfinished, exclusive=True) as file:
                    shutil.copyfileobj(content, file, CHUNK_BYTES)
                    file.flush()
                    os.fsync(file.fileno())
                    unfinished.replace(path)
                    stored = _stored(key, os.fstat(file.fileno()))
            finally:
                unfinished.unlink(missing_ok=True)
            sync(path.parent)
        return stored

    def check(self) -> None:
        """Check that the folder can be listed, read and written, and leave nothing behind."""
        with _errors_as_outage():
            next(self.root.iterdir(), None)
            with tempfile.TemporaryFile(dir=self.root):  # has no name, so it is no object
                pass

    def list_objects(self, prefix: str, limit: int = 1_000) -> Sequence[StoredFile]:
        """List objects whose key starts with `prefix`, in order of key."""
        if object_key_error(f"{prefix}x") is not None:
            return []
        with _errors_as_outage():
            self.root.stat()
            keys = (key for key in self._keys(prefix.rpartition("/")[0]) if key.startswith(prefix))
            found = []
            for key in sorted(keys, key=str.encode)[:limit]:
                with suppress(FileNotFoundError):
                    found.append(_stored(key, (self.root / key).lstat()))
            return found

    def _keys(self, folder: str) -> Iterator[str]:
        """Yield the keys of the objects in a folder and below, in no particular order."""
        for parent, _, files in os.walk(self.root / folder):
            for name in files:
                path = Path(parent, name)
                key = path.relative_to(self.root).as_posix()
                if name.startswith(INCOMPLETE_PREFIX) or object_key_error(key) is not None:
                    continue
                if path.is_file() and not path.is_symlink():
                    yield key

    @contextmanager
    def _open_object(self, key: str) -> Iterator[BinaryIO | None]:
        """Yield an object opened for reading, or None; the bucket's folder must exist."""
        with _errors_as_outage():
            descriptor = _descriptor(self.root, key)
        if descriptor is None:
            yield None
            return
        with os.fdopen(descriptor, "rb", buffering=0) as source:
            yield source


@dataclass(frozen=True, slots=True)
class FolderBuckets:
    """All buckets, in one folder."""

    root: Path
    settle_seconds: float = 1.0

    @property
    def is_remote(self) -> bool:
        """A folder is not asked over the network."""
        return False

    def open(self, name: str) -> FolderBucket:
        """Return a customer's bucket; whether it exists is checked only when it is used."""
        return FolderBucket(self.root / validate_bucket_name(name), self.settle_seconds)

    def create(self, name: str) -> FolderBucket:
        """Create the bucket unless it exists, with the folders for deliveries."""
        bucket = self.open(name)
        with _errors_as_outage():
            for environment in Environment:
                make_folder(bucket.root / folder_of(environment))
        return bucket

    def ping(self) -> None:
        """Check that the folder exists and can be read."""
        with _errors_as_outage(), os.scandir(self.root):
            pass


def _descriptor(root: Path, key: str) -> int | None:
    """Open a key part by part, so that no link is followed, even one that is created meanwhile."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    *folders, name = key.split("/")
    try:
        if object_key_error(key) is not None or name.startswith(INCOMPLETE_PREFIX):
            return None
        for part in folders:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = below
        # Without O_NONBLOCK, opening a named pipe would wait for its writer.
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        if error.errno in NOT_FOUND_ERRNOS:
            return None
        raise
    finally:
        os.close(folder)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None


def _stored(key: str, found: os.stat_result) -> StoredFile:
    """Return the facts of a file, with an ETag that needs no reading and changes with every write.

    The ETag includes the change time (ctime), which, unlike the modification time, no tool can set
    back: not even `cp -p`.
    """
    etag = f"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}-{found.st_ctime_ns:x}"
    modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
    return StoredFile(key=key, size_bytes=found.st_size, etag=etag, modified_at=modified_at)


def _chunks(source: BinaryIO, stored: StoredFile) -> Iterator[bytes]:
    """Yield the content of a file; raises FileChanged if it changed since `stored`."""
    with _errors_as_outage():
        while chunk := source.read(CHUNK_BYTES):
            yield chunk
        if _stored(stored.key, os.fstat(source.fileno())) != stored:
            raise FileChanged(stored.key)


@contextmanager
def _errors_as_outage() -> Iterator[None]:
    """Raise BucketUnavailable for errors of the file system."""
    try:
        yield
    except OSError as error:
        raise BucketUnavailable(type(error).__name__) from None
