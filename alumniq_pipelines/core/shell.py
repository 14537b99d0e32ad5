"""Commands for people to copy, with every value quoted by the rules of the shell it is for.

Pages, mails, messages and hints take the commands that they show from here. A name that someone
else chose (a file, a customer, a folder) is one word of the command, whatever it contains.
"""

import json
import re
from collections.abc import Mapping
from itertools import groupby

PLAIN_WORD = re.compile(r"[A-Za-z0-9._/:@%+,-]+")
"""Characters without a meaning to shells; `=` and `~` have one at the start of a word in some."""

POWERSHELL_QUOTE = re.compile("['\u2018\u2019\u201a\u201b]")
"""PowerShell takes typographic single quotes for single quotes, too."""


def alumniq_command(*words: object) -> str:
    """Return the text of an `alumniq` command, for a POSIX shell."""
    return posix_command("alumniq", *map(str, words))


def posix_command(*words: str) -> str:
    """Join words into a command; those that are plain stay as they are."""
    return " ".join(map(posix_word, words))


def posix_word(text: str) -> str:
    """Quote a text for sh, bash and zsh unless it is plain."""
    return text if PLAIN_WORD.fullmatch(text) else posix_text(text)


def posix_text(text: str) -> str:
    """Quote a text for sh, bash and zsh: within single quotes nothing but their end is special."""
    return "'" + text.replace("'", "'\"'\"'") + "'"


def powershell_text(text: str) -> str:
    """Return an expression that PowerShell evaluates to the text.

    What cannot be seen is written as numbers, so that what is pasted is what was shown.
    """
    if text.isprintable():
        return _powershell_quoted(text)
    parts = ["''"]  # first, so that `+` joins texts and adds no numbers
    for is_printable, characters in groupby(text, key=str.isprintable):
        part = "".join(characters)
        parts += [_powershell_quoted(part)] if is_printable else _powershell_characters(part)
    return f"({' + '.join(parts)})"


def json_text(value: Mapping[str, str]) -> str:
    """Serialize to JSON on one line; what cannot be seen is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(
        character if character.isprintable() else json.dumps(character)[1:-1] for character in text
    )


def curl_post(url: str, body: Mapping[str, str]) -> str:
    """Return a curl command that posts JSON, for sh, bash and zsh."""
    return (
        f"curl --compressed {posix_text(url)} \\\n"
        "  --header 'Content-Type: application/json' \\\n"
        f"  --data {posix_text(json_text(body))}"
    )


def powershell_post(url: str, body: Mapping[str, str]) -> str:
    """Return a PowerShell command that posts JSON.

    PowerShell makes the JSON itself: it passes double quotes on to programs such as curl.exe in
    different ways before and since version 7.3.
    """
    values = "; ".join(
        f"{powershell_text(name)} = {powershell_text(value)}" for name, value in body.items()
    )
    # Windows PowerShell 5.1 does not decompress gzip: "identity" asks for a plain response.
    return (
        f"Invoke-RestMethod -Method Post -Uri {powershell_text(url)} `\n"
        "  -ContentType 'application/json; charset=utf-8' `\n"
        "  -Headers @{ 'Accept-Encoding' = 'identity' } `\n"
        f"  -Body (@{{ {values} }} | ConvertTo-Json)"
    )


def _powershell_quoted(text: str) -> str:
    return "'" + POWERSHELL_QUOTE.sub(r"\g<0>\g<0>", text) + "'"


def _powershell_characters(text: str) -> list[str]:
    """Write each UTF-16 code unit as a number; PowerShell's characters are those."""
    units = text.encode("utf-16-be", "surrogatepass")
    return [f"[char]0x{units[at : at + 2].hex()}" for at in range(0, len(units), 2)]
