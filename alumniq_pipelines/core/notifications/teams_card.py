"""Microsoft Teams: a message as the adaptive card that an incoming webhook of Workflows takes.

Teams renders Markdown in cards, so our texts are escaped: a file's name or the error of a
foreign system is shown as it is, and makes no link. The escapes are as few as possible,
because some of its mobile clients show a backslash where desktops do not.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alumniq_pipelines.core.notifications.text import Paragraph, parse_paragraphs
from alumniq_pipelines.core.short_text import truncate

CARD_TYPE = "application/vnd.microsoft.card.adaptive"
CARD_SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
CARD_VERSION = "1.4"
"""Not the newest: the one that every client of Teams renders, also those on phones."""

MAX_CARD_BYTES = 27 * 1024
"""Teams takes 28 KB, with what the workflow adds to the card."""
MAX_TITLE_CHARACTERS = 300
MAX_LINE_CHARACTERS = 1_000
"""Of one line: a card always has room for at least one, whatever its characters are."""

SHORTENED = "This message is shortened: Microsoft Teams takes no more than 28 KB."
PAGE = "Page"
"""The fact that holds the address of a page: it becomes the button below the card."""

_INLINE = re.compile(
    r"[\\*_\[\]`~]"  # emphasis, links, code
    r"|<(?=[A-Za-z/!?])"  # tags, and addresses in angle brackets
    r"|&(?=#?\w+;)"  # character references
    r"|(?<=\{)\{"  # {{DATE(...)}}, which cards replace
)
_BLOCK = re.compile(
    r"[-+#](?=\s|$)|#(?=#)|-(?=--)|>"  # items, headings, rules, quotations
    r"|\d+(?=[.)](?:\s|$))"  # numbered items
)
"""What begins something else than a paragraph when it comes first in a line."""

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What has no place in JSON or in a line: controls, Unicode's own breaks, halves of characters."""


def card_body(title: str, text: str) -> str:
    """Return the JSON of a message; what exceeds Teams' limit is cut off at a line, with a note."""
    text = _clean(text).strip()
    lines, page = text.split("\n"), _page(text)
    if len(text) <= MAX_CARD_BYTES:
        whole = _message(title, lines, page)
        if _size(whole) <= MAX_CARD_BYTES:
            return whole
    short = [truncate(line, MAX_LINE_CHARACTERS) for line in lines[:MAX_CARD_BYTES]]
    # So many first lines fit, and so many do not: halve the distance until they are neighbours.
    fitting, too_many = 0, len(short) + 1
    while too_many - fitting > 1:
        middle = (fitting + too_many) // 2
        if _size(_message(title, short[:middle], page, note=SHORTENED)) <= MAX_CARD_BYTES:
            fitting = middle
        else:
            too_many = middle
    return _message(title, short[:fitting], page, note=SHORTENED)


def escape_markdown(line: str) -> str:
    """Return a line that Teams shows as it was written."""
    escaped = _INLINE.sub(r"\\\g<0>", line.strip())
    first = _BLOCK.match(escaped)
    if first is None:
        return escaped
    # Digits cannot be escaped, but the full stop or bracket after them can.
    index = first.end() if first[0].isdigit() else 0
    return f"{escaped[:index]}\\{escaped[index:]}"


def _message(title: str, lines: Sequence[str], page: str | None, *, note: str = "") -> str:
    """Write the JSON of some lines, with a button where there is a page."""
    paragraphs = parse_paragraphs("\n".join(lines))
    heading = {"weight": "Bolder", "size": "Medium"}
    body = [_text(escape_markdown(truncate(_clean(title), MAX_TITLE_CHARACTERS)), **heading)]
    body += [element for paragraph in paragraphs for element in _elements(paragraph)]
    if note:
        body.append(_text(note, isSubtle=True, spacing="Large"))
    button = {"type": "Action.OpenUrl", "title": "Open the page", "url": page}
    card = {
        "$schema": CARD_SCHEMA,
        "type": "AdaptiveCard",
        "version": CARD_VERSION,
        "body": body,
        "actions": [button] if page else [],
        "msteams": {"width": "Full"},
    }
    attachment = {"contentType": CARD_TYPE, "contentUrl": None, "content": card}
    return json.dumps({"type": "message", "attachments": [attachment]}, ensure_ascii=False)


def _elements(paragraph: Paragraph) -> Iterator[Mapping[str, Any]]:
    """Yield the elements of a card that show a paragraph."""
    if paragraph.items:
        yield _text(escape_markdown(paragraph.heading), weight="Bolder")
        items = "\n".join(f"- {escape_markdown(item)}" for item in paragraph.items)
        yield _text(items, spacing="Small")
    elif paragraph.facts:
        facts = [
            {"title": escape_markdown(name), "value": escape_markdown(value)}
            for name, value in paragraph.facts
            if name != PAGE
        ]
        if facts:
            yield {"type": "FactSet", "facts": facts}
    else:
        # One element a line: a single line break is none in Markdown.
        lines = paragraph.prose.strip().split("\n")
        yield from (_text(escape_markdown(line)) for line in lines)


def _text(text: str, **style: object) -> Mapping[str, Any]:
    return {"type": "TextBlock", "text": text, "wrap": True, **style}


def _page(text: str) -> str | None:
    """Return the page that a text leads to; a button takes no other kind of address."""
    pages = [
        value
        for paragraph in parse_paragraphs(text)
        for name, value in paragraph.facts
        if name == PAGE and value.startswith(("https://", "http://"))
    ]
    # The last one is ours: it is written below what others sent.
    return pages[-1] if pages else None


def _clean(text: str) -> str:
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _size(message: str) -> int:
    """Return the bytes that a message counts; Teams counts UTF-16, and sends are in UTF-8."""
    return max(len(message.encode("utf-16-le")), len(message.encode()))
