"""A reader of PowerShell commands, by the documented rules of the language.

It knows what our own commands may consist of, and fails on anything else: one cmdlet with named
parameters, single-quoted strings, characters by number, `+`, hash tables, and `| ConvertTo-Json`.
It shares nothing with what writes the commands. See about_Quoting_Rules, about_Hash_Tables and
about_Parsing; that the typographic quotes count is said in the language specification (2.3.5.2).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

TOKEN = re.compile(
    r"""(?P<blank>[ ]+|`\n[ ]*)
      | (?P<quote>['\u2018\u2019\u201a\u201b])
      | (?P<character>\[char\]0x(?P<unit>[0-9a-f]{4}))
      | (?P<mark>@\{|[(){}=;+|])
      | (?P<parameter>-[A-Za-z]+)
      | (?P<word>[A-Za-z][A-Za-z-]*)""",
    re.VERBOSE,
)
QUOTES = "'\u2018\u2019\u201a\u201b"


@dataclass(frozen=True)
class Token:
    """A part of a command: its kind, and its text or value."""

    kind: str
    text: str


def tokens(command: str) -> Iterator[Token]:
    """Split a command into its tokens; raises ValueError on anything else."""
    at = 0
    while at < len(command):
        found = TOKEN.match(command, at)
        if found is None:
            message = f"No token of ours begins here: {command[at : at + 20]!r}"
            raise ValueError(message)
        at = found.end()
        kind = found.lastgroup or ""
        if found["quote"]:
            text, at = _string(command, at)
            yield Token("string", text)
        elif found["character"]:
            yield Token("string", chr(int(found["unit"], 16)))
        elif not found["blank"]:
            yield Token(kind, found[0])


def _string(command: str, at: int) -> tuple[str, int]:
    """Read on from the opening quote: two quotes stand for the second one, a single one ends it."""
    text: list[str] = []
    while True:
        if at >= len(command):
            message = "A string has no end."
            raise ValueError(message)
        character = command[at]
        at += 1
        if character in QUOTES:
            if at >= len(command) or command[at] not in QUOTES:
                return "".join(text), at
            character = command[at]
            at += 1
        text.append(character)


class Reader:
    """Evaluates the tokens of one command."""

    def __init__(self, command: str) -> None:
        """Split the command into tokens."""
        self.left = list(tokens(command))

    def command(self) -> tuple[str, dict[str, Any]]:
        """Read a cmdlet and its parameters, to the last token."""
        name = self._take("word")
        parameters: dict[str, Any] = {}
        while self.left:
            parameter = self._take("parameter")
            is_word = self.left[0].kind == "word"
            parameters[parameter] = self._take("word") if is_word else self.value()
        return name, parameters

    def value(self) -> Any:
        """Read a string, a hash table, or an expression in parentheses."""
        if self.left[0].kind == "string":
            return self._take("string")
        if self.left[0].text == "@{":
            return self._table()
        self._expect("(")
        value = self.value()
        while self.left[0].text == "+":
            self._expect("+")
            value += self._take("string")
        if self.left[0].text == "|":
            self._expect("|")
            assert self._take("word") == "ConvertTo-Json"
        self._expect(")")
        return _whole(value) if isinstance(value, str) else value

    def _table(self) -> dict[str, str]:
        self._expect("@{")
        table = {}
        while True:
            name = self._take("word") if self.left[0].kind == "word" else self.value()
            self._expect("=")
            table[name] = self.value()
            if self.left[0].text != ";":
                break
            self._expect(";")
        self._expect("}")
        return table

    def _take(self, kind: str) -> str:
        token = self.left.pop(0)
        assert token.kind == kind, token
        return token.text

    def _expect(self, mark: str) -> None:
        token = self.left.pop(0)
        assert token == Token("mark", mark), token


def read(command: str) -> tuple[str, dict[str, Any]]:
    """Return the one cmdlet that a command runs, and its parameters."""
    return Reader(command).command()


def _whole(text: str) -> str:
    """Join pairs of UTF-16 code units."""
    return text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass")
