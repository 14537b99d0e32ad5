"""Quotation marks that databases, programs and languages put around names and values."""

from collections.abc import Mapping

PAIRS: Mapping[str, str] = {
    '"': '"',
    "'": "'",
    "`": "`'\u00b4",
    "\u00b4": "\u00b4",
    "\u2018": "\u2019\u2018",
    "\u2019": "\u2019\u2018",
    "\u201a": "\u2018\u2019",
    "\u201b": "\u2019",
    "\u201c": "\u201d\u201c",
    "\u201d": "\u201d\u201c",
    "\u201e": "\u201c\u201d",
    "\u201f": "\u201d",
    "\u00ab": "\u00bb",
    "\u00bb": "\u00ab\u00bb",
    "\u2039": "\u203a",
    "\u203a": "\u2039\u203a",
    "\u300c": "\u300d",
    "\u300e": "\u300f",
    "\uff02": "\uff02",
    "\uff07": "\uff07",
}
"""By the mark that opens: those that close. A word processor may use any of them for `"` or `'`."""

MARKS = "".join(sorted({*PAIRS, *"".join(PAIRS.values())}))


def marks_around(text: str) -> str | None:
    """Return the quotation marks around a text with letters or digits, as `'…'`; None if none."""
    if text[:1] in PAIRS and text[-1] in PAIRS[text[0]] and any(map(str.isalnum, text)):
        return f"{text[0]}\u2026{text[-1]}"
    return None
