"""Layout shared by all messages: a heading with a list below it, and paragraphs."""

from collections.abc import Sequence


def bullet_list(heading: str, lines: Sequence[str]) -> str:
    """Format lines below a heading; white space is folded, so that a line stays one line."""
    return "\n".join((f"{heading}:", *(f"- {' '.join(line.split())}" for line in lines)))


def paragraphs(*parts: str) -> str:
    """Join the parts that are not empty, a blank line between them and a line break at the end."""
    return "\n\n".join(part for part in parts if part) + "\n"
