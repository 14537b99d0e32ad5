"""Files of any size that are made to use up all memory, disk space or time of their reader.

Each is written within seconds: what repeats is compressed once.
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from backports import zstd

HEADER = b"xid,lastName\n"
BLOCK = 64 << 20
ROWS = b"0001,Lee\n" * (BLOCK // 9)
"""Compressed by gzip to a 340th of its size, by zstd to a 10,000th."""

UNKNOWN_SIZE = 0xFFFFFFFF
DEFLATED = 8


def gzip_bomb(path: Path, size: int) -> None:
    """Write gzip members that expand to so many bytes of rows."""
    _repeat(path, _gzipped(HEADER), _gzipped(ROWS), size)


def gzip_bomb_behind_text(path: Path, size: int) -> None:
    """Write the same behind 64 MiB that hardly compress, to hide it from a limit on the whole."""
    text = b"".join(b"%d,%d\n" % (row, row * 2654435761 % 2**32) for row in range(3_000_000))
    _repeat(path, _gzipped(HEADER + text), _gzipped(ROWS), size)


def gzip_bomb_of_wide_rows(path: Path, size: int) -> None:
    """Write the same of one row of many values, compressed no better than blank columns are."""
    values = ",".join(f'"{chr(97 + index) * 3}{index * 7919}"' for index in range(30))
    row = f'"0001","Lee",{values}\n'.encode()
    _repeat(path, _gzipped(HEADER), _gzipped(row * (BLOCK // len(row))), size)


def zstd_bomb(path: Path, size: int) -> None:
    """Write zstd frames that expand to so many bytes of rows."""
    _repeat(path, zstd.compress(HEADER), zstd.compress(ROWS), size)


def zip_bomb(path: Path, size: int) -> None:
    """Write an archive of one file that expands to so many bytes of rows.

    Its checksum is wrong: it has to be refused long before that is known.
    """
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    first = packer.compress(HEADER) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(ROWS) + packer.flush(zlib.Z_FULL_FLUSH)
    last = packer.flush()
    blocks = -(-size // len(ROWS))
    packed = len(first) + blocks * len(block) + len(last)
    sizes = struct.pack("<2H2Q", 1, 16, len(HEADER) + blocks * len(ROWS), packed)
    facts = struct.pack(
        "<5H3L2H", 45, 0, DEFLATED, 0, 33, 0, UNKNOWN_SIZE, UNKNOWN_SIZE, 5, len(sizes)
    )
    with path.open("wb") as file:
        file.write(b"PK\3\4" + facts + b"a.csv" + sizes + first)
        for _ in range(blocks):
            file.write(block)
        file.write(last)
        begin = file.tell()
        file.write(b"PK\1\2\x2d\0" + facts + struct.pack("<3H2L", 0, 0, 0, 0, 0) + b"a.csv" + sizes)
        size_of_list = file.tell() - begin
        file.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, size_of_list, begin, 0))


def zip_of_many(path: Path, entries: int) -> None:
    """Write an archive that lists so many empty files."""
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 33, 0, 0, 0, 1, 0) + b"a"
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, *[0] * 6) + b"a"
    size = entries * len(entry)
    large = struct.pack(
        "<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, entries, entries, size, len(local)
    )
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(local) + size, 1)
    few = min(entries, 0xFFFF)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, few, few, size, len(local), 0)
    with path.open("wb") as file:
        file.write(local)
        for begin in range(0, entries, 100_000):
            file.write(entry * min(100_000, entries - begin))
        file.write(large + locator + end)


def long_field(path: Path, size: int) -> None:
    """Write a quoted value of so many bytes."""
    _write(path, HEADER + b'0001,"', b"x" * (1 << 20), size, b'"\n')


def long_field_of_lines(path: Path, size: int) -> None:
    """Write a quoted value of so many bytes that is never closed, of short lines."""
    _write(path, HEADER + b'0001,"', b"Lee\n" * (1 << 18), size, b"")


def long_line(path: Path, size: int) -> None:
    """Write a line of so many bytes without a delimiter."""
    _write(path, HEADER, b"x" * (1 << 20), size, b"\n")


def long_header(path: Path, size: int) -> None:
    """Write a first line of so many bytes."""
    _write(path, b"xid,lastName", b",x" * (1 << 19), size, b"\n0001\n")


BOMBS: Mapping[str, Callable[[Path, int], None]] = {
    "zstd": zstd_bomb,
    "gzip": gzip_bomb,
    "gzip of wide rows": gzip_bomb_of_wide_rows,
    "gzip behind text": gzip_bomb_behind_text,
    "zip": zip_bomb,
    "zip of many entries": zip_of_many,
    "long field": long_field,
    "long field of lines": long_field_of_lines,
    "long line": long_line,
    "long header": long_header,
}
ENTRIES = "zip of many entries"
PACKED = frozenset({"zstd", "gzip", "gzip of wide rows", "gzip behind text", "zip"})


def _gzipped(text: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return packer.compress(text) + packer.flush()


def _repeat(path: Path, first: bytes, block: bytes, size: int) -> None:
    with path.open("wb") as file:
        file.write(first)
        for _ in range(-(-size // len(ROWS))):
            file.write(block)


def _write(path: Path, first: bytes, block: bytes, size: int, last: bytes) -> None:
    with path.open("wb") as file:
        file.write(first)
        file.writelines(_blocks(block, size))
        file.write(last)


def _blocks(block: bytes, size: int) -> Iterator[bytes]:
    for _ in range(size // len(block)):
        yield block
