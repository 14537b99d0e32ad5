"""Column names as files spell them: which spellings are one name, and which column they name."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from unicodedata import category, normalize

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.feeds.quotation_marks import MARKS
from alumniq_pipelines.core.feeds.unseen_characters import BLANKS, INVISIBLE
from alumniq_pipelines.core.short_text import truncate

EXTENSION_SUFFIX = "__c"
"""How the sender's own columns end (spec: public pages on warehouseB)."""

QUOTING = f"[]{MARKS}"
"""What databases put around a name: `[name]`, `"name"` and `` `name` ``."""

EDGES = BLANKS + INVISIBLE + QUOTING
"""Written out: one call of `str.strip` has to remove quoting together with blanks."""

IGNORED = str.maketrans("", "", f"_-\u2010.(){{}}{QUOTING}{INVISIBLE}")

TABLE_NAME = re.compile(r"[@#]{0,2}[^\W\d](?:[\w$# -]*[\w$#])?")

MAX_QUALIFIERS = 4
"""SQL Server may have a server, a database, a schema and a table before a column's name."""

UNSEEN = frozenset({"Cc", "Cf"})
"""The categories of control and format characters, such as marks of the direction of writing."""

MAX_CHARACTERS_SHOWN = 100
"""Of a name from a file: one that fills its header would fill the message, too."""


def visible_name(name: str) -> str:
    """Return a name as it looks: without characters that nobody sees, and blanks around it.

    A letter with an accent may be one character or two, as on a Mac: it is one here.
    """
    if not (name.isascii() and name.isprintable()):
        seen = (letter for letter in name if letter in BLANKS or category(letter) not in UNSEEN)
        name = normalize("NFC", "".join(seen))
    return name.strip(BLANKS + INVISIBLE)


def strip_name(name: str) -> str:
    """Return a name as it looks, without blanks, brackets and quotes around it."""
    return visible_name(name).strip(EDGES)


def shown_name(name: str) -> str:
    """Return a name from a file for a message: as it looks, on one line, and cut if it is long."""
    return truncate(" ".join(visible_name(name).split()), MAX_CHARACTERS_SHOWN)


def without_table(name: str) -> Iterator[str]:
    """Yield a name without the table's name before it, which a schema's may precede.

    Of `dbo.People.first_name` these are `People.first_name` and `first_name`. A dot beside a blank
    belongs to a name: `No. 1`. FileMaker writes `People::first_name`.
    """
    rest = strip_name(name).replace("::", ".")
    for _ in range(MAX_QUALIFIERS):
        table, _, rest = rest.partition(".")
        # SQL Server may leave the schema out: `Alumni..People.first_name`.
        is_table = not table or TABLE_NAME.fullmatch(table.strip(QUOTING))
        if not is_table or not strip_name(rest) or rest[0] in BLANKS:
            return
        yield rest


def is_extension_name(name: str) -> bool:
    """Whether a name ends as those of the sender's own columns do."""
    return strip_name(name).casefold().endswith(EXTENSION_SUFFIX)


def extension_name(name: str) -> str:
    """Return the name of one of the sender's own columns without a table's name before it."""
    return strip_name([name, *without_table(name)][-1])


def fold(name: str) -> str:
    """Return what two spellings of one name have in common.

    Case, blanks, `_`, `-`, `.`, brackets, quotes and invisible characters do not count, around or
    inside a name, nor do other forms of a letter, such as ligatures and those of full width. The
    ending of the sender's own columns does: `shoe__c` is not `shoec`.
    """
    plain = strip_name(name).casefold()
    stem = plain.removesuffix(EXTENSION_SUFFIX)
    folded = _letters(stem)
    # Not once only: a letter may turn into several, and some of those do not count.
    while not folded.isascii() and folded != (
        plainer := _letters(normalize("NFKC", folded).casefold())
    ):
        folded = plainer
    return folded + plain[len(stem) :] if folded else plain


def _letters(text: str) -> str:
    return "".join(text.translate(IGNORED).split())


@dataclass(frozen=True)
class ColumnSpellings:
    """The names and aliases of a feed's columns, by which the columns of a file are found."""

    field_map: FieldMap
    _columns: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Prepare the spellings."""
        aliases = {
            fold(alias): column.name
            for column in self.field_map.columns
            for alias in column.alumniq.aliases
        }
        names = {fold(column.name): column.name for column in self.field_map.columns}
        object.__setattr__(self, "_columns", aliases | names)

    def column(self, name: str) -> str | None:
        """Return the column that a name in a file stands for; None if it stands for none.

        The whole name is tried before the name without its table: a dot may belong to it.
        """
        if (found := self.column_of_whole(name)) is not None:
            return found
        rest = map(self.column_of_whole, without_table(name))
        return next((column for column in rest if column is not None), None)

    def column_of_whole(self, name: str) -> str | None:
        """Return the column of which a name is a spelling without a table's name before it."""
        return self._columns.get(fold(name))


def is_alias_of(name: str, column: str) -> bool:
    """Whether a name in a file stands for a column, though it is no spelling of the column's."""
    return fold(column) not in {fold(spelling) for spelling in (name, *without_table(name))}
