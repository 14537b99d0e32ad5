"""Public sets and forms that a text can belong to, by the libraries that know them.

Codes must be as ISO writes them; an address or a number must have a valid form, whether or not it
is in use. `schemas/README.md` says what each set accepts. A library is imported when it is first
needed: most texts have a form that is certainly valid.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from pydantic import AnyHttpUrl, ValidationError

from alumniq_pipelines.core.feeds.field_map import ReferenceSet

_LABEL = "[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*"
_HOST = rf"(?:{_LABEL}\.)+[A-Za-z]{{2,}}"
_DOTS = r".\u3002\uff0e\uff61"
"""Separators of the labels of a host, in all scripts."""

_PHONES = (
    "1[2-9][0-9]{9}",
    "33[1-9][0-9]{8}",
    "34[6-9][0-9]{8}",
    "41[1-9][0-9]{8}",
    "44[1-9][0-9]{9}",
    "49[1-9][0-9]{8,10}",
    "52[2-9][0-9]{9}",
    "61[2-4][0-9]{8}",
    "65[3-9][0-9]{7}",
    "81[1-9][0-9]{8}",
    "82[1-9][0-9]{8}",
    "852[2-9][0-9]{7}",
    "861[3-689][0-9]{9}",
    "91[1-9][0-9]{9}",
)
"""Most numbers of the countries where most graduates live: the library takes 40 µs for each."""

_MAILBOX = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"


@dataclass(frozen=True, slots=True)
class CertainMatch:
    """Texts that certainly belong to a set: so short, and of this pattern, to Python and to RE2."""

    pattern: str
    max_length: int


@dataclass(frozen=True, slots=True)
class _ReferenceSet:
    """A set without a list: what certainly belongs, what may, and what decides between the two."""

    certain_match: CertainMatch
    possible: re.Pattern[str]
    is_valid: Callable[[str], bool]


def is_member(text: str, reference: ReferenceSet) -> bool:
    """Whether a text belongs to a set."""
    reference_set = _FORMS.get(reference)
    if reference_set is None:
        return text in _codes(reference)
    if len(text) <= reference_set.certain_match.max_length and re.fullmatch(
        reference_set.certain_match.pattern, text
    ):
        return True
    return reference_set.possible.fullmatch(text) is not None and reference_set.is_valid(text)


@cache
def certain_match(reference: ReferenceSet) -> CertainMatch:
    """Return which texts certainly belong to a set; of codes these are all."""
    reference_set = _FORMS.get(reference)
    if reference_set is not None:
        return reference_set.certain_match
    codes = sorted(_codes(reference))
    return CertainMatch("|".join(codes), max(map(len, codes)))


@cache
def _codes(reference: ReferenceSet) -> frozenset[str]:
    import pycountry

    if reference == "subdivision":
        return frozenset(subdivision.code for subdivision in pycountry.subdivisions)
    two = frozenset(country.alpha_2 for country in pycountry.countries)
    three = frozenset(country.alpha_3 for country in pycountry.countries)
    return {"country-alpha-2": two, "country-alpha-3": three}.get(reference, two | three)


def _is_email(text: str) -> bool:
    """Check the form alone: names such as example.test or example.invalid are valid."""
    import email_validator

    email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()
    try:
        email_validator.validate_email(text, check_deliverability=False)
    except email_validator.EmailNotValidError:
        return False
    return True


def _is_phone(text: str) -> bool:
    """Check that the country exists and has numbers of this length, written as in E.164.

    Whether the number is assigned is not checked: that changes faster than any library.
    """
    import phonenumbers

    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return False
    reason = phonenumbers.is_possible_number_with_reason(number)
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return reason == phonenumbers.ValidationResult.IS_POSSIBLE and written == text


def _is_url(text: str) -> bool:
    try:
        AnyHttpUrl(text)
    except ValidationError:
        return False
    return True


_FORMS: Mapping[ReferenceSet, _ReferenceSet] = {
    "email": _ReferenceSet(
        CertainMatch(rf"{_MAILBOX}(?:\.{_MAILBOX})*@{_HOST}", 64),
        re.compile(rf"[^@\s]+@[^@\s.]+(?:[{_DOTS}][^@\s.]+)+"),
        _is_email,
    ),
    "phone": _ReferenceSet(
        CertainMatch(rf"\+(?:{'|'.join(_PHONES)})", 14),
        re.compile(r"\+[1-9][0-9]{2,14}"),
        _is_phone,
    ),
    "url": _ReferenceSet(
        CertainMatch(rf"https?://{_HOST}(?:[/?#][A-Za-z0-9._~/?#&=+-]*)?", 1_000),
        re.compile(r"""https?://[^/?#\s<>"\\][^\s<>"\\\x00-\x1f\x7f]*""", re.IGNORECASE),
        _is_url,
    ),
}
