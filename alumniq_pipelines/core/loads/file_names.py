"""File names as they look: characters that nobody sees make two names differ that look the same."""

from unicodedata import normalize

from alumniq_pipelines.core.feeds.unseen_characters import INVISIBLE, ODD_SPACES

INKLESS = "\u115f\u1160\u2800\u3164\uffa0" + "".join(map(chr, range(0xFE00, 0xFE10)))
"""Letters, signs and marks that count as printable, and leave nothing on the screen."""

_UNSEEN = frozenset(INVISIBLE + INKLESS)
_AS_IT_LOOKS = {ord(character): " " if character in ODD_SPACES else None for character in _UNSEEN}


def unseen_in(name: str) -> str:
    """Return the characters of a name that nobody sees, also blanks at the ends of its parts."""
    at_ends = any(part != part.strip(" ") for part in name.split("/"))
    return "".join(
        character
        for character in name
        if not character.isprintable() or character in _UNSEEN or (at_ends and character == " ")
    )


def visible_name(name: str) -> str:
    """Return a name as it looks: without what nobody sees, in one Unicode form."""
    shown = normalize("NFC", name).translate(_AS_IT_LOOKS)
    shown = "".join(character for character in shown if character.isprintable())
    return "/".join(part.strip(" ") for part in shown.split("/"))
