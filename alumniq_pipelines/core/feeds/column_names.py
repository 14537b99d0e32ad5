"""Column names: which known column an unknown name is probably meant to be.

`column_spellings` decides what matches. `ColumnNames.probable_match` decides what is refused as a
misspelling: it must rather miss one than accuse a column that is something else, since its file is
refused.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property

from alumniq_pipelines.core.feeds.column_spellings import fold, is_extension_name, without_table
from alumniq_pipelines.core.feeds.column_words import WORDS, singular, words_of
from alumniq_pipelines.core.feeds.field_map import FieldMap

QUALIFIERS = ("preferred", "primary", "current", "pref", "main")
"""Prefixes that do not make a name another one."""

LEFT_OUT = re.compile("(?:address|phone|number|name|code|date|year|order|text|gift)+")
"""What people leave out at the end of a name: `Email`, `mobile`, `first`."""

ADDED = re.compile("(?:name|code|text|value|description|(?:or)?province)")
"""What people add at the end of a name: `cityName`, `stateCode`."""

ADDED_TO_CODES = re.compile("code")
"""What they add to a column that holds codes: its `Name` and `Description` are something else."""

CODED = ("country", "subdivision")
"""How the reference sets of codes begin."""

NEGATIONS = frozenset({"in", "un", "non", "not", "no"})
FLAG = "is"

MIN_LETTERS = 4
"""Of a name's beginning that stands for the whole name."""

MIN_LETTERS_FOR_TYPO = 6
"""Letters from which one may be wrong; below, one may be missing, added or swapped."""

LONG_WORD_LETTERS = 7
"""Letters of a word from which two may be wrong in it."""


class _Closeness(IntEnum):
    """How a name is close to another, from loosely to surely."""

    NONE = 0
    PART = 1
    TYPO = 2
    FLAG = 3
    SAME = 4


@dataclass(frozen=True)
class _Form:
    """The words of a name or title in which it is compared."""

    words: tuple[str, ...]

    @cached_property
    def text(self) -> str:
        return "".join(self.words)

    @cached_property
    def singulars(self) -> Sequence[str]:
        """The words in the singular, in order of the alphabet."""
        return sorted(singular(word) for word in self.words)

    @cached_property
    def letters(self) -> frozenset[str]:
        return frozenset(self.text)

    @cached_property
    def digits(self) -> tuple[str, ...]:
        return tuple(re.findall(r"\d+", self.text))

    @property
    def unqualified(self) -> "_Form":
        """The form without its prefix."""
        rest = _Form(self.words[1:])
        is_qualified = self.words[:1] and self.words[0] in QUALIFIERS
        return rest if is_qualified and len(rest.text) >= MIN_LETTERS else self

    @property
    def unnumbered(self) -> "_Form":
        """The form without a 1 at its end."""
        is_numbered = len(self.words) > 1 and self.words[-1] == "1"
        return _Form(self.words[:-1]) if is_numbered else self


@dataclass(frozen=True)
class _KnownColumn:
    """A known column: the forms of its name, title and aliases, and whether it holds codes."""

    name: str
    forms: Sequence[_Form]
    is_coded: bool


@dataclass(frozen=True)
class ColumnNames:
    """The known columns of a feed, for finding the one that a file's unknown column may be."""

    field_map: FieldMap
    _vocabulary: frozenset[str] = field(init=False)
    _known: list[_KnownColumn] = field(init=False)

    def __post_init__(self) -> None:
        """Prepare the known names."""
        columns = self.field_map.columns
        keys = self.field_map.table_schema.foreign_keys
        referring = {name for key in keys for name in key.fields}
        titled = (singular(word) for column in columns for word in words_of(column.title))
        vocabulary = WORDS.union(filter(_is_long_enough, titled))
        known = [
            _KnownColumn(
                column.name,
                _forms(column.name, column.title, *column.alumniq.aliases, vocabulary=vocabulary),
                is_coded=column.name in referring
                or (column.alumniq.reference or "").startswith(CODED),
            )
            for column in columns
        ]
        used = (word for column in known for form in column.forms for word in form.singulars)
        object.__setattr__(self, "_known", known)
        object.__setattr__(self, "_vocabulary", vocabulary.union(filter(_is_long_enough, used)))

    def probable_match(self, name: str, absent: Iterable[str]) -> str | None:
        """Return the absent column that an unknown one is probably meant to be.

        None where it is closer, or as close, to another column: one that the file has, too.
        """
        if is_extension_name(name):
            return None
        spellings = [
            spelling
            for spelling in (name, *without_table(name))
            if fold(spelling) not in {"", *QUALIFIERS}
        ]
        forms = _forms(*spellings, vocabulary=self._vocabulary)
        best, found = _Closeness.NONE, list[str]()
        for known in self._known:
            closeness = max(
                (self._compare(ours, theirs, known) for ours in forms for theirs in known.forms),
                default=_Closeness.NONE,
            )
            if closeness > best:
                best, found = closeness, [known.name]
            elif closeness == best:
                found.append(known.name)
        if best in {_Closeness.NONE, _Closeness.FLAG} or len(found) > 1:
            return None
        return found[0] if found[0] in set(absent) else None

    def _compare(self, ours: _Form, theirs: _Form, known: _KnownColumn) -> _Closeness:
        if ours.digits != theirs.digits:
            # `address` may be `address1`; `address3` and `city2` are columns of their own.
            ours, theirs = ours.unnumbered, theirs.unnumbered
            if ours.digits or theirs.digits:
                return _Closeness.NONE
        if ours.text == theirs.text or ours.singulars == theirs.singulars:
            return _Closeness.SAME
        if FLAG + ours.text == theirs.text:
            return _Closeness.FLAG  # `faculty` may be a school, where `isFaculty` is absent
        if _is_typo(ours, theirs) and not self._is_plain(ours):
            return _Closeness.TYPO
        is_part = _is_part(ours.text, theirs.text, is_coded=known.is_coded) or (
            _is_truncated(ours.text, theirs) and not self._is_plain(ours)
        )
        return _Closeness.PART if is_part else _Closeness.NONE

    def _is_plain(self, form: _Form) -> bool:
        """Whether a name is made of words that are known, and thus no misspelling."""
        return all(word in self._vocabulary for word in form.singulars)


def _is_long_enough(word: str) -> bool:
    """Whether a word of a field map may be looked for within other names."""
    return len(word) >= MIN_LETTERS


def _forms(*texts: str, vocabulary: Collection[str]) -> Sequence[_Form]:
    """Return the forms of the names and the title of one column, each once."""
    full = (_Form(words_of(text, vocabulary)) for text in texts)
    both = (form for whole in full for form in (whole, whole.unqualified))
    return list({form.text: form for form in both if form.text}.values())


def _is_part(unknown: str, known: str, *, is_coded: bool) -> bool:
    """Whether names differ only by a general word at the end of one."""
    if unknown.startswith(known):
        added = ADDED_TO_CODES if is_coded else ADDED
        return bool(added.fullmatch(unknown.removeprefix(known)))
    if not known.startswith(unknown) or len(unknown) < MIN_LETTERS:
        return False
    left_out = LEFT_OUT.fullmatch(known.removeprefix(unknown))
    return left_out is not None and len(unknown) * 3 >= len(known)


def _is_truncated(unknown: str, known: _Form) -> bool:
    """Whether a name ends within the last word of another: `membershipStat`."""
    is_in_last = len(known.text) - len(known.words[-1]) < len(unknown)
    is_most = len(unknown) * 2 > len(known.text) and len(unknown) >= MIN_LETTERS
    return is_in_last and is_most and known.text.startswith(unknown)


def _is_typo(unknown: _Form, known: _Form) -> bool:
    """Whether a letter is wrong in a name, or two in one long word, or at a word's end."""
    ours, theirs = unknown.text, known.text
    if abs(len(ours) - len(theirs)) > 2 or len(unknown.letters ^ known.letters) > 4:  # noqa: PLR2004 - two wrong letters
        return False
    begin, ours, theirs = _differing(ours, theirs)
    if _is_opposite(ours, theirs):
        return False
    if len(known.text) < MIN_LETTERS_FOR_TYPO:
        # In short names a wrong letter often makes another word: `state`, `stage`.
        is_swapped = len(ours) == 2 and ours == theirs[::-1]  # noqa: PLR2004 - two neighbours
        is_longer = len(ours) + len(theirs) == 1 and begin > 0
        return len(unknown.text) >= MIN_LETTERS and (is_swapped or is_longer)
    wrong = _edit_distance(ours, theirs)
    if (ours, theirs) == ("ed", ""):
        return True  # `joinedDate`
    return wrong <= 1 or (wrong == 2 and _is_in_long_word(known, begin, begin + len(theirs)))  # noqa: PLR2004 - two wrong letters


def _is_in_long_word(form: _Form, begin: int, end: int) -> bool:
    """Whether a part of a name lies within a single word that is long."""
    start = 0
    for word in form.words:
        stop = start + len(word)
        if len(word) >= LONG_WORD_LETTERS and start <= begin and end <= stop:
            return True
        start = stop
    return False


def _is_opposite(ours: str, theirs: str) -> bool:
    """Whether names differ as opposites do: `isInactive`, `maximum` and `minimum`."""
    if not ours or not theirs:
        return ours + theirs in NEGATIONS
    return len(ours) == len(theirs) > 1 and not set(ours) & set(theirs)


def _differing(one: str, other: str) -> tuple[int, str, str]:
    """Return where two names begin to differ, and what each has between the parts they share."""
    begin = 0
    while begin < min(len(one), len(other)) and one[begin] == other[begin]:
        begin += 1
    one, other = one[begin:], other[begin:]
    end = 0
    while end < min(len(one), len(other)) and one[-1 - end] == other[-1 - end]:
        end += 1
    return begin, one[: len(one) - end], other[: len(other) - end]


def _edit_distance(one: str, other: str) -> int:
    """Count the letters that are missing, added, replaced or swapped with their neighbour."""
    # Only three rows of the table are needed: a swap reaches back over two.
    before: list[int] = []
    row = list(range(len(other) + 1))
    for index, letter in enumerate(one, start=1):
        older, before, row = before, row, [index]
        for at, wanted in enumerate(other, start=1):
            cost = min(before[at] + 1, row[-1] + 1, before[at - 1] + (letter != wanted))
            if index > 1 and at > 1 and letter == other[at - 2] and one[index - 2] == wanted:
                cost = min(cost, older[at - 2] + 1)
            row.append(cost)
    return row[-1]
