"""A block of delimited text, split into records with array operations, many bytes at a time.

A byte is inside quotes if the number of quotes up to it is odd. With that known for every byte,
delimiters, ends of records and illegal quotes are logic on whole arrays: hundreds of times faster
than a loop over the bytes, and just as exact. The arrays have one bit for each byte of the text, so
that one operation on a word handles 64 bytes of it, the first in the lowest bit.
"""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]

LF, CR = 10, 13
ONE, TOP = np.uint64(1), np.uint64(63)
HIGH_BITS = np.uint64(0x8080808080808080)


@dataclass(frozen=True, slots=True)
class BadQuote:
    """A quote with an illegal neighbor: a stray one, or text at `offset` behind a closing one."""

    offset: int
    is_stray: bool


@dataclass(frozen=True)
class Block:
    """Bytes that start at the start of a record; the last record may be incomplete."""

    data: bytes
    delimiter: int
    quote: int

    @cached_property
    def text(self) -> Bytes:
        """The bytes as an array."""
        return np.frombuffer(self.data, np.uint8)

    @cached_property
    def _quotes(self) -> Words:
        return self._bits(self.quote)

    @cached_property
    def _inside(self) -> Words:
        """Where an odd number of quotes has been seen, the byte itself included."""
        parity = self._quotes.copy()
        for distance in (1, 2, 4, 8, 16, 32):
            # After it, each bit is the parity of the 2, 4, 8 ... bits up to it, within its word.
            parity ^= parity << np.uint64(distance)
        odd = np.bitwise_xor.accumulate(parity >> TOP)
        parity[1:] ^= ~odd[:-1] + ONE  # an odd number before flips all bits of a word
        return parity

    @cached_property
    def _line_ends(self) -> Words:
        """Where physical lines end: at line feeds, and at carriage returns without one."""
        feeds = self._bits(LF)
        if not self.has_returns:
            return feeds
        lone = self._bits(CR) & ~_shifted_from_next(feeds, last=False)
        return feeds | lone

    @cached_property
    def _ends(self) -> Words:
        """Where records end: at the ends of lines outside quotes."""
        return self._line_ends & ~self._inside

    @cached_property
    def _separators(self) -> Words:
        """Where values end: at delimiters and ends of records."""
        return self._bits(self.delimiter) & ~self._inside | self._ends

    @cached_property
    def has_returns(self) -> bool:
        """Whether there are carriage returns at all, also inside quotes."""
        return b"\r" in self.data

    @cached_property
    def ends(self) -> Positions:
        """The offsets at which records end."""
        return _offsets(self._ends)

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
        word, bits = divmod(offset, 64)
        count = int(np.bitwise_count(self._line_ends[:word]).sum())
        return count + (int(self._line_ends[word]) & (1 << bits) - 1).bit_count() if bits else count

    def lines_before_records(self, records: Positions) -> Positions:
        """Return how many physical lines end before each of some whole records, given by index."""
        starts = self.starts[records]
        return _count_before(self._line_ends, starts)

    def bad_quote(self) -> BadQuote | None:
        """Return the first quote that is neither at an edge of its value nor doubled in it."""
        fitting = self._separators | self._quotes
        if self.has_returns:
            fitting |= self._bits(CR) & ~self._inside
        # What follows the block may fit: set the bits beyond its last byte.
        fitting[-1] |= ~ONE << np.uint64((len(self.text) - 1) % 64)
        opens = self._quotes & self._inside
        bad = opens & ~_shifted_from_previous(fitting, first=True)
        bad |= (self._quotes ^ opens) & ~_shifted_from_next(fitting, last=True)
        if not bad.any():
            return None
        offset = int(_offsets(bad)[0])
        is_stray = bool(int(opens[offset // 64]) >> offset % 64 & 1)
        return BadQuote(offset if is_stray else offset + 1, is_stray)

    @cached_property
    def values(self) -> Positions:
        """The number of values of each whole record, 0 for a blank line."""
        # A separator is the end of its record, or before it: those before two ends differ by the
        # number of values between them.
        counts: Positions = np.diff(_count_before(self._separators, self.ends), prepend=-1)
        counts[self._blank_lines()] = 0
        return counts

    def irregular_records(self, width: int) -> Positions:
        """Return the indexes of the whole records that do not have `width` values."""
        return np.flatnonzero(self.values != width)

    def _blank_lines(self) -> Mask:
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

    def line_endings(self, added: int = 0) -> frozenset[str]:
        """Return the line endings of records, except for the last `added` ends."""
        ends = self.ends[: len(self.ends) - added]
        feeds = self.text[ends] == LF
        behind_return = (ends > 0) & (self.text[ends - 1] == CR)
        endings = {"CR": ~feeds, "CRLF": feeds & behind_return, "LF": feeds & ~behind_return}
        return frozenset(kind for kind, found in endings.items() if found.any())

    @cached_property
    def beyond_ascii(self) -> bytes:
        """What the whole records have beyond ASCII, with at least what is next to it.

        Every character beyond ASCII is in there as it is in the text, and no other.
        """
        words = np.frombuffer(self.data, "<u8", count=self.whole // 8)
        found = words & HIGH_BITS != 0
        if not found.any() and self.data[len(words) * 8 : self.whole].isascii():
            return b""
        # A character goes on in the next word. Where the next one is left out, this one is ASCII.
        found[1:] |= found[:-1].copy()
        selected: bytes = words[found].tobytes()
        return selected + self.data[len(words) * 8 : self.whole]

    def has_any(self, beginnings: tuple[bytes, ...]) -> bool:
        """Whether any of some sequences of three bytes with the same first one is in the text.

        They are all in ASCII, or begin beyond it.
        """
        data = self.data if beginnings[0].isascii() else self.beyond_ascii
        first = beginnings[0][0]
        if first not in data:
            return False
        text = np.frombuffer(data, np.uint8)
        offsets = _offsets(_packed(text == first))
        offsets = offsets[offsets < len(text) - 2]
        pairs = text[offsets + 1].astype(np.uint16) << 8 | text[offsets + 2]
        return bool(_table_of_pairs(beginnings)[pairs].any())

    def copy_records(self, selected: Mask) -> bytes:
        """Return the bytes of the selected whole records, each with a line feed at its end."""
        text = self.text[: self.whole]
        selected_bytes = np.repeat(selected, self.sizes)
        if self.has_returns:
            text = text.copy()
            text[self.ends] = LF
            # Other returns outside quotes are the first half of CRLF: they are dropped.
            dropped = _offsets(self._bits(CR) & ~self._inside & ~self._ends)
            selected_bytes[dropped[dropped < self.whole]] = False
        return text[selected_bytes].tobytes()

    def _bits(self, byte: int) -> Words:
        return _packed(self.text == byte)


def _offsets(bits: Words) -> Positions:
    """Return the indexes of the bits that are set."""
    # Few words have a bit, and only those are spread out.
    words = np.flatnonzero(bits)
    spread = np.unpackbits(bits[words].view(np.uint8), bitorder="little").view(np.bool_)
    found = np.flatnonzero(spread)
    offsets: Positions = words[found >> 6] * 64 + (found & 63)
    return offsets


@cache
def _table_of_pairs(beginnings: tuple[bytes, ...]) -> Mask:
    """Return, for two bytes as one number, whether they are the last ones of a sequence."""
    table = np.zeros(1 << 16, np.bool_)
    table[[int.from_bytes(begin[1:]) for begin in beginnings]] = True
    return table


def _packed(mask: Mask) -> Words:
    """Return a bit for each byte of a mask; those beyond its end are 0."""
    words = np.zeros(-(-len(mask) // 64), dtype="<u8")
    packed = np.packbits(mask, bitorder="little")
    words.view(np.uint8)[: len(packed)] = packed
    return words


def _count_before(bits: Words, offsets: Positions) -> Positions:
    """Return how many bits are set before each offset, none of which is behind the last word."""
    counts = np.bitwise_count(bits)
    before = np.cumsum(counts, dtype=np.int64) - counts
    word, bit = offsets >> 6, (offsets & 63).astype(np.uint64)
    total: Positions = before[word] + np.bitwise_count(bits[word] & (ONE << bit) - ONE)
    return total


def _shifted_from_previous(bits: Words, *, first: bool) -> Words:
    """Return every bit at the index after its own; `first` is the bit at the first index."""
    shifted: Words = bits << ONE
    shifted[1:] |= bits[:-1] >> TOP
    shifted[0] |= np.uint64(first)
    return shifted


def _shifted_from_next(bits: Words, *, last: bool) -> Words:
    """Return every bit at the index before its own; `last` is the bit at the last index."""
    shifted: Words = bits >> ONE
    shifted[:-1] |= bits[1:] << TOP
    shifted[-1] |= np.uint64(last) << TOP
    return shifted
