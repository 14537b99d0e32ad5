"""Read the one text file in a zip archive, and verify its declared size and checksum.

The standard library reads the list of contents, but only after it is known to be short: an entry
takes a kilobyte of memory, and an archive of 200 MB can list 3,000,000. It also trusts the declared
size of a file and cuts off anything longer, so the file itself is decompressed here.
"""

import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from alumniq_pipelines.core.problems.file import ForeignFormat
from alumniq_pipelines.core.problems.packing import (
    DamagedArchive,
    ProtectedArchive,
    TooManyMembers,
    TruncatedArchive,
    UnusableArchive,
    UnusualZipMethod,
)

UNSPLIT = b"PK00"
"""In front of an archive that was to be split, and turned out to be one part."""

ZIP = (b"PK\x03\x04", b"PK\x05\x06", UNSPLIT + b"PK\x03\x04")
"""First bytes of a zip archive: of the record of a file, or of the end record of an empty one."""

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

OPEN_DOCUMENT = b"mimetypeapplication/vnd.oasis.opendocument"
"""The name and the content of the first file in an OpenDocument, which is never compressed."""

DOCUMENTS = {
    "an Excel workbook, or another Office document": {"[Content_Types].xml"},
    "an OpenDocument spreadsheet, or another document of an office program": {
        "mimetype",
        "content.xml",
    },
    "a Numbers spreadsheet, or another document of Apple's office programs": {"Index/Document.iwa"},
}
"""Documents that are zip archives, with files that each of them has beside others."""

ENCRYPTED = 0x1 | 0x40 | 0x2000
"""Flags of files with a password: the usual one, strongly encrypted, with hidden names."""

AES = 99
"""The method that WinZip and others declare for files encrypted by AES, whatever packed them."""

PATCHED = 0x20
NEWER = "a newer version of the zip format"
METHODS = {
    1: "Shrink",
    **dict.fromkeys(range(2, 6), "Reduce"),
    6: "Implode",
    9: "Deflate64",
    10: "PKWARE Implode",
    12: "bzip2",
    14: "LZMA",
    16: "IBM CMPSC",
    18: "IBM TERSE",
    19: "IBM LZ77",
    20: "Zstandard",
    93: "Zstandard",
    94: "MP3",
    95: "xz",
    96: "JPEG",
    97: "WavPack",
    98: "PPMd",
}
"""The names of methods that are not read here, as zip programs show them (APPNOTE.TXT, 4.4.5)."""

SIDE_FOLDER = "__macosx"
SIDE_FILES = frozenset(
    {".ds_store", ".localized", "icon\r", "thumbs.db", "ehthumbs.db", "desktop.ini"}
)
SIDE_PREFIX = "._"
"""Files that Finder and Explorer add to an archive. Neither system heeds the case of names."""


def read_only_member(file: BinaryIO) -> Iterator[bytes]:
    """Yield the content of the only file in a zip archive; raises FileProblem and `zipfile` errors.

    Side files of macOS and Windows are ignored. A file is damaged if its size or checksum differs
    from the declared one, which may only show at its end.
    """
    listed = _listed_entries(file)
    bounded = _ShortReads(file)
    if not zipfile.is_zipfile(bounded):
        raise TruncatedArchive  # the list of contents is at the end
    try:
        with zipfile.ZipFile(bounded) as archive:
            entries = archive.infolist()
    except NotImplementedError:  # it says that it needs a newer reader
        raise UnusualZipMethod(NEWER) from None
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


def document_kind(names: Iterable[str]) -> str | None:
    """Return which document an archive with such files is; None if it is only an archive."""
    return next((kind for kind, own in DOCUMENTS.items() if own.issubset(names)), None)


def document_kind_by_head(head: bytes) -> str | None:
    """Return the same for an archive that begins like this, by its first file."""
    record = head.removeprefix(UNSPLIT)
    begin, size = LOCAL_BYTES, _number(record[26:28])
    names = {record[begin : begin + size].decode(errors="replace")}
    if record.startswith(OPEN_DOCUMENT, begin):
        names.add("content.xml")
    return document_kind(names)


def _only_member(entries: Sequence[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    files = [entry for entry in entries if not entry.filename.endswith(("/", "\\"))]
    members = [entry for entry in files if not _is_side_file(entry.filename)]
    if len(members) != 1:
        names = [member.filename for member in members]
        if (kind := document_kind(names)) is not None:
            raise ForeignFormat(kind)
        raise UnusableArchive(names, len(files) - len(members))
    member = members[0]
    if member.flag_bits & ENCRYPTED or member.compress_type == AES:
        raise ProtectedArchive
    method = member.compress_type
    if member.flag_bits & PATCHED or method not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        name = "PKWARE's patch method" if member.flag_bits & PATCHED else METHODS.get(method)
        raise UnusualZipMethod(name or f"the method {method}")
    # The standard library corrects the offset by where it finds the list of contents: in a false
    # archive the result may be negative.
    if member.header_offset < 0:
        raise DamagedArchive(0)
    return member


def _is_side_file(name: str) -> bool:
    *folders, last = name.replace("\\", "/").casefold().split("/")
    return last.startswith(SIDE_PREFIX) or last in SIDE_FILES or SIDE_FOLDER in folders


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
