"""The messages and advice on values that break a rule of their column because of a tool.

They name what nobody sees (a blank behind a value), or what the rule alone says only in a
roundabout way: that NULL is not a whole number.
"""

from collections.abc import Mapping

from alumniq_pipelines.checking.rules import Rule
from alumniq_pipelines.checking.text_damage import Damage
from alumniq_pipelines.core.feeds.field_map import Column

_NO_VALUE = (
    "it is a word that stands for a missing value",
    "Leave the cell blank, or ask us to list the word under `missingValues` in the field map.",
)
_WORDS: Mapping[Damage, tuple[str, str]] = {
    Damage.FORMULA: (
        "it is written as a formula of a spreadsheet",
        "Send the value itself, without the equals sign and the quotation marks.",
    ),
    Damage.NULL_WORD: _NO_VALUE,
    Damage.EMPTY_WORD: _NO_VALUE,
    Damage.DECIMAL: (
        "it is written with a decimal point",
        (
            "A program has probably read the column as decimal numbers. Export it without the "
            "point and the zeros behind it."
        ),
    ),
    Damage.APOSTROPHE: (
        "it begins with an apostrophe",
        "Spreadsheets mark texts so. Send the value without it.",
    ),
    Damage.PADDED: (
        "it begins or ends with a blank",
        "Trim the values in your export.",
    ),
    Damage.INVISIBLE: (
        "it contains invisible characters",
        "They come from web pages and documents. Remove them in your source system.",
    ),
}
"""The clause and advice on each kind of damage that explains why a value breaks a rule."""

FILL_IN = "Fill in the value, or leave the row out."

UNSEEN = frozenset({Damage.PADDED, Damage.INVISIBLE})


def explains(damage: Damage, rule: Rule, column: Column) -> bool:
    """Whether a damage is a reason for a text to break this rule of its column."""
    if not column.spec.takes_any_text:
        return rule is Rule.TYPE
    if rule is Rule.LENGTH:
        return damage in UNSEEN
    return rule in {Rule.PATTERN, Rule.ENUM, Rule.REFERENCE}


def damaged_cell_message(message: str, damage: Damage) -> str:
    """Return the message on a value that a tool has damaged, from that of the rule it breaks."""
    return f"{message}: {_WORDS[damage][0]}"


def damaged_cell_advice(advice: str, damage: Damage, column: Column) -> str:
    """Return how to fix it, with the advice of the rule; `column` tells if it may be blank."""
    if _WORDS[damage] is _NO_VALUE:  # there is no value that could be written otherwise
        return FILL_IN if column.constraints.required else _WORDS[damage][1]
    return f"{_WORDS[damage][1]} {advice}"
