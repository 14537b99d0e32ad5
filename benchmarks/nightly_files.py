"""The nightly files of three made-up customers through a year: how they drift, how they break.

Equal seeds make equal files. A key tells at random which rows a fault hits: the same in any order.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

HEADER = (
    "xid",
    "firstName",
    "lastName",
    "city",
    "emailAddress",
    "mobilePhoneNumber",
    "prefclassyear",
)
EMAIL, PHONE, CLASS = 4, 5, 6
FIRST_NAMES = ("Ann", "Bob", "Cy", "Di", "Ed", "Flo", "Gus", "Hal", "Ida", "Jo")
LAST_NAMES = ("Lee", "Day", "Fox", "Roe", "May", "Orr", "Poe", "Ray", "Sax", "Tie")
CITIES = ("Dayton", "Fargo", "Ithaca", "Macon", "Salem", "Tulsa")

Table = Sequence[Sequence[str]]
"""The header and the rows of a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How the register of a customer changes: people per night, shares of all people.

    On the night of a graduation so many people come at once, without a phone number; on that of a
    purge this share of all people leaves.
    """

    people: int
    email: float
    phone: float
    joining: float
    leaving: float
    edited: float
    emails_found: float = 0.0
    phones_lost: float = 0.0
    graduations: Mapping[int, int] = field(default_factory=dict)
    purges: Mapping[int, float] = field(default_factory=dict)
    rests_at_weekends: bool = False


HABITS = {
    "iqu": Habits(
        people=500,
        email=0.6,
        phone=0.4,
        joining=0.8,
        leaving=0.4,
        edited=0.01,
        emails_found=0.5,
        graduations={137: 30},
        purges={52: 0.03},
    ),
    "zed": Habits(
        people=300,
        email=0.9,
        phone=0.7,
        joining=0.3,
        leaving=0.5,
        edited=0.03,
        phones_lost=0.4,
        graduations={150: 15},
        rests_at_weekends=True,
    ),
    "mit": Habits(
        people=400,
        email=0.3,
        phone=0.2,
        joining=1.0,
        leaving=1.0,
        edited=0.002,
        emails_found=0.2,
        graduations={20: 20, 160: 35},
        purges={200: 0.05},
    ),
}


class Register:
    """The people whom a customer keeps a record of, from night to night."""

    def __init__(self, customer: str, habits: Habits) -> None:
        """Begin with as many people as the customer's habits say."""
        self.habits, self._last = habits, 0
        self._random = Random(customer)  # noqa: S311 - equal files every time
        self.people: list[list[str]] = []
        self._add(self.habits.people, phone=self.habits.phone)

    @property
    def table(self) -> Table:
        """The file of tonight, undamaged."""
        return [HEADER, *self.people]

    def pass_night(self, night: int) -> None:
        """Let people come, go and change as they do in a night."""
        habits = self.habits
        weekday = (night + 2) % 7  # the year begins on a Thursday
        if habits.rests_at_weekends and weekday >= 5:  # noqa: PLR2004 - Saturday
            return
        purged = int(habits.purges.get(night, 0) * len(self.people))
        self._leave(self._times(habits.leaving) + purged)
        self._add(self._times(habits.joining), phone=habits.phone)
        self._add(habits.graduations.get(night, 0), phone=0.0)
        edited = self._times(habits.edited * len(self.people))
        for person in self._random.sample(self.people, edited):
            person[3] = self._random.choice(CITIES)
        for _ in range(self._times(habits.emails_found)):
            person = self._random.choice(self.people)
            person[EMAIL] = person[EMAIL] or self._email(person)
        for _ in range(self._times(habits.phones_lost)):
            self._random.choice(self.people)[PHONE] = ""

    def go_on_from(self, content: str) -> None:
        """Keep only the people of a file: what was left out of it is gone for good."""
        keys = {line.partition(",")[0] for line in content.splitlines()}
        self.people = [person for person in self.people if person[0] in keys]

    def _add(self, count: int, phone: float) -> None:
        choose, chance = self._random.choice, self._random.random
        for _ in range(count):
            self._last += 1
            number = self._last
            person = [f"{number:06}", choose(FIRST_NAMES), choose(LAST_NAMES), choose(CITIES)]
            person += ["", f"+1937555{number:04}" if chance() < phone else ""]
            person.append(str(1960 + number % 60))
            if chance() < self.habits.email:
                person[EMAIL] = self._email(person)
            self.people.append(person)

    def _leave(self, count: int) -> None:
        for _ in range(count):
            del self.people[self._random.randrange(len(self.people))]

    def _times(self, rate: float) -> int:
        """Draw how often something happens in a night."""
        return int(rate) + (self._random.random() < rate % 1)

    @staticmethod
    def _email(person: Sequence[str]) -> str:
        return f"{person[1]}.{person[2]}.{person[0]}@example.edu".lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What goes wrong with the files of a customer from a night on, for so many nights.

    `break_file` takes the table and the number of the damaged night, from 1, and returns the text
    of the file. It is `caught` on that of its nights, or never; a held load is then discarded or
    approved, and a version that nobody caught is rolled back in the morning.
    """

    night: int
    customer: str
    what: str
    break_file: Callable[[Table, int], str]
    nights: int = 1
    caught: int | None = 1
    then: Literal["discard", "approve", "rollback"] = "discard"


def write(table: Table) -> str:
    """Write a table as a customer's system does."""
    return "".join(f"{','.join(row)}\n" for row in table)


def _is_hit(row: Sequence[str], percent: float) -> bool:
    """Whether a fault that hits so many rows hits this one."""
    return int(row[0]) * 7_919 % 1_000 < percent * 10


def _without(column: int) -> Callable[[Table, int], str]:
    return lambda table, _: write([[*row[:column], *row[column + 1 :]] for row in table])


def _renamed(column: int, name: str) -> Callable[[Table, int], str]:
    return lambda table, _: write([[*table[0][:column], name, *table[0][column + 1 :]], *table[1:]])


def _blanked(column: int, percent: float) -> Callable[[Table, int], str]:
    """Blank a column in a share of the rows, which grows by as much every night."""
    return lambda table, night: write(
        [
            table[0],
            *(
                [*row[:column], "", *row[column + 1 :]] if _is_hit(row, percent * night) else row
                for row in table[1:]
            ),
        ]
    )


def _fewer(percent: float) -> Callable[[Table, int], str]:
    """Leave a share of the rows out, which grows by as much every night."""
    return lambda table, night: write(
        [table[0], *(row for row in table[1:] if not _is_hit(row, percent * night))]
    )


def _scrambled(column: int, percent: float) -> Callable[[Table, int], str]:
    """Give a share of the rows the value of the row before."""
    return lambda table, _: write(
        [
            table[0],
            *(
                [*row[:column], before[column], *row[column + 1 :]]
                if _is_hit(row, percent) and before[column] and row[column]
                else row
                for before, row in zip([table[-1], *table[1:-1]], table[1:], strict=True)
            ),
        ]
    )


def _with_keys(change: Callable[[str], str]) -> Callable[[Table, int], str]:
    return lambda table, _: write([table[0], *([change(row[0]), *row[1:]] for row in table[1:])])


DAMAGES = (
    Damage(
        night=12,
        customer="iqu",
        what="the column `emailAddress` is left out",
        break_file=_without(EMAIL),
    ),
    Damage(
        night=15,
        customer="zed",
        what="a spreadsheet drops the leading zeros of the keys",
        break_file=_with_keys(lambda key: key.lstrip("0")),
    ),
    Damage(
        night=18,
        customer="mit",
        what="the file of another customer",
        break_file=_with_keys(lambda key: f"9{key[1:]}"),
    ),
    Damage(
        night=20,
        customer="iqu",
        what="`emailAddress` is called `Email`",
        break_file=_renamed(EMAIL, "Email"),
    ),
    Damage(
        night=26,
        customer="zed",
        what="the phone numbers are not joined",
        break_file=_blanked(PHONE, 100),
    ),
    Damage(
        night=28,
        customer="mit",
        what="the e-mail addresses of two rows in five are blank, 12 % of all",
        break_file=_blanked(EMAIL, 40),
        caught=None,
        then="rollback",
    ),
    Damage(
        night=30,
        customer="iqu",
        what="the e-mail addresses of half of the rows are blank",
        break_file=_blanked(EMAIL, 50),
    ),
    Damage(
        night=33,
        customer="iqu",
        nights=5,
        what="five nights that each lose 4 % of the rows",
        break_file=_fewer(4),
        caught=3,
    ),
    Damage(
        night=34,
        customer="zed",
        what="two registers are merged: 15 % of the rows go, as they should",
        break_file=_fewer(15),
        then="approve",
    ),
    Damage(
        night=36,
        customer="mit",
        what="the file ends after 60 % of its lines",
        break_file=lambda table, _: write(table[: len(table) * 6 // 10]),
    ),
    Damage(
        night=41,
        customer="zed",
        what="the file ends in the middle of a line",
        break_file=lambda table, _: write(table)[: len(write(table)) * 6 // 10],
    ),
    Damage(
        night=60,
        customer="iqu",
        nights=25,
        what="1.5 % of the e-mail addresses get lost every night",
        break_file=_blanked(EMAIL, 1.5),
        caught=22,
    ),
    Damage(
        night=85,
        customer="mit",
        what="a header and no rows",
        break_file=lambda table, _: write(table[:1]),
    ),
    Damage(
        night=100,
        customer="mit",
        nights=5,
        what="five nights that each lose 8 % of the rows",
        break_file=_fewer(8),
        caught=2,
    ),
    Damage(
        night=120,
        customer="mit",
        nights=4,
        what="a quarter of the phone numbers gets lost every night",
        break_file=_blanked(PHONE, 25),
        caught=2,
    ),
    Damage(
        night=130,
        customer="mit",
        what="most phone numbers are blank, which only a fifth of the rows had",
        break_file=_blanked(PHONE, 70),
    ),
    Damage(
        night=240,
        customer="iqu",
        what="40 % of the cities are those of other people",
        break_file=_scrambled(3, 40),
        caught=None,
        then="rollback",
    ),
    Damage(
        night=300,
        customer="mit",
        what="the class years are blank",
        break_file=_blanked(CLASS, 100),
    ),
)
"""All that goes wrong in the year, in order."""
