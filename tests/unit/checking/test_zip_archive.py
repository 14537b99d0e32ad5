"""No record of a zip archive is trusted, and the file in it is read whole or refused."""

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
    TooManyMembers,
    UnusableArchive,
)
from tests.unit.checking.test_decompress import TEXT, decoded, zipped


@pytest.mark.parametrize(
    "side_files",
    [
        ("__MACOSX/", "__MACOSX/._warehouse.csv"),
        ("._warehouse.csv", ".DS_Store"),
        ("folder/Thumbs.db", "folder/desktop.ini", "folder/", "folder\\.DS_Store"),
    ],
)
def test_side_files_of_a_desktop_are_no_members(tmp_path: Path, side_files: Sequence[str]) -> None:
    content = zipped(("warehouse.csv", TEXT), *((name, b"side") for name in side_files))
    assert decoded(tmp_path, content).path.read_bytes() == TEXT


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
