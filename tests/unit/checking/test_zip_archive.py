"""No record of a zip archive is trusted, and the file in it is read whole or refused."""

import gzip
import io
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alumniq_pipelines.core.problems.file import FileProblem
from alumniq_pipelines.core.problems.packing import (
    DamagedArchive,
    ProtectedArchive,
    TooManyMembers,
    UnusableArchive,
    UnusualZipMethod,
)
from tests.unit.checking.test_decompress import TEXT, decoded, zipped


@pytest.mark.parametrize(
    "side_files",
    [
        ("__MACOSX/", "__MACOSX/._warehouse.csv"),
        ("._warehouse.csv", ".DS_Store"),
        ("folder/Thumbs.db", "folder/desktop.ini", "folder/", "folder\\.DS_Store"),
        ("__macosx/", "export/__MacOSX/._warehouse.csv", "a\\b\\THUMBS.DB", "Desktop.INI"),
        ("export\\", "export/__MACOSX/.ds_store", "a/b/.DS_STORE"),
        ("Icon\r", ".localized", "ehthumbs.db"),
    ],
)
def test_side_files_of_a_desktop_are_no_members(tmp_path: Path, side_files: Sequence[str]) -> None:
    content = zipped(("warehouse.csv", TEXT), *((name, b"side") for name in side_files))
    assert decoded(tmp_path, content).path.read_bytes() == TEXT


def problem_of(folder: Path, content: bytes) -> FileProblem:
    with pytest.raises(FileProblem) as caught:
        decoded(folder, content)
    return caught.value


def test_an_archive_of_several_files_lists_them(tmp_path: Path) -> None:
    content = zipped(("warehouse.csv", TEXT), ("notes/read me.txt", b"x"), ("__MACOSX/._a", b"x"))
    assert problem_of(tmp_path, content).detail == (
        "The zip archive cannot be used: it contains 2 files (`warehouse.csv` and "
        "`notes/read me.txt`)."
    )


def test_a_long_list_of_files_is_cut_and_counted(tmp_path: Path) -> None:
    content = zipped(*((f"{number}.csv", TEXT) for number in range(1_234)))
    detail = problem_of(tmp_path, content).detail
    assert "contains 1,234 files (`0.csv`, `1.csv`, " in detail
    assert detail.endswith("`9.csv` and 1,224 more).")


@given(st.text(st.characters(codec="utf-8", exclude_characters="/\\\0"), min_size=1))
def test_whatever_a_file_in_an_archive_is_called_it_is_listed_short_and_on_one_line(
    name: str,
) -> None:
    detail = UnusableArchive([name * 50, name]).detail
    assert detail.isprintable()
    assert len(detail) < 220
    assert detail.count("`") == 4


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (zipped(), "it contains no file."),
        (zipped(("export/", b"")), "it contains no file."),
        (
            zipped(("__MACOSX/._warehouse.csv", b"x"), (".DS_Store", b"x")),
            "only files that macOS or Windows adds",
        ),
    ],
)
def test_an_archive_without_data_says_what_is_in_it(
    tmp_path: Path, content: bytes, found: str
) -> None:
    assert found in problem_of(tmp_path, content).detail


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        (("mimetype", "content.xml"), "OpenDocument"),
        (("Index/Document.iwa", "preview.jpg"), "Numbers"),
    ],
)
def test_a_document_that_is_a_zip_archive_is_called_so(
    tmp_path: Path, members: Sequence[str], kind: str
) -> None:
    content = zipped(*((name, b"x") for name in members))
    assert kind in problem_of(tmp_path, content).detail


LOCAL_SIGN, LISTED_SIGN = b"PK\x03\x04", b"PK\x01\x02"


def test_a_file_of_that_name_beside_another_makes_no_document(tmp_path: Path) -> None:
    content = zipped(("mimetype", b"text/csv"), ("a.csv", TEXT))
    assert "contains 2 files" in problem_of(tmp_path, content).detail
    packed = problem_of(tmp_path, gzip.compress(content)).detail
    assert "looks like a zip archive, packed in gzip" in packed


def test_a_document_that_is_packed_again_is_called_so(tmp_path: Path) -> None:
    packed, kind = io.BytesIO(), "application/vnd.oasis.opendocument.spreadsheet"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("mimetype", kind)
        archive.writestr("content.xml", "<x/>")
    detail = problem_of(tmp_path, gzip.compress(packed.getvalue())).detail
    assert "looks like an OpenDocument spreadsheet" in detail


@pytest.mark.parametrize("counts_the_sign", [True, False])
def test_an_archive_that_was_to_be_split_and_is_one_part_is_read(
    tmp_path: Path, *, counts_the_sign: bool
) -> None:
    packed = io.BytesIO()
    if counts_the_sign:
        packed.write(b"PK00")
    with zipfile.ZipFile(packed, "a" if counts_the_sign else "w") as archive:
        archive.writestr("a.csv", TEXT)
    content = packed.getvalue() if counts_the_sign else b"PK00" + packed.getvalue()
    assert decoded(tmp_path, content).path.read_bytes() == TEXT


def altered(content: bytes, field: int, value: int) -> bytes:
    """Change two bytes at an offset in the record of the only file, and in the list of contents."""
    changed = bytearray(content)
    for sign, further in ((LOCAL_SIGN, 0), (LISTED_SIGN, 2)):
        offset = content.index(sign) + field + further
        changed[offset : offset + 2] = value.to_bytes(2, "little")
    return bytes(changed)


VERSION_FIELD, FLAGS_FIELD, METHOD_FIELD = 4, 6, 8


@pytest.mark.parametrize(
    ("field", "value"), [(FLAGS_FIELD, 0x1), (FLAGS_FIELD, 0x41), (METHOD_FIELD, 99)]
)
def test_a_password_is_called_so_whatever_the_method(
    tmp_path: Path, field: int, value: int
) -> None:
    problem = problem_of(tmp_path, altered(zipped(("a.csv", TEXT)), field, value))
    assert isinstance(problem, ProtectedArchive)
    assert "password" in problem.detail


@pytest.mark.parametrize(
    ("value", "name"),
    [(9, "Deflate64"), (12, "bzip2"), (14, "LZMA"), (93, "Zstandard"), (98, "PPMd"), (77, "77")],
)
def test_an_unusual_method_is_called_by_its_name_and_no_password_is_talked_of(
    tmp_path: Path, value: int, name: str
) -> None:
    problem = problem_of(tmp_path, altered(zipped(("a.csv", TEXT)), METHOD_FIELD, value))
    assert isinstance(problem, UnusualZipMethod)
    assert name in problem.detail
    assert "gzip or zstd" in problem.advice
    assert "password" not in str(problem)
    assert ("Windows Explorer" in problem.advice) == (name == "Deflate64")


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        (VERSION_FIELD, 99, "a newer version of the zip format"),
        (FLAGS_FIELD, 0x20, "PKWARE's patch method"),
    ],
)
def test_so_is_what_only_other_programs_can_read(
    tmp_path: Path, field: int, value: int, name: str
) -> None:
    problem = problem_of(tmp_path, altered(zipped(("a.csv", TEXT)), field, value))
    assert isinstance(problem, UnusualZipMethod)
    assert f"is compressed by {name}, which is not supported" in problem.detail


def test_real_archives_of_unusual_methods_are_refused_by_their_method(tmp_path: Path) -> None:
    for method, name in ((zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "LZMA")):
        assert name in problem_of(tmp_path, zipped(("a.csv", TEXT), method=method)).detail


def listed(entries: int, *, said: int, said64: int | None = None) -> bytes:
    """Return an archive of so many empty files, whose end record claims another number."""
    entry = struct.pack("<4s4H2H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, *[0] * 6) + b"a"
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, *[0] * 7, 1, 0) + b"a"
    size = entries * len(entry)
    large = b""
    if said64 is not None:
        large = struct.pack(
            "<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, said64, said64, size, len(local)
        ) + struct.pack("<4sLQL", b"PK\6\7", 0, len(local) + size, 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, said, said, size, len(local), 0)
    return local + entry * entries + large + end


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (listed(10_001, said=10_001), TooManyMembers),
        (listed(400_000, said=0xFFFF, said64=400_000), TooManyMembers),
        (listed(400_000, said=0xFFFF, said64=1), TooManyMembers),
        (listed(400_000, said=1), TooManyMembers),
        (listed(5_000, said=1), DamagedArchive),
        (listed(1, said=5_000), DamagedArchive),
        (listed(5_000, said=5_000), UnusableArchive),
    ],
    ids=["many", "large", "large lie", "lie", "small lie", "lie of more", "some"],
)
def test_an_archive_of_many_entries_is_refused_before_they_take_memory(
    tmp_path: Path, content: bytes, problem: type[FileProblem]
) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(problem):
            decoded(tmp_path, content)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def declared(content: bytes, field: int, value: int, *, size: int = 4) -> bytes:
    """Change so many bytes at an offset in the list of contents, for the only file."""
    offset = content.index(b"PK\x01\x02") + field
    return content[:offset] + value.to_bytes(size, "little") + content[offset + size :]


CRC_FIELD, PACKED_FIELD, SIZE_FIELD, OFFSET_FIELD = 16, 20, 24, 42


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
@pytest.mark.parametrize("size", [0, 1, len(TEXT) - 10, len(TEXT) - 1, len(TEXT) + 1, 0xFFFFFF])
def test_a_member_of_another_size_than_declared_is_damaged(
    tmp_path: Path, method: int, size: int
) -> None:
    """With a checksum of the shorter text, the standard library cuts it off without an error."""
    content = declared(zipped(("a.csv", TEXT), method=method), SIZE_FIELD, size)
    for checksum in (zlib.crc32(TEXT), zlib.crc32(TEXT[:size])):
        with pytest.raises(DamagedArchive):
            decoded(tmp_path, declared(content, CRC_FIELD, checksum))


@pytest.mark.parametrize(
    ("field", "change", "problem"),
    [
        (CRC_FIELD, 1, DamagedArchive),
        (PACKED_FIELD, -1, DamagedArchive),
        (PACKED_FIELD, 1, DamagedArchive),
        (PACKED_FIELD, 10_000, DamagedArchive),
        (OFFSET_FIELD, 1, DamagedArchive),
        (OFFSET_FIELD, 2**31, DamagedArchive),
    ],
)
def test_a_member_that_is_not_what_is_declared_of_it_is_damaged(
    tmp_path: Path, field: int, change: int, problem: type[FileProblem]
) -> None:
    content = zipped(("a.csv", TEXT))
    offset = content.index(b"PK\x01\x02") + field
    value = int.from_bytes(content[offset : offset + 4], "little")
    with pytest.raises(problem):
        decoded(tmp_path, declared(content, field, (value + change) % 2**32))


def test_text_behind_other_data_is_found_by_the_list_of_contents(tmp_path: Path) -> None:
    content = b"PK\x03\x04" + bytes(1_000) + zipped(("a.csv", TEXT))
    assert decoded(tmp_path, content).path.read_bytes() == TEXT


@settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.data())
def test_no_record_of_an_archive_is_trusted(tmp_path: Path, data: st.DataObject) -> None:
    """Neither the end record nor the list of contents, whatever numbers they have."""
    method = data.draw(st.sampled_from([zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED]))
    content = bytearray(zipped(("a.csv", TEXT), method=method))
    begin = content.index(b"PK\x01\x02")
    for _ in range(data.draw(st.integers(1, 3))):
        offset = data.draw(st.integers(begin, len(content) - 8))
        size = data.draw(st.sampled_from([2, 4, 8]))
        content[offset : offset + size] = data.draw(st.binary(min_size=size, max_size=size))
    try:
        found = decoded(tmp_path, bytes(content))
    except FileProblem:
        return
    assert found.path.read_bytes() == TEXT
