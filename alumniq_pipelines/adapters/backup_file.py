"""A backup as a file: a tar archive, compressed by zstd, with its manifest at the end.

    keys/signing.key                                 a file as it was
    warehouse/iqu_qa/members__v17.copy/000001        a part of a stream of unknown length

`tar --zstd --extract --file FILE` unpacks it without this program.
"""

import fcntl
import hashlib
import io
import json
import os
import re
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, count, groupby
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from alumniq_pipelines.core.loads.backup import FORMAT, MANIFEST, BackupEntry, Manifest, Member
from alumniq_pipelines.core.problems.backup import (
    BackupExists,
    BackupOfNewerRelease,
    BackupUnusable,
)
from alumniq_pipelines.core.problems.paths import OutputNotWritable
from alumniq_pipelines.files.disk_sync import sync
from alumniq_pipelines.files.private_files import PRIVATE_FILE

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CHUNK_BYTES = 1 << 20
PART_BYTES = 8 << 20
"""A stream is written in parts of this size: tar needs the size of a file before its content."""
MAX_MANIFEST_BYTES = 1 << 30
OTHER_BACKUP = "another backup is being written to it"
STREAM_PART = re.compile(r"(warehouse/.+\.copy)/\d{6,}")
READ_ERRORS = (tarfile.TarError, zstd.ZstdError, EOFError, OSError, UnicodeError, ValueError)

Progress = Callable[[int], None]
"""Takes how many more bytes were written or read."""


@dataclass
class BackupFile:
    """Implements core's BackupWriter on an open tar archive."""

    tar: tarfile.TarFile
    progress: Progress
    members: dict[str, Member] = field(default_factory=dict)

    def add_file(self, name: str, file: BinaryIO, modified_at: datetime | None = None) -> None:
        """Add an open file as long as it is now."""
        size = os.fstat(file.fileno()).st_size
        self._add(name, size, file, modified_at)

    def add_bytes(self, name: str, content: bytes) -> None:
        """Add a small file."""
        self._add(name, len(content), io.BytesIO(content), None)

    def add_stream(self, name: str, chunks: Iterable[bytes]) -> None:
        """Add a stream in parts, of which one at a time is in memory."""
        numbers, part = count(1), bytearray()
        for chunk in chunks:
            part += chunk
            if len(part) >= PART_BYTES:
                self.add_bytes(f"{name}/{next(numbers):06}", bytes(part))
                part.clear()
        if part:
            self.add_bytes(f"{name}/{next(numbers):06}", bytes(part))

    def _add(self, name: str, size: int, file: BinaryIO, modified_at: datetime | None) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, PRIVATE_FILE
        info.mtime = (modified_at or datetime.now(UTC)).timestamp()
        reader = _HashingReader(file, self.progress)
        self.tar.addfile(info, reader)
        self.members[name] = Member(size=size, sha256=reader.digest.hexdigest())


class _HashingReader(io.RawIOBase):
    """A file that is hashed while it is read."""

    def __init__(self, file: BinaryIO, progress: Progress) -> None:
        self.file, self.progress, self.digest = file, progress, hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        """Read and hash."""
        chunk = self.file.read(size)
        self.digest.update(chunk)
        self.progress(len(chunk))
        return chunk


@contextmanager
def create_backup(path: Path, progress: Progress, *, force: bool) -> Iterator[BackupFile]:
    """Yield a new backup, which gets its name when it is complete and on disk.

    Only its owner can read it. Raises BackupExists and OutputNotWritable.
    """
    if path.exists() and not force:
        raise BackupExists(str(path))
    part = path.absolute().with_name(f".{path.name}.part")
    try:
        with _locked_file(part) as raw:
            with (
                zstd.ZstdFile(raw, "w") as packed,
                tarfile.open(
                    fileobj=packed, mode="w|", bufsize=CHUNK_BYTES, format=tarfile.PAX_FORMAT
                ) as tar,
            ):
                yield BackupFile(tar, progress)
            raw.flush()
            os.fsync(raw.fileno())
            part.replace(path)
            sync(part.parent)
    except OSError as error:
        raise OutputNotWritable(error.strerror or type(error).__name__) from None


@contextmanager
def _locked_file(part: Path) -> Iterator[BinaryIO]:
    """Yield the empty file of a temporary name, and delete it if it is not renamed by the end.

    What a killed backup has left is written over.
    """
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_FILE)
    with os.fdopen(descriptor, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputNotWritable(OTHER_BACKUP) from None
        # Between opening and locking, another backup may have renamed it: it is complete now.
        if not part.exists() or not part.samefile(f"/dev/fd/{file.fileno()}"):
            raise OutputNotWritable(OTHER_BACKUP)
        file.truncate()
        try:
            yield file
        except BaseException:
            part.unlink(missing_ok=True)
            raise


@dataclass(frozen=True, slots=True)
class BackupReader:
    """A backup that is open for reading: `verify` it before any entry is used."""

    file: BinaryIO
    name: str
    progress: Progress

    def verify(self) -> Manifest:
        """Read the whole backup once, and return its manifest.

        Raises BackupUnusable unless every file is there, in order and undamaged, and nothing else,
        and BackupOfNewerRelease if the manifest is of a newer format.
        """
        found: dict[str, Member] = {}
        manifest = b""
        with self._errors_as_problem(), self._open() as tar:
            for info in tar:
                self._check(info, found)
                digest, size = hashlib.sha256(), 0
                for chunk in _chunks(tar, [info]):
                    digest.update(chunk)
                    size += len(chunk)
                    if info.name == MANIFEST and size <= MAX_MANIFEST_BYTES:
                        manifest += chunk
                found[info.name] = Member(size=size, sha256=digest.hexdigest())
        if not found or list(found)[-1] != MANIFEST:
            raise BackupUnusable(self.name, "it is incomplete: it has no manifest at its end")
        del found[MANIFEST]
        described = self._parse(manifest)
        if list(described.members) != list(found):
            raise BackupUnusable(self.name, "its files are not those of its manifest")
        damaged = [name for name, member in described.members.items() if found[name] != member]
        if damaged:
            raise BackupUnusable(self.name, f"{damaged[0]} in it is damaged")
        return described

    def entries(self) -> Iterator[BackupEntry]:
        """Yield the entries without the manifest; each has to be read before the next."""
        with self._errors_as_problem(), self._open() as tar:
            for name, group in groupby(tar, key=_entry_name):
                if name == MANIFEST:
                    return
                first = next(group)
                yield BackupEntry(
                    name=name,
                    modified_at=datetime.fromtimestamp(first.mtime, UTC),
                    chunks=_chunks(tar, chain([first], group)),  # noqa: B031 - the rest of it
                )

    def _check(self, info: tarfile.TarInfo, found: dict[str, Member]) -> None:
        """Raise BackupUnusable for anything but a plain file in a folder of the backup.

        Nothing is ever extracted under a name of the archive alone, but parts of names become parts
        of paths.
        """
        parts = info.name.split("/")
        is_safe = info.isreg() and info.name.isprintable() and "\\" not in info.name
        if not is_safe or {"", ".", ".."} & set(parts):
            raise BackupUnusable(self.name, f"it holds {info.name!r}, which is no backup's file")
        if info.name in found:
            raise BackupUnusable(self.name, f"it holds {info.name!r} twice")

    def _parse(self, manifest: bytes) -> Manifest:
        try:
            values = json.loads(manifest)
            if values["format"] > FORMAT:
                raise BackupOfNewerRelease(
                    str(values.get("release")), str(values.get("revision")), f"format {FORMAT}"
                )
            return Manifest.model_validate(values)
        except (ValidationError, ValueError, KeyError, TypeError, AttributeError):
            raise BackupUnusable(self.name, "its manifest cannot be read") from None

    @contextmanager
    def _open(self) -> Iterator[tarfile.TarFile]:
        self.file.seek(0)
        counted = _CountedFile(self.file, self.progress)
        with (
            zstd.ZstdFile(counted) as unpacked,
            tarfile.open(fileobj=unpacked, mode="r|", bufsize=CHUNK_BYTES) as tar,
        ):
            yield tar

    @contextmanager
    def _errors_as_problem(self) -> Iterator[None]:
        try:
            yield
        except READ_ERRORS as error:
            reason = f"it is damaged or no backup ({type(error).__name__})"
            raise BackupUnusable(self.name, reason) from None


class _CountedFile(io.RawIOBase):
    """A file whose reading is reported."""

    def __init__(self, file: BinaryIO, progress: Progress) -> None:
        self.file, self.progress = file, progress

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Read, and report how much."""
        chunk = self.file.read(size)
        self.progress(len(chunk))
        return chunk


@contextmanager
def open_backup(path: Path, progress: Progress) -> Iterator[BackupReader]:
    """Yield a backup for reading; raises BackupUnusable."""
    try:
        file = path.open("rb")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BackupUnusable(str(path), reason) from None
    with file:
        yield BackupReader(file, str(path), progress)


def _entry_name(info: tarfile.TarInfo) -> str:
    """Return the name of the entry that a member is, or is a part of."""
    part = STREAM_PART.fullmatch(info.name)
    return part[1] if part else info.name


def _chunks(tar: tarfile.TarFile, infos: Iterable[tarfile.TarInfo]) -> Iterator[bytes]:
    for info in infos:
        file = tar.extractfile(info)
        while file is not None and (chunk := file.read(CHUNK_BYTES)):
            yield chunk
