"""Read the one text file in a zip archive, and verify its declared size and checksum.

The standard library reads the list of contents, but only after it is known to be short: an entry
takes a kilobyte of memory, and an archive of 200 MB can list 3,000,000. It also trusts the declared
size of a file and cuts off anything longer, so the file itself is decompressed here.
"""

import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from alumniq_pipelines.core.problems.file import ForeignFormat
from alumniq_pipelines.core.problems.packing import (
    DamagedArchive,
    TooManyMembers,
    TruncatedArchive,
    UnusableArchive,
)

CHUNK_BYTES = 1 << 20
PACKED_BYTES = 1 << 14
"""Read at a time: small, so that the ratio of what was read to what it expanded to is exact."""

MAX_ENTRIES = 10_000
MAX_LIST_BYTES = 2 << 20
"""Limit of the list of contents: some 20,000 entries, which take 25 MB of memory."""

END_BYTES, END64_BYTES, LOCATOR_BYTES = 22, 56, 20
END, END64, LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
"""The end records: of any archive, of a large one (zip64), and the locator of the latter."""

MAX_COMMENT_BYTES = 1 << 16

LOCAL, LOCAL_BYTES = b"PK\x03\x04", 30
"""The record in front of each file."""

EXCEL_MEMBER = "[Content_Types].xml"
EXCEL = "an Excel workbook, or another Office document"
NOT_PLAIN = 0x1 | 0x20 | 0x40
"""Flags of files that cannot be read: encrypted, a patch, strongly encrypted."""

SIDE_FOLDER = "__MACOSX"
SIDE_FILES = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
SIDE_PREFIX = "._"
"""Files that Finder and Explorer add to an archive."""


def read_only_member(file: BinaryIO) -> Iterator[bytes]:
    """Yield the content of the only file in a zip archive; raises FileProblem and `zipfile` errors.

    Side files of macOS and Windows are ignored. A file is damaged if its size or checksum differs
    from the declared one, which may only show at its end.
    """
    listed = _listed_entries(file)
    bounded = _ShortReads(file)
    if not zipfile.is_zipfile(bounded):
        raise TruncatedArchive  # the list of contents is at the end
    with zipfile.ZipFile(bounded) as archive:
        entries = archive.infolist()
    if listed is not None and len(entries) != listed:
        raise DamagedArchive(file.tell())
    member = _only_member(entries)
    size, checksum = 0, 0
    is_packed = member.compress_type == zipfile.ZIP_DEFLATED
    for chunk in (_inflated if is_packed else _packed)(file, member):
        size, checksum = size + len(chunk), zlib.crc32(chunk, checksum)
        if size > member.file_size:
            raise DamagedArchive(file.tell())
        yield chunk
    if (size, checksum) != (member.file_size, member.CRC):
        raise DamagedArchive(file.tell())


def _listed_entries(file: BinaryIO) -> int | None:
    """Return how many entries an archive lists by its end record; raises TooManyMembers.

    None if there is no such record here: the standard library searches further.
    """
    # The end record is last but for a comment; a zip64 record and its locator are in front of it.
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - END_BYTES - MAX_COMMENT_BYTES - LOCATOR_BYTES - END64_BYTES))
    tail = file.read()
    offset = tail.rfind(END)
    record = tail[offset : offset + END_BYTES]
    if offset < 0 or len(record) < END_BYTES:
        return None
    entries, size = _number(record[10:12]), _number(record[12:16])
    large = tail[max(0, offset - LOCATOR_BYTES - END64_BYTES) : offset]
    if large.startswith(END64) and large[END64_BYTES:].startswith(LOCATOR):
        entries, size = _number(large[32:40]), _number(large[40:48])
    if entries > MAX_ENTRIES or size > MAX_LIST_BYTES:
        raise TooManyMembers(entries, MAX_ENTRIES)
    return entries


def _number(field: bytes) -> int:
    return int.from_bytes(field, "little")


class _ShortReads:
    """A file that refuses to read a long part at once, whatever the archive's records claim."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int | None = -1) -> bytes:
        """Return so many bytes, or the rest; raises TooManyMembers if that is too much."""
        limit = MAX_LIST_BYTES + MAX_COMMENT_BYTES
        data = self._file.read(limit + 1 if size is None or size < 0 else min(size, limit + 1))
        if len(data) > limit:
            raise TooManyMembers(None, MAX_ENTRIES)
        return data


def _only_member(entries: Sequence[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    files = [entry for entry in entries if not entry.filename.endswith("/")]
    if EXCEL_MEMBER in {entry.filename for entry in files}:
        raise ForeignFormat(EXCEL)
    members = [entry for entry in files if not _is_side_file(entry.filename)]
    if len(members) != 1:
        raise UnusableArchive(len(members))
    member = members[0]
    # One of the two usual ways of packing, and no password.
    is_usual = member.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
    # The standard library corrects the offset by where it finds the list of contents: in a false
    # archive the result may be negative.
    if not is_usual or member.flag_bits & NOT_PLAIN or member.header_offset < 0:
        raise UnusableArchive(1)
    return member


def _is_side_file(name: str) -> bool:
    *folders, last = name.replace("\\", "/").split("/")
    is_special = last.startswith(SIDE_PREFIX) or last.casefold() in SIDE_FILES
    return is_special or SIDE_FOLDER in folders


def _inflated(file: BinaryIO, member: zipfile.ZipInfo) -> Iterator[bytes]:
    expander = zlib.decompressobj(-zlib.MAX_WBITS)
    packed = _packed(file, member)
    data = b""
    while not expander.eof:
        data = data or next(packed, b"")
        chunk = expander.decompress(data, CHUNK_BYTES)
        if not data and not chunk:
            raise DamagedArchive(file.tell())
        data = expander.unconsumed_tail
        yield chunk
    if expander.unused_data or next(packed, b""):
        raise DamagedArchive(file.tell())


def _packed(file: BinaryIO, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield a member as it is packed; raises EOFError or DamagedArchive."""
    # Checked before seeking: the declared offset may be larger than the system can seek to.
    if member.header_offset > file.seek(0, os.SEEK_END):
        raise DamagedArchive(file.tell())
    file.seek(member.header_offset)
    record = file.read(LOCAL_BYTES)
    if not record.startswith(LOCAL):
        raise DamagedArchive(file.tell())
    # Behind the record are the name and the extra field, whose lengths it gives.
    file.seek(_number(record[26:28]) + _number(record[28:30]), os.SEEK_CUR)
    left = member.compress_size
    while left:
        data = file.read(min(PACKED_BYTES, left))
        if not data:
            raise EOFError
        left -= len(data)
        yield data
