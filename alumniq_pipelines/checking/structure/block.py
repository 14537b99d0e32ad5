"""A block of delimited text, split into records with array operations, many bytes at a time.

A byte is inside quotes if the number of quotes up to it is odd. With that known for every byte,
delimiters, ends of records and illegal quotes are logic on whole arrays: hundreds of times faster
than a loop over the bytes, and just as exact. The arrays have one bit for each byte of the text,
the first in the highest bit, so that one operation handles eight bytes of text.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Bits = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]

LF, CR = 10, 13


@dataclass(frozen=True, slots=True)
class BadQuote:
    """A quote with an illegal neighbor: a stray one, or text at `offset` behind a closing one."""

    offset: int
    is_stray: bool


@dataclass(frozen=True)
class Block:
    """Bytes that start at the start of a record; the last record may be incomplete."""

    text: Bytes
    delimiter: int
    quote: int

    @cached_property
    def _quotes(self) -> Bits:
        return self._bits(self.quote)

    @cached_property
    def _inside(self) -> Bits:
        """Where an odd number of quotes has been seen, the byte itself included."""
        parity = self._quotes.copy()
        for distance in (1, 2, 4):
            # After it, each bit is the parity of the 2, 4, 8 bits up to it, within its byte.
            parity ^= parity >> np.uint8(distance)
        odd = np.bitwise_xor.accumulate(parity & np.uint8(1))
        parity[1:] ^= np.negative(odd[:-1])  # an odd number before flips all bits of a byte
        return parity

    @cached_property
    def _line_ends(self) -> Bits:
        """Where physical lines end: at line feeds, and at carriage returns without one."""
        feeds = self._bits(LF)
        if not self.has_returns:
            return feeds
        lone = self._bits(CR) & ~_shifted_from_next(feeds, last=0)
        return feeds | lone

    @cached_property
    def _ends(self) -> Bits:
        """Where records end: at the ends of lines outside quotes."""
        return self._line_ends & ~self._inside

    @cached_property
    def _separators(self) -> Bits:
        """Where values end: at delimiters and ends of records."""
        return self._bits(self.delimiter) & ~self._inside | self._ends

    @cached_property
    def has_returns(self) -> bool:
        """Whether there are carriage returns at all, also inside quotes."""
        return bool((self.text == CR).any())

    @cached_property
    def ends(self) -> Positions:
        """The offsets at which records end."""
        return self._offsets(self._ends)

    @cached_property
    def starts(self) -> Positions:
        """The offsets at which whole records start."""
        starts = np.zeros(len(self.ends), dtype=np.int64)
        starts[1:] = self.ends[:-1] + 1
        return starts

    @cached_property
    def sizes(self) -> Positions:
        """How many bytes each whole record has with its end."""
        return np.diff(self.ends, prepend=-1)

    @property
    def whole(self) -> int:
        """How many bytes the whole records have."""
        return int(self.ends[-1]) + 1 if len(self.ends) else 0

    def lines_before(self, offset: int) -> int:
        """Return how many physical lines end before an offset."""
        # Of the byte at the offset, the highest bits are before it.
        byte, bits = divmod(offset, 8)
        count = int(np.bitwise_count(self._line_ends[:byte]).sum())
        return count + (int(self._line_ends[byte]) >> 8 - bits).bit_count() if bits else count

    def lines_before_records(self, records: Positions) -> Positions:
        """Return how many physical lines end before each of some whole records, given by index."""
        starts = self.starts[records]
        counts = np.bitwise_count(self._line_ends)
        before = np.cumsum(counts, dtype=np.int64) - counts
        byte, bits = starts >> 3, (starts & 7).astype(np.uint16)
        # As in `lines_before`; a start at the edge of a byte shifts all 8 bits out.
        in_byte = np.bitwise_count(self._line_ends[byte].astype(np.uint16) >> 8 - bits)
        lines: Positions = before[byte] + in_byte
        return lines

    def bad_quote(self) -> BadQuote | None:
        """Return the first quote that is neither at an edge of its value nor doubled in it."""
        fitting = self._separators | self._quotes
        if self.has_returns:
            fitting |= self._bits(CR) & ~self._inside
        # What follows the block may fit: set the bits beyond its last byte.
        fitting[-1] |= 0xFF >> (len(self.text) - 1) % 8 + 1
        opens = self._quotes & self._inside
        bad = opens & ~_shifted_from_previous(fitting, first=0x80)
        bad |= (self._quotes ^ opens) & ~_shifted_from_next(fitting, last=1)
        if not bad.any():
            return None
        offset = int(self._offsets(bad)[0])
        is_stray = bool(opens[offset >> 3] >> (7 - offset % 8) & 1)
        return BadQuote(offset if is_stray else offset + 1, is_stray)

    def widths(self) -> Positions:
        """Return the number of values of each whole record."""
        # Separators up to each record's end, from cumulative counts by byte plus the bits within
        # the last byte; the difference between two records is the number of values.
        counts = np.bitwise_count(self._separators)
        before = np.cumsum(counts, dtype=np.int64) - counts
        byte, bit = self.ends >> 3, (self.ends & 7).astype(np.uint8)
        up_to_end = before[byte] + np.bitwise_count(self._separators[byte] >> (7 - bit))
        widths: Positions = np.diff(up_to_end, prepend=0)
        return widths

    def blank_lines(self) -> Mask:
        """Whether each whole record is a blank line: nothing but its end."""
        blank: Mask = self.sizes == 1
        blank |= (self.sizes == len("\r\n")) & (self.text[self.starts] == CR)
        return blank

    def ends_in_delimiter(self, records: Positions) -> Mask:
        """Whether the last value of each of some whole records, given by index, is empty."""
        last = self.ends[records] - 1
        last = last - ((self.text[last] == CR) & (self.text[last + 1] == LF))
        delimited: Mask = self.text[last] == self.delimiter
        return delimited

    def is_regular(self, width: int) -> bool:
        """Whether every whole record has `width` values and none is a blank line."""
        return bool((self.widths() == width).all()) and not (
            width == 1 and self.blank_lines().any()
        )

    def line_endings(self, added: int = 0) -> frozenset[str]:
        """Return the line endings of records, except for the last `added` ends."""
        ends = self.ends[: len(self.ends) - added]
        feeds = self.text[ends] == LF
        behind_return = (ends > 0) & (self.text[ends - 1] == CR)
        endings = {"CR": ~feeds, "CRLF": feeds & behind_return, "LF": feeds & ~behind_return}
        return frozenset(kind for kind, found in endings.items() if found.any())

    def has_any(self, beginnings: Collection[bytes]) -> bool:
        """Whether any of some sequences of three bytes with the same first one is in the text."""
        text, firsts = self.text, len(self.text) - 2
        found = text[:firsts] == next(iter(beginnings))[0]
        for distance in (1, 2):
            # In most blocks nothing is left after the first or second byte.
            if not found.any():
                return False
            lowest = min(begin[distance] for begin in beginnings)
            found &= text[distance : firsts + distance] >= lowest
        offsets = np.flatnonzero(found)
        # The two bytes behind it as one number.
        pairs = text[offsets + 1].astype(np.uint16) << 8 | text[offsets + 2]
        return bool(np.isin(pairs, [int.from_bytes(begin[1:]) for begin in beginnings]).any())

    def copy_records(self, selected: Mask) -> Bytes:
        """Return the bytes of the selected whole records, each with a line feed at its end."""
        text = self.text[: self.whole]
        selected_bytes = np.repeat(selected, self.sizes)
        if self.has_returns:
            text = text.copy()
            text[self.ends] = LF
            # Other returns outside quotes are the first half of CRLF: they are dropped.
            selected_bytes &= ~((text == CR) & ~self._mask(self._inside)[: self.whole])
        return text[selected_bytes]

    def _bits(self, byte: int) -> Bits:
        return np.packbits(self.text == byte)

    def _mask(self, bits: Bits) -> Mask:
        return np.unpackbits(bits, count=len(self.text)).view(np.bool_)

    def _offsets(self, bits: Bits) -> Positions:
        return np.flatnonzero(self._mask(bits))


def _shifted_from_previous(bits: Bits, first: int) -> Bits:
    """Return every bit at the index after its own; `first` is set in the first byte."""
    shifted: Bits = bits >> np.uint8(1)
    shifted[1:] |= bits[:-1] << np.uint8(7)
    shifted[0] |= first
    return shifted


def _shifted_from_next(bits: Bits, last: int) -> Bits:
    """Return every bit at the index before its own; `last` is set in the last byte."""
    shifted: Bits = bits << np.uint8(1)
    shifted[:-1] |= bits[1:] >> np.uint8(7)
    shifted[-1] |= last
    return shifted
