"""Characters that nobody sees in a name or a value: blanks, and what has no width."""

BLANKS = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""What `str.strip` removes by itself."""

INVISIBLE = "".join(
    (
        "\u00a0\u00ad\u034f\u061c\u1680\u180e",
        *map(chr, range(0x2000, 0x2010)),
        *map(chr, range(0x2028, 0x2030)),
        *map(chr, range(0x205F, 0x2070)),
        "\u3000\ufeff",
    )
)
"""Spaces that are not the usual one, and characters without a width: copied from a web page or a
word processor, or a byte order mark. No character means anything else in a class of a pattern."""

ODD_SPACES = "".join(character for character in INVISIBLE if character in BLANKS)
"""Those of them that are as wide as a blank, or nearly."""
