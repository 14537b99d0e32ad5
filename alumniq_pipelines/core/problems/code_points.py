"""Characters that nobody sees in a text, named so that a reader can find and remove them."""

from unicodedata import name

MAX_NAMED = 3


def format_code_points(characters: str) -> str:
    """Return each distinct character as `U+200B (zero width space)`, at most MAX_NAMED of them."""
    distinct = list(dict.fromkeys(characters))
    named = [
        f"U+{ord(character):04X} ({title})"
        # Control characters and halves of a surrogate pair have no name.
        if (title := name(character, "").lower())
        else f"U+{ord(character):04X}"
        for character in distinct[:MAX_NAMED]
    ]
    more = len(distinct) - MAX_NAMED
    return ", ".join(named) + (f" and {more:,} more" if more > 0 else "")
