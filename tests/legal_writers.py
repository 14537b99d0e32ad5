"""Tables of text, and all valid ways to write a file from them."""

import csv
import gzip
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from alumniq_pipelines.checking.header import DELIMITERS
from tests.unit.checking.test_decompress import framed

NAMES = ("xid", "lastName", "city", "notes")
MARKS = (*DELIMITERS, "!", "/", "+", "%", "&", "'", "@")
"""Delimiters that a field map may name."""

TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8
) | st.sampled_from(
    ['"', '""', '",', ",", "\n", "\r\n", "\r", "NULL", " x ", "\ufeff", "007", "1e5", "a\nb", "é"]
)

Row = tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """The table that must arrive: a blank is an empty text."""

    names: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Writer:
    """One way to write a file.

    Values are put into quotes where they must be, and those of every place in `also_quoted`,
    counted through the whole file and begun again at its end.
    """

    delimiter: str = ","
    end: str = "\n"
    also_quoted: tuple[bool, ...] = (False,)
    ends_last_line: bool = True
    has_mark: bool = False
    packing: str = "plain"
    quote: str = '"'

    def lines(self, table: Table) -> list[str]:
        """Return the header and the rows as they are written, without the ends of their records."""
        records = (table.names, *table.rows)
        return [self.line(row, number * len(row)) for number, row in enumerate(records)]

    def line(self, row: Sequence[str], place: int = 0) -> str:
        """Return a row as it is written, its first value at this place in the file."""
        return self.delimiter.join(
            self._written(value, index, alone=len(row) == 1)
            for index, value in enumerate(row, place)
        )

    def join(self, lines: Sequence[str]) -> str:
        """Return the text of a file with these records."""
        return self.end.join(lines) + (self.end if self.ends_last_line else "")

    def text(self, table: Table) -> str:
        """Return the table as text."""
        return self.join(self.lines(table))

    def encode(self, text: str) -> bytes:
        """Return the bytes of a text before compression."""
        return text.encode("utf-8-sig" if self.has_mark else "utf-8")

    def encoded(self, table: Table) -> bytes:
        """Return the bytes before compression."""
        return self.encode(self.text(table))

    def packed(self, table: Table) -> bytes:
        """Return the file that is delivered."""
        return self.pack_text(self.text(table))

    def pack_text(self, text: str) -> bytes:
        """Return a text as it is delivered."""
        return pack(self.encode(text), self.packing)

    def _written(self, value: str, index: int, *, alone: bool) -> str:
        # The last is the end mark of DOS: at the end of a file, it belongs to no value.
        marks = {self.delimiter, self.quote, "\r", "\n", "\x1a"}
        must = marks & set(value) or value.startswith("\ufeff") or (alone and not value)
        if must or self.also_quoted[index % len(self.also_quoted)]:
            return self.quote + value.replace(self.quote, self.quote * 2) + self.quote
        return value


def pack(content: bytes, packing: str) -> bytes:
    """Return the content, compressed or as it is."""
    match packing:
        case "gzip":
            return gzip.compress(content)
        case "two gzip members":
            half = len(content) // 2
            return gzip.compress(content[:half]) + gzip.compress(content[half:])
        case "zip":
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("feed.csv", content)
            return packed.getvalue()
        case "zstd":
            return framed(content)
    return content


PACKINGS = ("plain", "gzip", "two gzip members", "zip")


def writers(
    delimiters: Sequence[str] = MARKS,
    packings: Sequence[str] = PACKINGS,
    quotes: Sequence[str] = ('"',),
) -> st.SearchStrategy[Writer]:
    """Draw a way to write a file."""
    return st.builds(
        Writer,
        delimiter=st.sampled_from(delimiters),
        end=st.sampled_from(["\n", "\r\n", "\r"]),
        also_quoted=st.lists(st.booleans(), min_size=1, max_size=7).map(tuple),
        ends_last_line=st.booleans(),
        has_mark=st.booleans(),
        packing=st.sampled_from(packings),
        quote=st.sampled_from(quotes),
    ).filter(lambda writer: writer.delimiter != writer.quote)


@st.composite
def tables(draw: st.DrawFn, least_columns: int = 1) -> Table:
    """Draw a table of any texts, its columns in any order."""
    names = draw(
        st.lists(st.sampled_from(NAMES), min_size=least_columns, max_size=len(NAMES), unique=True)
    )
    row = st.tuples(*(TEXT for _ in names))
    return Table(tuple(names), tuple(draw(st.lists(row, min_size=1, max_size=8))))


def strictly_read(content: bytes, delimiter: str) -> list[list[str]] | None:
    """Return the rows of any width as RFC 4180 reads them; None if it cannot."""
    try:
        text = content.decode("utf-8-sig")
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except (UnicodeDecodeError, csv.Error):
        return None


def in_order(names: Sequence[str], row: Sequence[str], wanted: Sequence[str]) -> list[str | None]:
    """Return the values of known columns in a row, as they are published: blank is None."""
    indexes = {
        re.sub(r"[\s_.(){}\[\]`\ufeff-]", "", name.casefold()): at for at, name in enumerate(names)
    }
    found = [indexes.get(name.casefold()) for name in wanted]
    return [None if index is None else row[index] or None for index in found]
