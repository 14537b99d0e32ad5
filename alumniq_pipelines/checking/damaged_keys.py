"""The messages and advice on values of a primary key that a tool has damaged."""

from collections.abc import Mapping

from alumniq_pipelines.checking.text_damage import Damage

_WORDS: Mapping[Damage, tuple[str, str]] = {
    Damage.SCIENTIFIC: (
        "is a number in scientific notation",
        "A spreadsheet or program has rewritten and perhaps rounded it. Export the column as text.",
    ),
    Damage.DECIMAL: (
        "is a number with a decimal point",
        "A program has probably read the column as numbers. Export it as text.",
    ),
    Damage.FORMULA: (
        "is written as a formula of a spreadsheet",
        "Send the value itself, without the equals sign and the quotation marks.",
    ),
    Damage.NULL_WORD: (
        "is a word that stands for a missing value",
        "Fill in the value, or leave the row out.",
    ),
    Damage.SOME_DECIMALS: (
        "is a number with a decimal point, as most others are not",
        "If it is not a code of yours, a program has changed it. Export the column as text.",
    ),
    Damage.EMPTY_WORD: (
        "is a word that often stands for a missing value",
        "If it is not a code of yours, fill in the value, or leave the row out.",
    ),
    Damage.ERROR: (
        "is an error value of a spreadsheet",
        "Correct the formula, or leave the row out.",
    ),
    Damage.DATE: (
        "looks like a day and a month",
        (
            "A spreadsheet has probably turned a code into a date. Format the column as text "
            "before the codes are entered."
        ),
    ),
    Damage.EXPONENT: (
        "looks like a number in scientific notation",
        (
            "If it is not a code of yours, a spreadsheet or program has changed it. Export the "
            "column as text."
        ),
    ),
    Damage.APOSTROPHE: (
        "begins with an apostrophe",
        "Spreadsheets mark texts so. Send the value without it.",
    ),
    Damage.PADDED: (
        "has blanks before or behind its value",
        "It matches no value without them. Trim the values in your export.",
    ),
    Damage.INVISIBLE: (
        "contains invisible characters",
        (
            "They come from web pages and documents, and it matches no value without them. Remove "
            "them in your source system."
        ),
    ),
}
"""The clause and advice on each kind of damage that is looked for in keys."""


def damaged_key_message(column: str, damage: Damage) -> str:
    """Return the message on a value of a primary key that a tool has damaged."""
    return f"`{column}` {_WORDS[damage][0]}"


def damaged_key_advice(damage: Damage) -> str:
    """Return how to fix it."""
    return _WORDS[damage][1]
