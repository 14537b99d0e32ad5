"""Read delimited text in blocks of whole records, and refuse text whose records are ambiguous.

Every block is UTF-8 without NUL characters, legally quoted, and cut at the end of a record.
Problems name the physical line at which they are.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from alumniq_pipelines.checking.structure.block import BadQuote, Block
from alumniq_pipelines.core.problems.file import (
    BrokenQuoting,
    EmptyFile,
    FileProblem,
    FilesJoined,
    NotUtf8,
    NulCharacter,
    QuoteFault,
    RowTooLong,
)

BLOCK_BYTES = 1 << 18
"""A block and the arrays made of it fit into a processor's cache."""

MAX_ROW_BYTES = 1_500_000
"""Even with a block more, this is below the limit of DuckDB's reader, 2,000,000 bytes."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
END_MARK = b"\x1a"
"""Ctrl-Z, with which programs of DOS and CP/M ended a text; some exporters still do."""
BLANKS = b" \t"


class RecordReader(Iterator[list[str]], Protocol):
    """Reads records, and counts the lines that it has read."""

    @property
    def line_num(self) -> int:
        """Return the number of lines read."""
        ...


@dataclass(frozen=True, slots=True)
class Layout:
    """How the text is delimited, and how many values a record has."""

    delimiter: str
    quote: str
    width: int


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a block starts: its byte, its physical line, and the number of its first record.

    The header is line 1 and record 0.
    """

    byte: int
    line: int
    record: int


@dataclass(frozen=True, slots=True)
class PlacedBlock:
    """A block of whole records, and where it starts and ends in the file."""

    block: Block
    begin: Mark
    end: Mark

    def line_endings(self) -> frozenset[str]:
        """Return the line endings in the file, which may lack one after the last record."""
        missing = self.block.whole - (self.end.byte - self.begin.byte)
        return self.block.line_endings(missing)


def read_blocks(path: Path, layout: Layout) -> Iterator[PlacedBlock]:
    """Yield a file in blocks of whole records; raises FileProblem.

    Blank lines and end marks at the end of the file are ignored.
    """
    with path.open("rb", buffering=0) as file:
        begin, end = text_bounds(file)
        file.seek(begin)
        mark, rest = Mark(begin, 1, 0), b""
        while True:
            data = file.read(min(BLOCK_BYTES, end - file.tell()))
            text = rest + data
            if not data and not text:
                return
            placed = _cut_block(text, mark, layout, at_end=file.tell() >= end)
            if placed is None:  # a record that goes on behind what was read
                rest = text
                continue
            yield placed
            rest = text[placed.end.byte - mark.byte :]
            mark = placed.end


def read_beginning(path: Path) -> str:
    """Return as much of a file as a header may take; raises FileProblem."""
    with path.open("rb") as file:
        begin, end = text_bounds(file)
        file.seek(begin)
        text = file.read(min(end - begin, MAX_ROW_BYTES))
    mark = Mark(begin, 1, 0)
    _refuse_nul(text, mark)
    _refuse_encoding(text, mark, partial=True)
    return text.decode(errors="ignore")


def block_at(path: Path, layout: Layout, begin: Mark, end: Mark) -> Block:
    """Return a block that was read before, once more."""
    with path.open("rb", buffering=0) as file:
        file.seek(begin.byte)
        text = file.read(end.byte - begin.byte)
    return _block(_terminated(text), layout)


def parse_record(record: str, delimiter: str, quote: str, *, strict: bool = False) -> list[str]:
    """Return the values of the first record, none for a blank line; `strict` raises csv.Error."""
    return next(open_reader(record, delimiter, quote, strict=strict), [])


def open_reader(text: str, delimiter: str, quote: str, *, strict: bool = False) -> RecordReader:
    """Return a reader of the records of a text; if `strict`, it raises csv.Error."""
    # Python's own limit is lower than ours. It is one for the whole process, so it is set for each
    # reader: results must not depend on what was read before.
    csv.field_size_limit(MAX_ROW_BYTES)
    lines = StringIO(text, newline="")
    return csv.reader(lines, delimiter=delimiter, quotechar=quote, strict=strict)


def has_line_ends_inside(begin: Mark, end: Mark) -> bool:
    """Whether values in the block between two marks contain line ends."""
    return end.line - begin.line != end.record - begin.record


def text_bounds(file: BinaryIO) -> tuple[int, int]:
    """Return where the text starts, after a byte order mark, and ends, before final blank lines.

    An end mark counts as blank there. Raises EmptyFile.
    """
    size = file.seek(0, 2)
    file.seek(0)
    begin = len(BYTE_ORDER_MARK) if file.read(3) == BYTE_ORDER_MARK else 0
    while size > begin:
        offset = max(begin, size - BLOCK_BYTES)
        file.seek(offset)
        kept = len(file.read(size - offset).rstrip(b"\r\n" + END_MARK))
        if kept:
            # The end of the last line belongs to the text, and CRLF is one end of two bytes.
            file.seek(offset + kept)
            end = file.read(2)
            has_end = end[:1] in {b"\r", b"\n"}
            return begin, offset + kept + (2 if end == b"\r\n" else int(has_end))
        size = offset
    raise EmptyFile


def has_end_mark(path: Path, end: Mark) -> bool:
    """Whether there is an end mark behind the last record."""
    with path.open("rb") as file:
        file.seek(end.byte)
        return END_MARK in file.read(MAX_ROW_BYTES)


def broken_quoting(record: str, delimiter: str, quote: str) -> FileProblem:
    """Return what is wrong with the quoting of a first record that is no legal CSV."""
    text = record.encode()
    block = _block(
        text if text.endswith((b"\r", b"\n")) else text + b"\n", Layout(delimiter, quote, 1)
    )
    bad = block.bad_quote()
    return BrokenQuoting(1, 1, "open") if bad is None else _bad_quote(block, bad, Mark(0, 1, 0))


def _cut_block(text: bytes, mark: Mark, layout: Layout, *, at_end: bool) -> PlacedBlock | None:
    """Return a block cut at its last whole record; None if there is none yet."""
    whole = _terminated(text) if at_end else _without_half_end(text)
    _refuse_nul(whole, mark)
    block = _block(whole, layout)
    size = block.whole
    if not size:
        _refuse_encoding(whole, mark, partial=True)
    elif not _is_utf8(block.beyond_ascii):
        _refuse_encoding(whole[:size], mark, partial=False)
    bad = block.bad_quote()
    if bad is not None:
        raise _bad_quote(block, bad, mark)
    lines = block.lines_before(size)
    if len(whole) - size > MAX_ROW_BYTES:
        raise RowTooLong(mark.line + lines, MAX_ROW_BYTES)
    if at_end and len(whole) > size:
        raise BrokenQuoting(mark.line + lines, mark.line + lines, "open")
    if not size:
        return None
    _refuse_joined(whole, block, mark)
    # The end that was added to the last record is not in the file.
    byte = mark.byte + min(size, len(text))
    return PlacedBlock(block, mark, Mark(byte, mark.line + lines, mark.record + len(block.ends)))


def _terminated(text: bytes) -> bytes:
    """Return the text with an end of the last record, which a file need not have."""
    return text if text.endswith((b"\r", b"\n")) else text + b"\n"


def _without_half_end(text: bytes) -> bytes:
    """Return the text without a final carriage return: a line feed may follow it."""
    return text.removesuffix(b"\r")


def _block(text: bytes, layout: Layout) -> Block:
    return Block(text, ord(layout.delimiter), ord(layout.quote))


def _line_of(text: bytes, offset: int) -> int:
    """Return how many lines end before an offset."""
    before = text[:offset]
    return before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n")


def _refuse_nul(text: bytes, mark: Mark) -> None:
    offset = text.find(0)
    if offset >= 0:
        raise NulCharacter(mark.byte + offset + 1, mark.line + _line_of(text, offset))


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _refuse_encoding(text: bytes, mark: Mark, *, partial: bool) -> None:
    """Raise NotUtf8 if the text is not UTF-8; `partial` text may end within a character."""
    if text.isascii():
        return
    try:
        text.decode()
    except UnicodeDecodeError as error:
        offset = error.start
        if partial and len(text) - offset < 4:  # noqa: PLR2004 - a character may go on in the next block
            return
        before = text[:offset].replace(b"\r", b"\n").rpartition(b"\n")[2]
        raise NotUtf8(
            byte=mark.byte + offset + 1,
            line=mark.line + _line_of(text, offset),
            character=len(before.decode()) + 1,
            likely=_likely_encoding(text[offset:]),
        ) from None


def _refuse_joined(text: bytes, block: Block, mark: Mark) -> None:
    """Raise FilesJoined at a byte order mark that starts a record: the file's own was skipped."""
    if not block.beyond_ascii:
        return
    marked = block.text[block.starts] == BYTE_ORDER_MARK[0]
    for offset in block.starts[marked].tolist():
        if text.startswith(BYTE_ORDER_MARK, offset) and (offset or mark.record):
            raise FilesJoined(mark.line + block.lines_before(offset))


def _likely_encoding(text: bytes) -> str:
    """Guess by the bytes 128 to 159: Windows has letters there, Latin-1 has control codes."""
    if any(128 <= byte < 160 for byte in text):  # noqa: PLR2004 - see the docstring
        return "Windows-1252, as Excel and many CRMs export by default"
    return "Windows-1252 or ISO 8859-1 (Latin-1)"


def _bad_quote(block: Block, bad: BadQuote, mark: Mark) -> BrokenQuoting | FilesJoined:
    """Return the problem, with the line of the quote and the line on which its row starts."""
    row = int(np.searchsorted(block.ends, bad.offset))
    begin = int(block.ends[row - 1]) + 1 if row else 0
    line, row_line = (mark.line + block.lines_before(offset) for offset in (bad.offset, begin))
    before = block.data[begin : bad.offset]
    if bad.is_stray and before == BYTE_ORDER_MARK and (begin or mark.record):
        return FilesJoined(row_line)  # of a second file, whose header is in quotes
    return BrokenQuoting(line, row_line, _fault_of_quote(block, bad))


def _fault_of_quote(block: Block, bad: BadQuote) -> QuoteFault:
    """Return what is wrong with a quote, by the bytes beside it."""
    text, edges = block.data, bytes([block.delimiter]) + b"\r\n"
    if not bad.is_stray:
        behind = text[bad.offset :].lstrip(BLANKS.replace(edges[:1], b""))
        is_blank = behind[:1] != text[bad.offset : bad.offset + 1] and behind[:1] in edges
        return "blank-behind" if is_blank else "closing"
    # What its value has before it: nothing but blanks, or the sign of a formula.
    before = text[: bad.offset]
    value = before[max(before.rfind(edges[index : index + 1]) for index in range(3)) + 1 :]
    if value == b"=":
        return "formula"
    return "blank-before" if not value.strip(BLANKS) else "stray"
