"""What a file is that is no delimited text, by its first bytes."""

import re

from alumniq_pipelines.checking.zip_archive import ZIP, document_kind_by_head

BZIP2 = tuple(
    sign % level for level in range(1, 10) for sign in (b"BZh%d1AY&SY", b"BZh%d\x17rE8P\x90")
)
"""A bzip2 file and an empty one, at each level: `BZh` alone may begin the name of a column."""

FORMATS = {
    b"%PDF": "a PDF document",
    b"PAR1": "a Parquet file",
    b"\xd0\xcf\x11\xe0": "an Excel workbook of the old kind",
    # Before that of UTF-16, which begins alike.
    b"\xff\xfe\0\0": "text in UTF-32",
    b"\0\0\xfe\xff": "text in UTF-32",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
    b"{\\rtf": "an RTF document",
    b"-----BEGIN PGP": "an encrypted file",
    **dict.fromkeys(BZIP2, "a file compressed by bzip2"),
    b"\xfd7zXZ\0": "a file compressed by xz",
    b"\x5d\0\0": "a file compressed by LZMA",
    b"LZIP\x01": "a file compressed by lzip",
    b"\x89LZO\0": "a file compressed by lzop",
    b"\x04\x22\x4d\x18": "a file compressed by LZ4",
    b"\x1f\x9d": "a file compressed by the Unix program compress (.Z)",
    b"\x1f\xa0": "a file compressed by the Unix program compress (.Z)",
    b"x\x9c": "a file compressed by zlib",
    b"x\xda": "a file compressed by zlib",
    b"\xc7q": "a cpio archive",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"MSCF\0": "a Windows cabinet archive",
    b"PK\x07\x08": "the first part of a zip archive that was split",
    b"\x1f\x8b": "a file compressed by gzip",
    b"\x28\xb5\x2f\xfd": "a file compressed by zstd",
}
"""The last two, and a zip archive, are read; they are foreign inside another compressed file."""

TEXTS = {
    b"<!doctype html": "a web page, perhaps the error page of a download that failed",
    b"<html": "a web page, perhaps the error page of a download that failed",
    b"<?xml": "an XML document",
}
"""The same for text, after any blanks and in upper or lower case."""

JSON = re.compile(rb'\{\s*["}]|\[\s*[\[{"\]]')
"""An object or an array: SQL Server writes `[xid]`, which is the name of a column."""
CPIO = re.compile(rb"07070[12][0-9a-fA-F]{104}|070707[0-7]{70}")
"""The first record of a cpio archive is text: a sign, and numbers of a fixed width."""

TAR = "a tar archive"
TAR_BLOCK_BYTES = 512
TAR_SIGN, TAR_SIGN_AT = b"ustar", 257
TAR_CHECKSUM = slice(148, 156)


def foreign_kind(head: bytes) -> str | None:
    """Return what a file that begins like this is, as a noun; None if it may be delimited text."""
    if head.startswith(ZIP):
        # Its list of contents is at its end, but Office programs put their own list first.
        return document_kind_by_head(head) or "a zip archive"
    # Behind a byte order mark and blanks.
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:32].lower()
    for beginning, kinds in ((head, FORMATS), (text, TEXTS)):
        for sign, kind in kinds.items():
            if beginning.startswith(sign):
                return kind
    if JSON.match(text):
        return "JSON"
    if CPIO.match(head):
        return "a cpio archive"
    return TAR if _is_tar(head[:TAR_BLOCK_BYTES]) else None


def _is_tar(block: bytes) -> bool:
    """Whether a block is the first one of a tar archive, of any age."""
    # Each has NUL characters here. A word such as "mustard" may be anywhere in a text.
    if len(block) < TAR_BLOCK_BYTES or b"\0" not in block:
        return False
    if block.startswith(TAR_SIGN, TAR_SIGN_AT):
        return True
    # The oldest have no sign, but a checksum: the sum of the block, with blanks in its own place.
    checksum = block[TAR_CHECKSUM]
    expected = sum(block) - sum(checksum) + sum(b" " * len(checksum))
    try:
        return int(checksum.strip(b" \0"), 8) == expected
    except ValueError:
        return False
