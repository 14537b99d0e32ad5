"""Patterns that mean the same to every engine: what Python's `re` and RE2 agree on.

A pattern always matches the whole value. Text is checked by DuckDB (RE2) and by pandas (`re`), and
a field map must give one result, so what the two read differently is refused here.
"""

import re

_TOKEN = re.compile(
    r"""
      (?P<escape>\\.)
    | (?P<set>\[\^?(?:\\.|[^\]\\])+\])
    | (?P<group>\(\?:|\((?!\?))
    | (?P<foreign_group>\(\?)
    | (?P<close>\))
    | (?P<quantifier>(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})\??)
    | (?P<anchor>[\^$])
    | (?P<stray>[\[\]{}\\])
    | (?P<literal>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPABLE = set("\\.^$*+?{}[]()|-/&~#'\"!%,:;<=>@_`")
_CLASSES = {
    "d": ("digits of every script to one engine, 0 to 9 to the other", "[0-9]"),
    "w": ("letters of every script to one engine, A to Z to the other", "[A-Za-z0-9_]"),
    "s": ("different blanks to two engines", "a space"),
    "b": ("different word edges to two engines", "the characters themselves"),
}
_MAX_REPEATS = 1_000
"""RE2 refuses to repeat more; repetitions inside repeated groups multiply."""


def portability_error(pattern: str) -> str | None:
    """Return why a pattern cannot be used, as a clause that follows the pattern; None if it can."""
    after_quantifier = False
    for match in _TOKEN.finditer(pattern):
        kind, text = match.lastgroup or "", match.group()
        reason = _reason(kind, text)
        if kind == "quantifier" and after_quantifier:
            reason = f"repeats a repetition with `{text}`; put the first into a group (?:...)"
        if reason:
            return reason
        after_quantifier = kind == "quantifier"
    if _largest_repeat(pattern) > _MAX_REPEATS:
        return f"repeats more than {_MAX_REPEATS:,} times; use minLength and maxLength"
    # What remains (unbalanced groups, ranges in disorder, ...) is left to Python's compiler.
    try:
        re.compile(pattern)
    except (re.error, OverflowError) as error:
        return f"cannot be read: {error}"
    return None


def _reason(kind: str, text: str) -> str | None:
    """Return why a token cannot be used; None if it can."""
    reason: str | None = None
    match kind:
        case "escape":
            reason = _escape_reason(text)
        case "set":
            reason = _set_reason(text)
        case "foreign_group":
            reason = "uses look-around, flags or named groups; only (...) and (?:...) are known"
        case "anchor":
            reason = f"uses `{text}`; leave it out, a pattern matches the whole value anyway"
        case "stray":
            reason = f"has a stray `{text}`; write \\{text} for the character itself"
    return reason


def _escape_reason(text: str) -> str | None:
    letter = text[1]
    if letter in _ESCAPABLE:
        return None
    if letter.isdigit():
        return f"uses the back-reference `{text}`, which RE2 does not know"
    if letter.lower() in _CLASSES:
        meaning, instead = _CLASSES[letter.lower()]
        negated = " (negated)" if letter.isupper() else ""
        return f"uses `{text}`, which means {meaning}; write {instead}{negated}"
    return f"uses the escape `{text}`, which is not known to both engines"


def _set_reason(text: str) -> str | None:
    inside = text[1:-1].removeprefix("^")
    for escape in re.findall(r"\\.", inside, re.DOTALL):
        if reason := _escape_reason(escape):
            return reason
    bare = re.sub(r"\\.", "", inside, flags=re.DOTALL)
    if "[" in bare:
        return "has a `[` inside [...]; write \\[ for the character itself"
    if any(doubled in bare for doubled in ("&&", "--", "~~", "||")):
        return "doubles an operator inside [...]; name each character once"
    return None


def _largest_repeat(pattern: str) -> int:
    """Find how often the innermost part is repeated at most; `*` and `+` count as once."""
    groups = [1]  # of every open group, the outermost first
    last = 1  # of what the next quantifier repeats
    for match in _TOKEN.finditer(pattern):
        if match.lastgroup == "group":
            groups.append(1)
        elif match.lastgroup == "close" and len(groups) > 1:
            last = groups.pop()
            groups[-1] = max(groups[-1], last)
        elif match.lastgroup == "quantifier":
            numbers = [int(number) for number in re.findall("[0-9]+", match.group())]
            groups[-1] = max(groups[-1], last * max(numbers, default=1))
        else:
            last = 1
    return max(groups)
