"""E-mail addresses as people write them, and as mail servers everywhere take them."""

import re

from alumniq_pipelines.core.notifications.callback_addresses import ascii_host

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
EMAIL = re.compile(rf"(?=.{{1,64}}@)(?=.{{1,254}}\Z){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")
"""An address as mail servers everywhere take it (RFC 5321, without quotes and comments)."""

NAMED = re.compile(r'(?:"(?:[^"\\]|\\.)*")?[^"<>]*<([^<>\s]+)>')
"""An address behind the name of its owner: `Ann Lee <ann@x.edu>`, `"Lee, Ann" <ann@x.edu>`."""


def addresses_in(emails: str) -> tuple[str, ...]:
    """Return the addresses of a list that is separated by commas or semicolons.

    Each is as mail servers take it; what is no address is returned as it is written.
    """
    return tuple(dict.fromkeys(bare_address(part) or part for part in split_addresses(emails)))


def split_addresses(emails: str) -> tuple[str, ...]:
    """Return the parts of such a list as they are written; a name in quotes may have commas."""
    parts, begin, is_quoted, is_escaped = [], 0, False, False
    for offset, character in enumerate(emails):
        if is_quoted and (is_escaped or character == "\\"):
            is_escaped = not is_escaped
        elif character == '"':
            is_quoted = not is_quoted
        elif character in ",;" and not is_quoted:
            parts.append(emails[begin:offset])
            begin = offset + 1
    parts.append(emails[begin:])
    return tuple(stripped for part in parts if (stripped := part.strip()))


def bare_address(text: str) -> str | None:
    """Return the address in a text, without its owner's name; None if there is none.

    An international domain is returned in the form that all servers know (IDNA).
    """
    named = NAMED.fullmatch(text)
    user, _, domain = (named[1] if named else text).rpartition("@")
    if not domain.isascii():
        domain = ascii_host(domain) or ""
    address = f"{user}@{domain}"
    return address if EMAIL.fullmatch(address) else None
