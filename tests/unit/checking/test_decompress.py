"""A received file is decompressed by its content, whatever its name is."""

import gzip
import hashlib
import io
import random
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alumniq_pipelines.checking import decompress
from alumniq_pipelines.checking.decompress import DEFAULT_LIMITS, Decoded, Limits, decode
from alumniq_pipelines.core.problems.file import EmptyFile, FileProblem, ForeignFormat
from alumniq_pipelines.core.problems.packing import (
    DamagedArchive,
    ExpandsTooFar,
    NeedsMuchMemory,
    RepeatsItself,
    TruncatedArchive,
    UnusableArchive,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"xid,lastName\n1,M\xc3\xbcller\n" * 50
SKIPPED = b"\x50\x2a\x4d\x18\x04\0\0\0size"
"""What pzstd writes before each frame."""


def decoded(folder: Path, content: bytes, limits: Limits = DEFAULT_LIMITS) -> Decoded:
    received = folder / "received"
    received.write_bytes(content)
    return decode(received, folder, limits, lambda _fraction: None)


def framed(content: bytes, **options: int) -> bytes:
    """Compress with zstd, with a checksum as the command does."""
    chosen: dict[int, int] = {zstd.CompressionParameter.checksum_flag: 1}
    chosen |= {zstd.CompressionParameter[name]: value for name, value in options.items()}
    return zstd.compress(content, options=chosen)


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


def test_plain_text_stays_where_it_is(tmp_path: Path) -> None:
    found = decoded(tmp_path, TEXT)
    assert found == Decoded(tmp_path / "received", len(TEXT), hashlib.sha256(TEXT).hexdigest())


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(TEXT, mtime=0),
        gzip.compress(TEXT[:33], mtime=0) + gzip.compress(TEXT[33:], mtime=0),
        gzip.compress(TEXT, mtime=0) + b"\0" * 512,
        framed(TEXT),
        framed(TEXT[:33]) + framed(TEXT[33:], checksum_flag=0),
        SKIPPED + framed(TEXT) + SKIPPED,
        zipped(("any/name.txt", TEXT)),
        zipped(("folder/", b""), ("../../name.csv", TEXT)),
        zipped(("stored.csv", TEXT), method=zipfile.ZIP_STORED),
    ],
    ids=[
        "gzip",
        "two members",
        "padded",
        "zstd",
        "two frames",
        "skippable frames",
        "zip",
        "odd names",
        "stored",
    ],
)
def test_compressed_text_is_expanded_in_scratch(tmp_path: Path, content: bytes) -> None:
    found = decoded(tmp_path, content)
    assert found.path == tmp_path / "decoded"
    assert found.path.read_bytes() == TEXT
    assert (found.size_bytes, found.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["decoded", "received"]


GZIPPED = gzip.compress(TEXT, mtime=0)
ZSTD = framed(TEXT)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", EmptyFile),
        (gzip.compress(b"", mtime=0), EmptyFile),
        (GZIPPED[:-1], TruncatedArchive),
        (GZIPPED[:-8], TruncatedArchive),
        (GZIPPED[:20], TruncatedArchive),
        (GZIPPED[:-8] + b"\0\0\0\0" + GZIPPED[-4:], DamagedArchive),
        (GZIPPED[:-4] + b"\0\0\0\0", DamagedArchive),
        (GZIPPED + b"more", DamagedArchive),
        (GZIPPED[:15] + b"\xff\xff" + GZIPPED[17:], DamagedArchive),
        (framed(b""), EmptyFile),
        (SKIPPED, EmptyFile),
        (SKIPPED[:-1], TruncatedArchive),
        (ZSTD[:-1], TruncatedArchive),
        (ZSTD[:5], TruncatedArchive),
        (framed(TEXT[:33]) + ZSTD[:20], TruncatedArchive),
        (ZSTD[:-4] + b"\0\0\0\0", DamagedArchive),
        (ZSTD + b"more", DamagedArchive),
        (ZSTD[:15] + b"\xff\xff" + ZSTD[17:], DamagedArchive),
        (framed(ZSTD), ForeignFormat),
        (gzip.compress(GZIPPED, mtime=0), ForeignFormat),
        (zipped(("a.csv", TEXT))[:-10], TruncatedArchive),
        (zipped(("a.csv", TEXT)).replace(b"M\xc3", b"N\xc3"), None),
        (
            zipped(("a.csv", TEXT), method=zipfile.ZIP_STORED).replace(b"M\xc3", b"N\xc3"),
            DamagedArchive,
        ),
        (zipped(), UnusableArchive),
        (zipped(("a.csv", TEXT), ("b.csv", TEXT)), UnusableArchive),
        (zipped(("[Content_Types].xml", b"<x/>"), ("xl/workbook.xml", b"<x/>")), ForeignFormat),
        (b"%PDF-1.7 ...", ForeignFormat),
        (gzip.compress(b"%PDF-1.7 ...", mtime=0), ForeignFormat),
        (b"PAR1....", ForeignFormat),
        (TEXT.decode().encode("utf-16"), ForeignFormat),
        (b"\xef\xbb\xbf \n<!doctype HTML>\n<html>", ForeignFormat),
        (b'[{"xid": 1}]', ForeignFormat),
    ],
)
def test_what_is_no_delimited_text_is_refused_by_its_kind(
    tmp_path: Path, content: bytes, problem: type[FileProblem] | None
) -> None:
    if problem is None:
        assert decoded(tmp_path, content).path.read_bytes() == TEXT
        return
    with pytest.raises(problem):
        decoded(tmp_path, content)


def test_a_bomb_is_detected_by_what_was_read_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once 3.1 GB were written of 15 MB that expand to 10.5 GB: 200 times its whole size."""
    monkeypatch.setattr(decompress, "RATIO_COUNTS_FROM", 2 << 20)
    for pack in (gzip.compress, framed, lambda text: zipped(("a.csv", text))):
        with pytest.raises(ExpandsTooFar):
            decoded(tmp_path, pack(b"xid\n" + bytes(100 << 20)))
        assert (tmp_path / "decoded").stat().st_size <= 6 << 20


def test_a_bomb_behind_data_that_hardly_packs_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decompress, "RATIO_COUNTS_FROM", 2 << 20)
    monkeypatch.setattr(decompress, "WINDOW_BYTES", 8 << 20)
    before = random.Random(1).randbytes(1 << 20)
    with pytest.raises(ExpandsTooFar):
        decoded(tmp_path, gzip.compress(before + bytes(100 << 20), mtime=0))
    assert (tmp_path / "decoded").stat().st_size <= 20 << 20


def test_one_row_repeated_over_and_over_is_detected_by_its_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packed at the lowest level it takes as much as blank columns: no ratio separates the two."""
    monkeypatch.setattr(decompress, "RATIO_COUNTS_FROM", 1 << 20)
    monkeypatch.setattr(decompress, "WINDOW_BYTES", 4 << 20)
    row = ",".join(f'"{offset * 7919}"' for offset in range(30)).encode() + b"\n"
    packed = gzip.compress(row * (40_000_000 // len(row)), compresslevel=1, mtime=0)
    assert 150 * len(packed) > 40_000_000
    with pytest.raises(RepeatsItself):
        decoded(tmp_path, packed)
    assert (tmp_path / "decoded").stat().st_size <= 6 << 20


def test_data_that_packs_very_well_throughout_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blank columns and texts padded with blanks: a hundred times smaller, and no bomb."""
    monkeypatch.setattr(decompress, "RATIO_COUNTS_FROM", 1 << 20)
    monkeypatch.setattr(decompress, "WINDOW_BYTES", 4 << 20)
    row = '","'.join(name.ljust(60) for name in ("Lee", "Ann", "Dayton", "OH"))
    text = "".join(f'"{number:09}","{row}"\n' for number in range(80_000)).encode()
    packed = gzip.compress(text, mtime=0)
    assert len(text) > 60 * len(packed)
    assert decoded(tmp_path, packed).path.read_bytes() == text


def test_expansion_is_bounded_by_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompress, "RATIO_COUNTS_FROM", 1_000_000)
    with pytest.raises(ExpandsTooFar):
        decoded(tmp_path, gzip.compress(b"x" * 3_000_000, mtime=0), Limits(max_ratio=200))


@pytest.mark.parametrize("compressed", [gzip.compress, framed])
def test_expansion_is_bounded_in_any_format(
    tmp_path: Path, compressed: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(ExpandsTooFar):
        decoded(tmp_path, compressed(b"x" * 3_000_000), Limits(max_bytes=2_000_000))
    assert (tmp_path / "decoded").stat().st_size <= 2_000_000


def test_a_frame_that_needs_much_memory_is_refused(tmp_path: Path) -> None:
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 28})
    content = packer.compress(TEXT) + packer.flush()  # of a size that is not known before
    with pytest.raises(NeedsMuchMemory):
        decoded(tmp_path, content)


@settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.sampled_from([GZIPPED, ZSTD, zipped(("a.csv", TEXT))]), st.data())
def test_no_single_changed_byte_yields_another_text(
    tmp_path: Path, packed: bytes, data: st.DataObject
) -> None:
    content = bytearray(packed)
    offset = data.draw(st.integers(0, len(content) - 1))
    content[offset] ^= data.draw(st.integers(1, 255))
    try:
        found = decoded(tmp_path, bytes(content))
    except FileProblem:
        return
    assert found.path == tmp_path / "received" or found.path.read_bytes() == TEXT
