"""Decompress a received file to the delimited text in it.

The first bytes of a file show what it is; its name is chosen by the customer and proves nothing.
"""

import hashlib
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from isal.igzip_lib import DECOMP_GZIP, IgzipDecompressor, IsalError

from alumniq_pipelines.checking.foreign_formats import foreign_kind
from alumniq_pipelines.checking.zip_archive import ZIP, read_only_member
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
GZIP_READ_BYTES = 1 << 13
RATIO_COUNTS_FROM = 64 << 20
"""Bytes up to which any ratio is allowed: small files with few distinct values pack very well."""

WINDOW_BYTES = 256 << 20
"""The ratio is checked for each part of this size as well: otherwise a bomb behind data that hardly
packs could use up all that this data left of the budget."""

REPETITION_RATIO = 20
LINES_ALIKE = 50
"""One row repeated over and over packs no better than blank columns do (125 times with `gzip -1`),
so it is recognized by its lines: where rows have keys, each line occurs once. A part that expands
more than REPETITION_RATIO times repeats itself if less than 1 in LINES_ALIKE lines is distinct."""

GZIP = b"\x1f\x8b"
ZSTD = (b"\x28\xb5\x2f\xfd", *(bytes([low, 0x2A, 0x4D, 0x18]) for low in range(0x50, 0x60)))
"""First bytes of a frame, or of a skippable frame, which pzstd writes first."""

ZSTD_WINDOW_LOG = 27
"""How far back a frame may refer, as a power of two: reading it takes that much memory."""

Packing = Literal["gzip", "zip", "zstd"]

Fraction = Callable[[float], None]
"""Takes how much of the file is done, from 0 to 1."""


class Readable(Protocol):
    """A stream of decompressed bytes."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` more bytes; none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a compressed file may expand: in bytes, and in bytes per compressed byte."""

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
    """Return the text of a received file, at its own path if not compressed; raises FileProblem."""
    size = received.stat().st_size
    if not size:
        raise EmptyFile
    with received.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        head = file.read(CHUNK_BYTES)
        file.seek(0)
        path = received
        packing = _packing_of(head)
        if packing is not None:
            path = scratch / "decoded"
            budget = _ExpansionBudget(limits)
            with _translate_archive_errors(file), path.open("wb") as copy:
                for chunk in _expanded(file, packing):
                    budget.use(chunk, file.tell())
                    copy.write(chunk)
    if packing is not None:
        with path.open("rb") as decoded:
            head = decoded.read(CHUNK_BYTES)
    if not head:
        raise EmptyFile
    _refuse_foreign(head, packing)
    progress(1.0)
    return Decoded(path, size, sha256)


@dataclass(slots=True)
class _ExpansionBudget:
    """How far a compressed file may expand, by how much of it was read so far.

    If its whole size counted, a bomb of 15 MB could expand to 3 GB before it is recognized.
    """

    limits: Limits
    used: int = 0
    window: tuple[int, int] = (0, 0)

    def use(self, chunk: bytes, read: int) -> None:
        """Account for a chunk, after so many bytes of the file were read.

        Raises ExpandsTooFar or RepeatsItself.
        """
        self.used += len(chunk)
        limits = self.limits
        if self.used > min(limits.max_bytes, max(RATIO_COUNTS_FROM, read * limits.max_ratio)):
            raise ExpandsTooFar(limits.max_bytes, limits.max_ratio)
        expanded, packed = self.used - self.window[0], read - self.window[1]
        if expanded < WINDOW_BYTES:
            return
        if expanded > packed * limits.max_ratio:
            raise ExpandsTooFar(limits.max_bytes, limits.max_ratio)
        lines = chunk.splitlines()  # one chunk stands for the window
        if expanded > packed * REPETITION_RATIO and len(set(lines)) * LINES_ALIKE < len(lines):
            raise RepeatsItself
        self.window = self.used, read


@contextmanager
def _translate_archive_errors(file: BinaryIO) -> Iterator[None]:
    """Raise the many errors that a damaged archive causes as problems of the file."""
    try:
        yield
    except EOFError:
        raise TruncatedArchive from None
    except zstd.ZstdError as error:
        if "too much memory" in str(error):  # it has no other mark than its message
            raise NeedsMuchMemory(1 << ZSTD_WINDOW_LOG) from None
        raise DamagedArchive(file.tell()) from None
    except (
        zipfile.BadZipFile,
        IsalError,  # type: ignore[misc]  # declared as an instance
        zlib.error,
        UnicodeDecodeError,  # its list of contents
    ):
        raise DamagedArchive(file.tell()) from None


def _packing_of(head: bytes) -> Packing | None:
    """Return how a file is packed, of the ways that are read here; None for all others."""
    if head.startswith(ZIP):
        return "zip"
    if head.startswith(GZIP):
        return "gzip"
    return "zstd" if head.startswith(ZSTD) else None


def _expanded(file: BinaryIO, packing: Packing) -> Iterator[bytes]:
    """Yield the decompressed content; the decompressors verify checksums and lengths."""
    match packing:
        case "zip":
            yield from read_only_member(file)
        case "gzip":
            yield from _gzip_members(file)
        case "zstd":
            bound: dict[int, int] = {zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG}
            with zstd.ZstdFile(file, options=bound) as text:
                yield from _chunks(text)


def _gzip_members(file: BinaryIO) -> Iterator[bytes]:
    """Yield the content of one gzip file after the other; padding with zeros is ignored (RFC 1952).

    The package has a class for it, but that blames other data behind the end for a missing end.
    """
    data = file.read(GZIP_READ_BYTES)
    while data:
        if data[: len(GZIP)] != GZIP[: len(data)]:
            raise DamagedArchive(file.tell())
        member = IgzipDecompressor(flag=DECOMP_GZIP)
        while not member.eof:
            yield member.decompress(data, CHUNK_BYTES)
            data = file.read(GZIP_READ_BYTES) if member.needs_input else b""
            if member.needs_input and not data:
                raise EOFError
        data = member.unused_data.lstrip(b"\0")
        while not data and (more := file.read(GZIP_READ_BYTES)):
            data = more.lstrip(b"\0")


def _chunks(text: Readable) -> Iterator[bytes]:
    while chunk := text.read(CHUNK_BYTES):
        yield chunk


def _refuse_foreign(head: bytes, packing: Packing | None) -> None:
    """Raise ForeignFormat if the text is obviously something else than delimited text."""
    if (kind := foreign_kind(head)) is not None:
        raise ForeignFormat(kind if packing is None else f"{kind}, packed in {packing}")
