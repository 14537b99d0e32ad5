"""A block of delimited text taken apart with array operations, many bytes at a time.

A byte is inside quotes where the number of quotes up to it is odd. With that known for every byte,
delimiters, ends of records and illegal quotes are comparisons of whole arrays: over a hundred times
faster than stepping through the bytes, and just as exact.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]

LF, CR = 10, 13


def _running_parity(byte: int) -> int:
    """Number the bits of a byte by the parity of those set up to each, the highest bit first."""
    parity = result = 0
    for bit in range(7, -1, -1):
        parity ^= byte >> bit & 1
        result |= parity << bit
    return result


_PREFIX = np.array([_running_parity(byte) for byte in range(256)], dtype=np.uint8)
_FLIP = np.where(_PREFIX & 1, np.uint8(255), np.uint8(0))
"""What a byte with an odd number of bits does to all bits behind it."""


@dataclass(frozen=True)
class Block:
    """Bytes that begin where a record begins."""

    text: Bytes
    delimiter: int
    quote: int

    @cached_property
    def quotes(self) -> Mask:
        """Where quotes stand."""
        found: Mask = self.text == self.quote
        return found

    @cached_property
    def inside(self) -> Mask:
        """Where an odd number of quotes has been seen, the byte itself included."""
        packed = np.packbits(self.quotes)
        flips = np.bitwise_xor.accumulate(_FLIP[packed])
        parity = _PREFIX[packed]
        parity[1:] ^= flips[:-1]
        return np.unpackbits(parity, count=len(self.text)).view(np.bool_)

    @cached_property
    def outside(self) -> Mask:
        """Where bytes are not inside quotes."""
        return ~self.inside

    @cached_property
    def returns(self) -> Mask | None:
        """Where carriage returns stand, also inside quotes; None where there are none at all."""
        found: Mask = self.text == CR
        return found if found.any() else None

    @cached_property
    def line_ends(self) -> Mask:
        """Where physical lines end: at line feeds, and at carriage returns without one."""
        ends: Mask = self.text == LF
        if self.returns is not None:
            lone = self.returns.copy()
            lone[:-1] &= ~ends[1:]
            ends = ends | lone
        return ends

    @cached_property
    def ends(self) -> Mask:
        """Where records end: at the ends of lines outside quotes."""
        return self.line_ends & self.outside

    @cached_property
    def separators(self) -> Mask:
        """Where values end: at delimiters and ends of records."""
        found: Mask = self.text == self.delimiter
        found &= self.outside
        found |= self.ends
        return found

    @cached_property
    def separating_ends(self) -> Mask:
        """Whether each separator in turn is the end of a record."""
        found: Mask = self.text[self.separators] != self.delimiter
        return found

    def first_bad_quote(self) -> int | None:
        """Find the first quote with an illegal neighbour: a stray one, or text behind a closed one.

        Answers the position of the quote where it stands wrong, of the text where that does.
        """
        fitting = self.separators | self.quotes
        if self.returns is not None:
            fitting |= self.returns & self.outside
        opens_badly = self.quotes[1:] & self.inside[1:] & ~fitting[:-1]
        closes_badly = self.quotes[:-1] & self.outside[:-1] & ~fitting[1:]
        bad = opens_badly | closes_badly
        return int(bad.argmax()) + 1 if bad.any() else None

    def last_end(self) -> int | None:
        """Find where the last whole record ends."""
        backwards = self.ends[::-1]
        place = int(backwards.argmax())
        return len(self.text) - 1 - place if backwards[place] else None

    def first(self, size: int) -> "Block":
        """Answer the block's beginning, without computing anything anew."""
        part = Block(self.text[:size], self.delimiter, self.quote)
        for name in ("quotes", "inside", "outside", "line_ends", "ends", "separators"):
            part.__dict__[name] = getattr(self, name)[:size]
        part.__dict__["returns"] = None if self.returns is None else self.returns[:size]
        return part

    def is_regular(self, width: int) -> bool:
        """Whether every record has `width` values and none is a blank line; whole records only."""
        ends = self.separating_ends
        if len(ends) % width or np.count_nonzero(ends) != len(ends) // width:
            return False
        if width == 1 and self.blank_lines().any():
            return False
        return bool(ends[width - 1 :: width].all())

    def widths(self) -> Positions:
        """Count the values of each record; whole records only."""
        return np.diff(np.flatnonzero(self.separating_ends), prepend=-1)

    def starts(self) -> Positions:
        """Find where each record starts; whole records only."""
        starts = np.flatnonzero(self.ends) + 1
        return np.concatenate((np.zeros(1, dtype=np.int64), starts[:-1]))

    def sizes(self) -> Positions:
        """Count the bytes of each record with its end; whole records only."""
        return np.diff(np.flatnonzero(self.ends), prepend=-1)

    def blank_lines(self) -> Mask:
        """Whether each record is a blank line: nothing but its end."""
        sizes = self.sizes()
        blank: Mask = sizes == 1
        if self.returns is None:
            return blank
        starts = self.starts()
        blank |= (sizes == len("\r\n")) & self.returns[starts]
        return blank

    def kinds_of_end(self, added: int = 0) -> frozenset[str]:
        """Name the ways in which records end, but for the last `added` ends."""
        if self.returns is None:
            return frozenset({"LF"} if np.count_nonzero(self.ends) > added else ())
        ends = np.flatnonzero(self.ends)
        ends = ends[: len(ends) - added]
        feeds = self.text[ends] == LF
        behind_return = (ends > 0) & (self.text[ends - 1] == CR)
        kinds = {"CR": ~feeds, "CRLF": feeds & behind_return, "LF": feeds & ~behind_return}
        return frozenset(kind for kind, found in kinds.items() if found.any())
