"""The archive: a folder in the data folder, or a separate bucket in S3."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from alumniq_pipelines.core.loads.archive import ArchivedFile
from alumniq_pipelines.core.problems.outage import ArchiveUnavailable
from alumniq_pipelines.core.problems.request import RequestProblem
from alumniq_pipelines.files.disk_sync import sync
from alumniq_pipelines.files.private_files import PRIVATE_FILE, make_folder

if TYPE_CHECKING:
    from alumniq_pipelines.adapters.bucket.s3 import S3Bucket

INCOMPLETE_SUFFIX = ".part"


@dataclass(frozen=True, slots=True)
class FolderArchive:
    """Implements core's Archive below one folder."""

    folder: Path

    def put(self, name: str, file: Path, *, durably: bool = False) -> None:
        """Store a file: on the same disk as a hard link, which needs no copying."""
        path = self.folder / name
        with _errors_as_outage():
            make_folder(path.parent)
            part = path.with_name(f"{path.name}.{os.getpid()}{INCOMPLETE_SUFFIX}")
            part.unlink(missing_ok=True)
            try:
                try:
                    os.link(file, part)
                except OSError:  # another disk, or one without hard links
                    shutil.copyfile(file, part)
                part.chmod(PRIVATE_FILE)
                os.utime(part)  # retention counts from now, not from when the file was received
                if durably:
                    sync(part)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
            if durably:
                sync(path.parent)

    def get(self, name: str, destination: Path) -> bool:
        """Copy a stored file; no link, since callers may change the copy."""
        with _errors_as_outage():
            try:
                shutil.copyfile(self.folder / name, destination)
            except FileNotFoundError:
                return False
        return True

    def remove(self, name: str) -> None:
        """Delete a file."""
        with _errors_as_outage():
            (self.folder / name).unlink(missing_ok=True)

    def list_files(self, prefix: str) -> Sequence[ArchivedFile]:
        """List the files of a folder, oldest first."""
        with _errors_as_outage():
            found = [
                ArchivedFile(
                    path.relative_to(self.folder).as_posix(),
                    datetime.fromtimestamp(path.stat().st_mtime, UTC),
                )
                for path in (self.folder / prefix).glob("*")
                if path.is_file() and path.suffix != INCOMPLETE_SUFFIX
            ]
        return sorted(found, key=lambda file: file.stored_at)


@dataclass(frozen=True, slots=True)
class BucketArchive:
    """Implements core's Archive in a bucket that no customer has."""

    bucket: "S3Bucket"

    def put(self, name: str, file: Path, *, durably: bool = False) -> None:
        """Store a file; S3 stores objects completely or not at all, and durably."""
        del durably
        self.bucket.put(name, file)

    def get(self, name: str, destination: Path) -> bool:
        """Download a stored file; one that has to be restored first is unavailable."""
        try:
            return self.bucket.fetch(name, destination) is not None
        except RequestProblem as problem:
            raise ArchiveUnavailable(problem.code) from None

    def remove(self, name: str) -> None:
        """Delete an object."""
        self.bucket.remove(name)

    def list_files(self, prefix: str) -> Sequence[ArchivedFile]:
        """List objects, oldest first."""
        found = [
            ArchivedFile(stored_file.key, stored_file.modified_at)
            for stored_file in self.bucket.list_objects(prefix, limit=10**6)
        ]
        return sorted(found, key=lambda file: file.stored_at)


@contextmanager
def _errors_as_outage() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArchiveUnavailable(error.strerror or type(error).__name__) from None
