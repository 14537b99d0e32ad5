"""The columns of the two large feeds, each an SQL expression over a person's number `i`.

A draw is a linear congruence with its own multiplier per name. So a seed makes the same file on
every machine, in any number of threads, and two columns that draw by the same name agree: a
person's preferred degree is the first of the person's degrees.
"""

import random
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alumniq_pipelines.core.sql_text import literal
from alumniq_pipelines.samples import words

NEWLINE_EVERY = 997
"""Every 997th person has an address with a line break within the value."""

DEGREE_COUNT = "([0, 1, 1, 1, 1, 1, 1, 2, 2, 3][1 + i % 10])"
"""Degrees per person: some have none, most one, a few three."""


@dataclass(frozen=True, slots=True)
class Draws:
    """Pseudo-random choices as SQL expressions."""

    seed: int

    def number(self, name: str) -> str:
        """Return a draw of a number below 2²³."""
        source = random.Random(f"{self.seed}/{name}")  # noqa: S311 - nothing is secret here
        factor, offset = source.randrange(2**31, 2**32) | 1, source.randrange(2**32)
        return f"((i * {factor} + {offset}) % 4294967296 >> 9)"

    def pick(self, name: str, choices: Sequence[str]) -> str:
        """Return a draw of one of several texts."""
        texts = ", ".join(literal(choice) for choice in choices)
        return f"[{texts}][1 + {self.number(name)} % {len(choices)}]"

    def maybe(self, name: str, percent: int, value: str) -> str:
        """Return a draw of the value or, otherwise, a blank."""
        return f"case when {self.number(name)} % 100 < {percent} then {value} else '' end"

    def flag(self, name: str, percent: int) -> str:
        """Return a draw of 1 or 0."""
        return f"({self.number(name)} % 100 < {percent})::integer::varchar"


def xid(person: str = "i") -> str:
    """Return a person's id, a zero and eight permuted digits: unique for 100 million people."""
    return f"lpad(({person} * 387420489 % 100000000)::varchar, 9, '0')"


def warehouse(draws: Draws) -> Mapping[str, str]:
    """Return the columns of `warehouse`."""
    return _names(draws) | _contacts(draws) | _relationships(draws)


def degrees(draws: Draws) -> Mapping[str, str]:
    """Return the columns of `warehouse-degrees`; `d` is the number of a person's degree."""
    return {
        "xid": xid(),
        "degreeId": "d::varchar",
        "degreeCode": draws.pick("degree", [code for code, _, _ in words.DEGREES]),
        "degreeDescription": draws.pick("degree", [name for _, name, _ in words.DEGREES]),
        "degreeType": draws.pick("degree", [kind for _, _, kind in words.DEGREES]),
        "school": draws.pick("school", [code for code, _ in words.SCHOOLS]),
        "majors": draws.pick("major", words.MAJORS),
        "minors": draws.maybe("has minor", 20, draws.pick("minor", words.MAJORS)),
        "classYear": f"({_class_year(draws)} + 3 * (d - 1))::varchar",
        "conferralDate": f"({_class_year(draws)} + 3 * (d - 1))::varchar || '-05-24'",
        "honors": draws.maybe(
            "has honors", 25, draws.pick("honors", [code for code, _ in words.HONORS])
        ),
        "isPreferred": "case when d = 1 then 'true' else 'false' end",
    }


def _names(draws: Draws) -> dict[str, str]:
    """Return the columns of a person's names."""
    last = draws.pick("last", words.LAST_NAMES)
    return {
        "xid": xid(),
        "xid2": f"'A' || {xid()}[2:]",
        "prefix": draws.maybe("has prefix", 40, draws.pick("prefix", words.PREFIXES)),
        "firstName": draws.pick("first", words.FIRST_NAMES),
        "middleName": draws.maybe("has middle", 45, draws.pick("middle", words.FIRST_NAMES)),
        "lastName": last,
        "maidenName": draws.maybe("has maiden", 15, draws.pick("maiden", words.LAST_NAMES)),
        "badgeNameOverride": draws.maybe(
            "has badge", 6, draws.pick("badge", [f"Ada {nickname}" for nickname in words.NICKNAMES])
        ),
        "badgeLastNameOverride": draws.maybe("has badge", 3, last),
        "badgeAnnotation": draws.maybe("has note", 12, draws.pick("note", words.ANNOTATIONS)),
    }


def _contacts(draws: Draws) -> dict[str, str]:
    """Return the columns of a person's addresses and phone numbers."""
    login = [_login(first_name) for first_name in words.FIRST_NAMES]
    mailbox = f"{draws.pick('first', login)} || '.' || {xid()}[3:]"
    return {
        "address1": (
            f"(1 + {draws.number('house')} % 998)::varchar || ' ' "
            f"|| {draws.pick('street', words.STREETS)}"
        ),
        "address2": (
            f"case when i % {NEWLINE_EVERY} = 0 then 'Care of:' || chr(10) || 'The Alumni House' "
            f"else {draws.maybe('has unit', 25, draws.pick('unit', words.UNITS))} end"
        ),
        "city": draws.pick("place", [city for city, _, _ in words.PLACES]),
        "state": draws.pick("place", [state for _, state, _ in words.PLACES]),
        "postalCode": draws.pick("place", [code for _, _, code in words.PLACES]),
        "nation": draws.pick("nation", words.NATIONS),
        "emailAddress": draws.maybe("has email", 85, f"{mailbox} || '@example.org'"),
        "homePhoneNumber": draws.maybe("has home", 50, _phone(draws, "home")),
        "mobilePhoneNumber": draws.maybe("has mobile", 70, _phone(draws, "mobile")),
    }


def _relationships(draws: Draws) -> dict[str, str]:
    """Return the columns of a person's relationships to the university."""
    managed = f"{draws.number('managed')} % 50 = 0"
    member = f"{draws.number('member')} % 100 < 30"
    return {
        "prefclassyear": _with_degree(f"({_class_year(draws)})::varchar"),
        "prefschool": _with_degree(draws.pick("school", [name for _, name in words.SCHOOLS])),
        "prefdegree": _with_degree(draws.pick("degree", [code for code, _, _ in words.DEGREES])),
        "prefdegreetype": _with_degree(
            draws.pick("degree", [dict(words.DEGREE_TYPES)[kind] for _, _, kind in words.DEGREES])
        ),
        "isAlumnus": f"({DEGREE_COUNT} > 0)::integer::varchar",
        "isGradAlumnus": f"({DEGREE_COUNT} > 1)::integer::varchar",
        "isFamilyOfStudent": draws.flag("family", 8),
        "isFaculty": draws.flag("faculty", 3),
        "isStaff": draws.flag("staff", 4),
        "isStudent": draws.flag("student", 2),
        "isGradStudent": draws.flag("grad student", 1),
        "prospectManager": (
            f"case when {managed} then {draws.pick('manager', words.MANAGERS)} else '' end"
        ),
        "prospectManagerEmail": f"case when {managed} then 'prospects@example.edu' else '' end",
        "isMember": f"case when {member} then '1' when i % 10 = 0 then '' else '0' end",
        "memberType": (
            f"case when {member} then {draws.pick('member type', words.MEMBERS)} else '' end"
        ),
    }


def _class_year(draws: Draws) -> str:
    """Return a draw of the year of a person's first degree."""
    return f"1955 + {draws.number('year')} % 66"


def _with_degree(value: str) -> str:
    """Return the value, or a blank for people without a degree."""
    return f"case when {DEGREE_COUNT} > 0 then {value} else '' end"


def _phone(draws: Draws, name: str) -> str:
    """Return a draw of a number in the range reserved for fiction, 555-0100 to 555-0199."""
    return f"'+1413555' || (100 + {draws.number(name)} % 100)::varchar.lpad(4, '0')"


def _login(name: str) -> str:
    """Return a name as used in mailbox names: lower case, ASCII letters and digits."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "".join(letter for letter in plain.lower() if letter.isalnum())
