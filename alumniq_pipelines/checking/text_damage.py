"""The traces that spreadsheets and export tools leave in texts which they damage."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import assert_never

from alumniq_pipelines.core.feeds.column_types import ColumnType
from alumniq_pipelines.core.feeds.field_map import Column, FieldMap
from alumniq_pipelines.core.feeds.unseen_characters import INVISIBLE, ODD_SPACES


class Damage(StrEnum):
    """The ways in which texts are damaged."""

    SCIENTIFIC = "scientific"
    DATE = "date"
    ERROR = "error"
    LOST_CHARACTERS = "lost-characters"
    DOUBLE_ENCODED = "double-encoded"
    # The following are not screened for outside of primary keys (see `column_damage`).
    DECIMAL = "decimal"
    FORMULA = "formula"
    NULL_WORD = "null-word"
    EXPONENT = "exponent"
    APOSTROPHE = "apostrophe"
    PADDED = "padded"
    INVISIBLE = "invisible"
    SOME_DECIMALS = "some-decimals"  # the trace of DECIMAL, where most values of the column lack it
    EMPTY_WORD = "empty-word"
    MARKED_NUMBER = "marked-number"
    HIDDEN = "hidden"


MONTH = "(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
ERRORS = ("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!")
MISREAD = (
    "\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc"
    "\u2013-\u203a\u20ac\u2122"
)
"""What the second byte of a character in UTF-8 is in Windows-1252 or Latin-1."""
ZERO_WIDTH = "\u00ad\u200b\u2060\ufeff"
"""Characters without a width that no letters need: joiners and marks of direction are not here."""
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
"""Scripts that are written without blanks, of Thai, Lao, Burmese and Khmer: U+200B parts words."""
TRACES: Mapping[Damage, str] = {
    Damage.SCIENTIFIC: (
        r"[+-]?[0-9]+([.,][0-9]+)?[Ee]\+[0-9]{1,3}|[+-]?[0-9][.,][0-9]+[Ee][0-9]{1,3}"
    ),
    Damage.DATE: f"[0-9]{{1,2}}-{MONTH}|{MONTH}-[0-9]{{2}}",
    Damage.ERROR: "|".join(re.escape(error) for error in ERRORS),
    Damage.LOST_CHARACTERS: "(?s:.*)\ufffd(?s:.*)",
    Damage.DOUBLE_ENCODED: (
        f"(?s:.*)(\u00c3[{MISREAD}]|\u00c2[\u00a0-\u00bf]|\u00e2[\u0080\u20ac])(?s:.*)"
    ),
    Damage.DECIMAL: r"[+-]?[0-9]+\.0+",
    Damage.FORMULA: '(?s:=".*")',
    Damage.NULL_WORD: r"NULL|null|nan|NaN|NaT|\\N|(?i:\(null\)|<null>|\[null\]|<na>)",
    # Codes and surnames, too: honors may be NONE.
    Damage.EMPTY_WORD: "(?i:null|nil|nan|none|undefined)",
    Damage.EXPONENT: r"[0-9]{1,4}[Ee][0-9]{1,3}",
    Damage.APOSTROPHE: "(?s:'.+)",
    Damage.PADDED: r"(?s:[ \t].*|.*[ \t])",
    Damage.INVISIBLE: f"(?s:.*)[{INVISIBLE}](?s:.*)",
    # Not the year '98, and not 't Hooft.
    Damage.MARKED_NUMBER: r"'[-+(]*[0-9]{3}[0-9 .,:/()+-]*",
    Damage.HIDDEN: (
        f"(?s:[{ODD_SPACES}].*|.*[{ODD_SPACES}]|[^{UNSPACED}]*[{ZERO_WIDTH}][^{UNSPACED}]*)"
    ),
}
"""The pattern of a whole damaged text; Python and DuckDB read these patterns alike."""

WORDS_OF_TOOLS = (
    *("NULL", "null", "(NULL)", "(null)", "<NULL>", "<null>", "[NULL]", "\\N"),
    *("NaN", "nan", "NaT", "<NA>"),
)
"""How databases and programs write a missing value; `Null` is how a person is called."""
WORDS_OF_PEOPLE_TOO = ("None", "undefined")
"""What may also be meant: there are dietary restrictions, and there are none."""

BEGINNINGS: Mapping[Damage, tuple[bytes, ...]] = {
    Damage.ERROR: tuple(error[:3].encode() for error in ERRORS),
    Damage.LOST_CHARACTERS: (b"\xef\xbf\xbd",),
    # Of a character that was misread as two, and of the next one or two bytes.
    Damage.DOUBLE_ENCODED: (
        *(b"\xc3\x83" + bytes([following]) for following in (0xC2, 0xC5, 0xC6, 0xCB, 0xE2)),
        b"\xc3\x82\xc2",
        b"\xc3\xa2\xc2",
        b"\xc3\xa2\xe2",
    ),
}
"""Three bytes, one of which is in every file with a text that was damaged in such a way."""

BY_SPREADSHEETS = (Damage.SCIENTIFIC, Damage.DATE, Damage.ERROR)
"""What is looked for in codes, numbers and dates; all the rest is in text columns or keys alone."""

OF_WHOLE_COLUMNS = (
    Damage.FORMULA,
    Damage.NULL_WORD,
    Damage.DECIMAL,
    Damage.MARKED_NUMBER,
    Damage.APOSTROPHE,
    Damage.INVISIBLE,
    Damage.HIDDEN,
    Damage.PADDED,
)
"""What a tool does to whole columns: looked for in the first and last rows (`column_damage`)."""

IN_INVALID_CELLS = (
    Damage.FORMULA,
    Damage.NULL_WORD,
    Damage.EMPTY_WORD,
    Damage.DECIMAL,
    Damage.APOSTROPHE,
    Damage.INVISIBLE,
    Damage.PADDED,
)
"""What explains why a text breaks the rules of its column; a text has the first one it shows."""

CERTAIN_IN_KEYS = (
    Damage.SCIENTIFIC,
    Damage.DECIMAL,
    Damage.FORMULA,
    Damage.NULL_WORD,
    Damage.ERROR,
)
"""What no primary key is by intention: such rows are rejected."""

PROBABLE_IN_KEYS = (
    Damage.EMPTY_WORD,
    Damage.DATE,
    Damage.EXPONENT,
    Damage.APOSTROPHE,
    Damage.PADDED,
    Damage.INVISIBLE,
)
"""What a primary key hardly is by intention: such rows are published, with a warning."""

PLAIN_KEY = "[0-9A-DF-MO-TV-Za-df-mo-tv-z]+|[0-9A-Za-z-]{10,}"
"""The pattern of texts in which none of these damages can be, as most keys are.

Without the letters E, N and U it is no exponent and no word for a missing value; those texts are
short, as are days of a month.
"""

CODE_NAME = re.compile(r"(id|code|number|key|zip)[0-9]?$", re.IGNORECASE)
"""How the name of a column of codes ends: `xid2`, `degreeCode`, `homePhoneNumber`."""


def damages_of(column: Column, field_map: FieldMap) -> tuple[Damage, ...]:
    """Return the damages that cannot be confused with a valid value of the column."""
    match column.type:
        case ColumnType.INTEGER:
            return Damage.SCIENTIFIC, Damage.ERROR
        case ColumnType.STRING:
            return (*screened_damages(column, field_map), Damage.ERROR)
        # A number may be in scientific notation, and what else a spreadsheet makes of these types
        # is no value of them: the advice of the broken rule says how to write one.
        case (
            ColumnType.NUMBER
            | ColumnType.BOOLEAN
            | ColumnType.DATE
            | ColumnType.DATETIME
            | ColumnType.TIME
            | ColumnType.YEAR
        ):
            return (Damage.ERROR,)
        case _:
            assert_never(column.type)


def screened_damages(column: Column, field_map: FieldMap) -> tuple[Damage, ...]:
    """Return the damages that break no rule, so that every row has to be screened for them.

    Error values are not among them: they may be in any text column, and are rare.
    """
    if column.type is not ColumnType.STRING:
        return ()
    # Only columns of codes. Elsewhere, `3-May` may be what a person wrote.
    if is_free_key(column, field_map):
        return (*CERTAIN_IN_KEYS, *PROBABLE_IN_KEYS)
    return (Damage.SCIENTIFIC, Damage.DATE) if is_code(column, field_map) else ()


def is_code(column: Column, field_map: FieldMap) -> bool:
    """Whether a text column is of codes: part of a key, restricted, or named like a code."""
    schema, constraints = field_map.table_schema, column.constraints
    keys = {*schema.primary_key, *(name for key in schema.foreign_keys for name in key.fields)}
    is_bound = constraints.unique or constraints.pattern is not None or constraints.enum is not None
    return column.name in keys or is_bound or CODE_NAME.search(column.name) is not None


def is_free_key(column: Column, field_map: FieldMap) -> bool:
    """Whether a text column is of the primary key, and the field map does not say how it looks.

    With a pattern or a list of values, it says so: what passes them is right.
    """
    is_key = column.name in field_map.table_schema.primary_key
    return column.type is ColumnType.STRING and is_key and not is_described(column)


def is_described(column: Column) -> bool:
    """Whether the field map says how the texts of a column look."""
    return column.constraints.pattern is not None or column.constraints.enum is not None
