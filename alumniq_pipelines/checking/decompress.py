"""Decoding: from the file as it was received to the delimited text in it.

What a file is shows in its first bytes; its name is the customer's choice and proves nothing.
"""

import gzip
import hashlib
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from alumniq_pipelines.checking.zip_archive import read_only_member
from alumniq_pipelines.core.problems.file import EmptyFile, ForeignFormat
from alumniq_pipelines.core.problems.packing import (
    DamagedArchive,
    ExpandsTooFar,
    NeedsMuchMemory,
    RepeatsItself,
    TruncatedArchive,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CHUNK_BYTES = 1 << 20
RATIO_COUNTS_FROM = 64 << 20
"""Bytes up to which any ratio is let pass: small files of few distinct values pack very well."""

WINDOW_BYTES = 256 << 20
"""The ratio holds for each part of this size as well: a bomb behind what hardly packs would be
given all the room that this left over."""

REPETITION_RATIO = 20
LINES_ALIKE = 50
"""One row over and over packs no better than blank columns do (by `gzip -1` 125 times), and so is
known by its lines. Where rows have keys, each line is there once."""

FOREIGN_FORMATS = {
    b"%PDF": "a PDF document",
    b"PAR1": "a Parquet file",
    b"\xd0\xcf\x11\xe0": "an Excel workbook of the old kind",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
    b"{\\rtf": "an RTF document",
    b"BZh": "a file compressed by bzip2",
    b"\xfd7zXZ": "a file compressed by xz",
    b"7z\xbc\xaf": "a file compressed by 7-Zip",
    b"Rar!": "a file compressed by RAR",
    b"\x1f\x8b": "a file compressed twice",
    b"\x28\xb5\x2f\xfd": "a file compressed twice",
    b"-----BEGIN PGP": "an encrypted file",
}
"""First bytes, and what they are the sign of."""

FOREIGN_TEXTS = {
    b"<!doctype html": "a web page, perhaps the error page of a download that failed",
    b"<html": "a web page, perhaps the error page of a download that failed",
    b"<?xml": "an XML document",
    b"{": "JSON",
    b"[": "JSON",
}
"""The same, behind blanks and in any case."""

GZIP = b"\x1f\x8b"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
ZSTD = (b"\x28\xb5\x2f\xfd", *(bytes([low, 0x2A, 0x4D, 0x18]) for low in range(0x50, 0x60)))
"""First bytes of a frame, or of one to be skipped, such as pzstd begins with."""

ZSTD_WINDOW_LOG = 27
"""How far back a frame may refer, as a power of two: this much memory is needed to read it."""

Fraction = Callable[[float], None]
"""Told how much of the file is done, 0 to 1."""


class Readable(Protocol):
    """What hands out expanded bytes."""

    def read(self, size: int, /) -> bytes:
        """Answer up to `size` more of them; none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a compressed file may expand: in bytes, and in bytes per byte of it."""

    max_bytes: int = 50 << 30
    max_ratio: int = 200


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Decoded:
    """The delimited text, and the size and SHA-256 of the file as it was received."""

    path: Path
    size_bytes: int
    sha256: str


def decode(received: Path, scratch: Path, limits: Limits, progress: Fraction) -> Decoded:
    """Decode a received file; one that is not compressed stays where it is. Raises FileProblem."""
    size = received.stat().st_size
    if not size:
        raise EmptyFile
    with received.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        head = file.read(CHUNK_BYTES)
        file.seek(0)
        path = received
        if head.startswith((GZIP, *ZIP, *ZSTD)):
            path = scratch / "decoded"
            with _translate_archive_errors(file):
                _decompress(file, head, path, _ExpansionBudget(limits))
    if path is not received:
        with path.open("rb") as decoded:
            head = decoded.read(CHUNK_BYTES)
    if not head:
        raise EmptyFile
    _refuse_foreign(head)
    progress(1.0)
    return Decoded(path, size, sha256)


@dataclass(slots=True)
class _ExpansionBudget:
    """What is left of the room a compressed file may take, by how much of it was read so far.

    Measured by its whole size, a bomb of 15 MB would be given 3 GB before it is known for one.
    """

    limits: Limits
    used: int = 0
    window: tuple[int, int] = (0, 0)

    def use(self, chunk: bytes, read: int) -> None:
        """Take room for a chunk, once so many bytes of the file were read.

        Raises ExpandsTooFar and RepeatsItself.
        """
        self.used += len(chunk)
        limits = self.limits
        if self.used > min(limits.max_bytes, max(RATIO_COUNTS_FROM, read * limits.max_ratio)):
            raise ExpandsTooFar(limits.max_bytes, limits.max_ratio)
        if self.used - self.window[0] >= WINDOW_BYTES:
            self._close_window(chunk, read)

    def _close_window(self, chunk: bytes, read: int) -> None:
        expanded, packed = self.used - self.window[0], read - self.window[1]
        if expanded > packed * self.limits.max_ratio:
            raise ExpandsTooFar(self.limits.max_bytes, self.limits.max_ratio)
        if expanded > packed * REPETITION_RATIO and _repeats(chunk):
            raise RepeatsItself
        self.window = self.used, read


def _repeats(chunk: bytes) -> bool:
    """Whether hardly a line is not there many times."""
    lines = chunk.splitlines()
    return len(set(lines)) * LINES_ALIKE < len(lines)


@contextmanager
def _translate_archive_errors(file: BinaryIO) -> Iterator[None]:
    """Tell of all the ways in which a damaged archive shows itself."""
    try:
        yield
    except EOFError:
        raise TruncatedArchive from None
    except zstd.ZstdError as error:
        if "too much memory" in str(error):
            raise NeedsMuchMemory(1 << ZSTD_WINDOW_LOG) from None
        raise DamagedArchive(file.tell()) from None
    except (
        gzip.BadGzipFile,
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,  # a zip archive for a reader of the future, or so it says
        UnicodeDecodeError,  # its list of contents
    ):
        raise DamagedArchive(file.tell()) from None


def _decompress(file: BinaryIO, head: bytes, path: Path, budget: "_ExpansionBudget") -> None:
    """Write out what is compressed; checksums and lengths are verified by who expands it."""
    with path.open("wb") as copy:
        for chunk in _expanded(file, head):
            budget.use(chunk, file.tell())
            copy.write(chunk)


def _expanded(file: BinaryIO, head: bytes) -> Iterator[bytes]:
    if head.startswith(ZIP):
        yield from read_only_member(file)
    elif head.startswith(GZIP):
        with gzip.GzipFile(fileobj=file) as text:
            yield from _chunks(text)
    else:
        bound: dict[int, int] = {zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG}
        with zstd.ZstdFile(file, options=bound) as text:
            yield from _chunks(text)


def _chunks(text: Readable) -> Iterator[bytes]:
    while chunk := text.read(CHUNK_BYTES):
        yield chunk


def _refuse_foreign(head: bytes) -> None:
    """Refuse what is plainly no delimited text, by what it is."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:32].lower()
    for beginning, kinds in ((head, FOREIGN_FORMATS), (text, FOREIGN_TEXTS)):
        for sign, kind in kinds.items():
            if beginning.startswith(sign):
                raise ForeignFormat(kind)
