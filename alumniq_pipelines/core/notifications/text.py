"""Layout shared by all messages: how their plain text is written, and read again.

A text has three kinds of paragraph: prose, a heading over lines that start with `- `, and lines of
`Name: value`. Channels that show more than plain text format these, so that all say the same.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

FACT = re.compile(r"([A-Z][A-Za-z ]*): (.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """A paragraph of a message: prose, or a heading over items, or facts."""

    prose: str = ""
    heading: str = ""
    items: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()


def bullet_list(heading: str, lines: Sequence[str]) -> str:
    """Format lines below a heading; white space is folded, so that a line stays one line."""
    return "\n".join((f"{heading}:", *(f"- {' '.join(line.split())}" for line in lines)))


def paragraphs(*parts: str) -> str:
    """Join the parts that are not empty, a blank line between them and a line break at the end."""
    return "\n\n".join(part for part in parts if part) + "\n"


def parse_paragraphs(text: str) -> tuple[Paragraph, ...]:
    """Return the paragraphs of a message's text."""
    return tuple(_parse_paragraph(part) for part in text.split("\n\n") if part.strip())


def _parse_paragraph(text: str) -> Paragraph:
    first, *rest = text.strip().splitlines()
    if rest and all(line.startswith("- ") for line in rest):
        return Paragraph(heading=first, items=tuple(line.removeprefix("- ") for line in rest))
    facts = [FACT.fullmatch(line) for line in (first, *rest)]
    found = tuple((fact[1], fact[2]) for fact in facts if fact)
    return Paragraph(facts=found) if len(found) == len(facts) else Paragraph(prose=text)
