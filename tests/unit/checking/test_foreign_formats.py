"""What is no delimited text is called what it is, with what to do; a text is never taken for it."""

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.checking.foreign_formats import foreign_kind
from alumniq_pipelines.core.problems.file import ForeignFormat
from tests.unit.checking.test_decompress import TEXT, decoded, framed, zipped


def tarred(format_of_tar: int, *, signed: bool = True) -> bytes:
    """Pack two files; archives of the oldest kind carry no sign."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=format_of_tar) as archive:
        for name in ("warehouse.csv", "größe.csv"):
            member = tarfile.TarInfo(name)
            member.size = len(TEXT)
            archive.addfile(member, io.BytesIO(TEXT))
    content = packed.getvalue()
    if signed:
        return content
    block = bytearray(content[:512])
    block[257:265] = bytes(8)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + content[512:]


TARS = {
    "ustar": tarred(tarfile.USTAR_FORMAT),
    "GNU": tarred(tarfile.GNU_FORMAT),
    "pax": tarred(tarfile.PAX_FORMAT),
    "seventh edition": tarred(tarfile.USTAR_FORMAT, signed=False),
}

ARCHIVES = {
    "a file compressed by bzip2": bz2.compress(TEXT),
    "a file compressed by xz": lzma.compress(TEXT),
    "a file compressed by LZMA": lzma.compress(TEXT, lzma.FORMAT_ALONE),
    "a file compressed by LZ4": b"\x04\x22\x4d\x18\x64\x40\xa7",
    "a file compressed by the Unix program compress (.Z)": b"\x1f\x9d\x90x\xd2\xa4\x01",
    "a file compressed by zlib": zlib.compress(TEXT),
    "a cpio archive": b"070701" + b"0" * 104 + b"a.csv\0",
    "a 7-Zip archive": b"7z\xbc\xaf\x27\x1c\0\x04",
    "a RAR archive": b"Rar!\x1a\x07\x01\0",
    "a Windows cabinet archive": b"MSCF\0\0\0\0",
    "the first part of a zip archive that was split": b"PK\x07\x08" + zipped(("a.csv", TEXT)),
    "a tar archive": TARS["GNU"],
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_an_archive_that_is_not_read_is_called_by_its_name_with_those_that_are(
    tmp_path: Path, kind: str
) -> None:
    with pytest.raises(ForeignFormat) as caught:
        decoded(tmp_path, ARCHIVES[kind])
    assert f"it looks like {kind}." in caught.value.detail
    assert all(word in caught.value.advice for word in ("CSV", "gzip", "zstd", "zip archive"))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x1f\xa0\0\0\0\x08", "compress (.Z)"),
        (zlib.compress(TEXT, 9), "zlib"),
        (b"070707" + b"0" * 70 + b"a.csv\0", "a cpio archive"),
        (b"\xc7\x71\0\0", "a cpio archive"),
    ],
)
def test_so_is_one_of_another_form(content: bytes, kind: str) -> None:
    assert kind in (foreign_kind(content) or "")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_text_in_another_encoding_is_called_by_it(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(ForeignFormat) as caught:
        decoded(tmp_path, f"\ufeff{TEXT.decode()}".encode(encoding))
    assert f"text in {encoding[:6].upper()}." in caught.value.detail
    assert caught.value.advice == "Export it as UTF-8."


def test_an_empty_bzip2_file_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(ForeignFormat, match="bzip2"):
        decoded(tmp_path, bz2.compress(b""))


@pytest.mark.parametrize("age", TARS)
@pytest.mark.parametrize(
    ("pack", "packing"),
    [
        (lambda content: gzip.compress(content, mtime=0), "gzip"),
        (framed, "zstd"),
        (lambda content: zipped(("warehouse.tar", content)), "zip"),
    ],
    ids=["gzip", "zstd", "zip"],
)
def test_a_tar_archive_of_any_age_is_found_inside_another_packing(
    tmp_path: Path, age: str, pack: Callable[[bytes], bytes], packing: str
) -> None:
    """`tar czf` under the name warehouse.csv.gz: its blocks were once taken for a header."""
    with pytest.raises(ForeignFormat, match=f"a tar archive, packed in {packing}"):
        decoded(tmp_path, pack(TARS[age]))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (gzip.compress(gzip.compress(TEXT)), "a file compressed by gzip, packed in gzip"),
        (gzip.compress(framed(TEXT)), "a file compressed by zstd, packed in gzip"),
        (framed(zipped(("a.csv", TEXT))), "a zip archive, packed in zstd"),
        (zipped(("a.zip", zipped(("a.csv", TEXT)))), "a zip archive, packed in zip"),
        (
            gzip.compress(zipped(("[Content_Types].xml", b"<x/>"), ("xl/workbook.xml", b"<x/>"))),
            "an Excel workbook, or another Office document, packed in gzip",
        ),
    ],
    # Not the contents: gzip writes the time into them, and test processes must agree on the names.
    ids=["gzip-gzip", "zstd-gzip", "zip-zstd", "zip-zip", "office-gzip"],
)
def test_a_file_that_is_packed_twice_is_called_by_both(
    tmp_path: Path, content: bytes, kind: str
) -> None:
    with pytest.raises(ForeignFormat) as caught:
        decoded(tmp_path, content)
    assert f"it looks like {kind}." in caught.value.detail


@pytest.mark.parametrize(
    "kind", [b"BZhName,xid\n", b"7z,xid\n", b"Rar!,xid\n", b"LZIP,xid\n", b"070701\n", b"x^2,y\n"]
)
def test_a_column_that_begins_like_the_sign_of_an_archive_is_text(
    tmp_path: Path, kind: bytes
) -> None:
    assert decoded(tmp_path, kind + b"1,2\n").path.read_bytes() == kind + b"1,2\n"


def test_a_word_at_the_place_of_a_tar_archives_sign_is_text() -> None:
    assert foreign_kind(b"x" * 257 + b"ustard Street" + b"x" * 400) is None


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1))
def test_no_text_is_taken_for_a_tar_archive(text: str) -> None:
    assert foreign_kind(b"xid," + text.encode() * 512) is None


@pytest.mark.parametrize("head", [b"[xid],[name]\n1,Lee\n", b"{xid},{name}\n", b"[Last Name]\n"])
def test_a_name_in_brackets_at_the_beginning_is_no_json(head: bytes) -> None:
    """SQL Server writes column names so."""
    assert foreign_kind(head) is None


@pytest.mark.parametrize("head", [b'[\n  {"xid": 1}]', b'{ "xid": 1 }', b"[]", b'["xid"]', b"{}"])
def test_an_object_or_an_array_is_json(head: bytes) -> None:
    assert foreign_kind(head) == "JSON"
