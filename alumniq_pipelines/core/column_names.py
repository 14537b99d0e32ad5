"""Column names: which spellings are one name, and which name is probably meant by another.

`fold` decides what matches. `ColumnNames.meant_by` decides what is refused as a misspelling: it
must rather miss one than accuse a column that is something else, since its file is refused.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property

from alumniq_pipelines.core.field_map import Column

EXTENSION_SUFFIX = "__c"
"""How the sender's own columns end (spec: public pages on warehouseB)."""

BYTE_ORDER_MARK = "\ufeff"
QUOTING = "[]`"
"""What databases put around a name: `[name]` and `` `name` ``."""

IGNORED = str.maketrans("", "", f"_-.(){{}}{QUOTING}{BYTE_ORDER_MARK}")
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")

ABBREVIATIONS = {
    "addr": "address",
    "cd": "code",
    "desc": "description",
    "dt": "date",
    "nbr": "number",
    "nm": "name",
    "no": "number",
    "num": "number",
    "yr": "year",
}
"""As naming standards of databases have them: `LAST_NM`, `CLASS_YR`."""

QUALIFIERS = ("preferred", "primary", "current", "pref", "main")
"""What stands in front of a name and does not make it another one; longest first."""

LEFT_OUT = re.compile("(?:address|phone|number|name|code|date|year|order|text)+")
"""What people leave out at the end of a name: `Email`, `mobile`, `first`."""

ADDED = re.compile("(?:name|code|text|value|desc|description|(?:or)?province)")
"""What people add at the end of a name: `cityName`, `stateCode`."""

NEGATIONS = frozenset({"in", "un", "non", "not", "no"})
FLAG = "is"

FEWEST_LETTERS = 4
"""Of a name's beginning that stands for the whole name."""

LONG, MEDIUM = 8, 6
"""Letters from which two, or one, may be wrong; below, one may be missing, added or swapped."""


class _Closeness(IntEnum):
    """How a name is close to another, from loosely to surely."""

    NONE = 0
    PART = 1
    TYPO = 2
    FLAG = 3
    SAME = 4


def bare(name: str) -> str:
    """Return a name without blanks, byte order marks, brackets and backticks around it."""
    return name.replace(BYTE_ORDER_MARK, "").strip().strip(QUOTING).strip()


def is_extension_name(name: str) -> bool:
    """Whether a name ends as those of the sender's own columns do."""
    return bare(name).casefold().endswith(EXTENSION_SUFFIX)


def fold(name: str) -> str:
    """Return what two spellings of one name have in common.

    Case, blanks, `_`, `-`, `.`, brackets and backticks do not count, around or inside a name. The
    ending of the sender's own columns does: `shoe__c` is not `shoec`.
    """
    plain = bare(name).casefold()
    stem = plain.removesuffix(EXTENSION_SUFFIX)
    folded = "".join(stem.translate(IGNORED).split())
    return folded + plain[len(stem) :] if folded else plain


@dataclass(frozen=True)
class _Spelling:
    """A name in the forms in which it is compared; `title` is for people, and known ones' alone."""

    name: str
    title: str = ""

    @cached_property
    def folded(self) -> str:
        return fold(self.name)

    @cached_property
    def words(self) -> tuple[str, ...]:
        words = (word.casefold() for word in WORD.findall(self.name))
        return tuple(ABBREVIATIONS.get(word, word) for word in words)

    @cached_property
    def core(self) -> str:
        """The name without what may stand in front of it, abbreviations written out."""
        core = "".join(self.words) or self.folded
        for qualifier in QUALIFIERS:
            if core.startswith(qualifier) and len(core) - len(qualifier) >= FEWEST_LETTERS:
                return core.removeprefix(qualifier)
        return core

    @cached_property
    def digits(self) -> tuple[str, ...]:
        return tuple(re.findall(r"\d+", self.folded))

    @cached_property
    def letters(self) -> frozenset[str]:
        return frozenset(self.core)


@dataclass(frozen=True)
class ColumnNames:
    """The known columns of a feed, for finding the one that a file's unknown column may be."""

    columns: Iterable[Column]
    _known: list[_Spelling] = field(init=False)

    def __post_init__(self) -> None:
        """Prepare the known names."""
        known = [_Spelling(column.name, _marks_removed(column.title)) for column in self.columns]
        object.__setattr__(self, "_known", known)

    def meant_by(self, name: str, absent: Iterable[str]) -> str | None:
        """Return the absent column that an unknown one is probably meant to be.

        None where it is closer, or as close, to another column: one that the file has, too.
        """
        unknown = _Spelling(name)
        if not unknown.folded or is_extension_name(name) or unknown.folded in QUALIFIERS:
            return None
        best, found = _Closeness.NONE, list[str]()
        for known in self._known:
            closeness = _closeness(unknown, known)
            if closeness > best:
                best, found = closeness, [known.name]
            elif closeness == best:
                found.append(known.name)
        if best in {_Closeness.NONE, _Closeness.FLAG} or len(found) > 1:
            return None
        return found[0] if found[0] in set(absent) else None


def _marks_removed(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _closeness(unknown: _Spelling, known: _Spelling) -> _Closeness:
    if known.title and _marks_removed(unknown.name) == known.title:
        return _Closeness.SAME
    ours, theirs = _numbered_alike(unknown, known)
    if not ours:
        return _Closeness.NONE
    if ours == theirs or sorted(unknown.words) == sorted(known.words):
        return _Closeness.SAME
    if FLAG + ours == theirs:
        return _Closeness.FLAG  # `faculty` may be a school, where `isFaculty` is absent
    if len(unknown.letters ^ known.letters) <= 4 and _is_typo(ours, theirs):  # noqa: PLR2004 - two wrong letters
        return _Closeness.TYPO
    return _Closeness.PART if _is_part(ours, theirs) else _Closeness.NONE


def _numbered_alike(unknown: _Spelling, known: _Spelling) -> tuple[str, str]:
    """Return both names, a 1 at the end of one taken off; nothing where they differ in numbers.

    `address` may be `address1`; `address3` and `city2` are columns of their own.
    """
    ours, theirs = unknown.core, known.core
    if unknown.digits == known.digits:
        return ours, theirs
    if (unknown.digits, known.digits) == (("1",), ()):
        return ours.removesuffix("1"), theirs
    if (unknown.digits, known.digits) == ((), ("1",)):
        return ours, theirs.removesuffix("1")
    return "", ""


def _is_part(unknown: str, known: str) -> bool:
    """Whether a name is most of another, or all of it that says what it is."""
    if unknown.startswith(known):
        return bool(ADDED.fullmatch(unknown.removeprefix(known)))
    if not known.startswith(unknown) or len(unknown) < FEWEST_LETTERS:
        return False
    if len(unknown) * 100 > len(known) * 55:
        return True
    left_out = LEFT_OUT.fullmatch(known.removeprefix(unknown))
    return left_out is not None and len(unknown) * 3 >= len(known)


def _is_typo(unknown: str, known: str) -> bool:
    shorter = min(len(unknown), len(known))
    if abs(len(unknown) - len(known)) > 2 or shorter < FEWEST_LETTERS:  # noqa: PLR2004 - two wrong letters
        return False
    ours, theirs = _differing(unknown, known)
    if _makes_another_word(ours, theirs) or (known == unknown + theirs and len(theirs) > 1):
        return False
    if shorter < MEDIUM:
        is_swapped = len(ours) == 2 and ours == theirs[::-1]  # noqa: PLR2004 - two neighbours
        has_one_more = sorted((len(ours), len(theirs))) == [0, 1] and unknown[0] == known[0]
        return is_swapped or has_one_more
    return _wrong_letters(ours, theirs) <= (2 if shorter >= LONG else 1)


def _makes_another_word(ours: str, theirs: str) -> bool:
    """Whether names differ as opposites do: `isInactive`, `maximum` and `minimum`."""
    if not ours or not theirs:
        return ours + theirs in NEGATIONS
    return len(ours) == len(theirs) > 1 and not set(ours) & set(theirs)


def _differing(one: str, other: str) -> tuple[str, str]:
    """Return what is left of two names without their common beginning and end."""
    begin = 0
    while begin < min(len(one), len(other)) and one[begin] == other[begin]:
        begin += 1
    one, other = one[begin:], other[begin:]
    end = 0
    while end < min(len(one), len(other)) and one[-1 - end] == other[-1 - end]:
        end += 1
    return one[: len(one) - end], other[: len(other) - end]


def _wrong_letters(one: str, other: str) -> int:
    """Count the letters that are missing, added, replaced or swapped with their neighbour."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for place, letter in enumerate(one, start=1):
        older, before, row = before, row, [place]
        for at, wanted in enumerate(other, start=1):
            cost = min(before[at] + 1, row[-1] + 1, before[at - 1] + (letter != wanted))
            if place > 1 and at > 1 and letter == other[at - 2] and one[place - 2] == wanted:
                cost = min(cost, older[at - 2] + 1)
            row.append(cost)
    return row[-1]
