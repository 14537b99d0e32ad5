"""Files of three customers that drift and now and then are damaged, night by night.

The whole year is `python -m benchmarks.simulated_year`; it writes the table in docs/holding.md.
Here the files of a year are only compared with each other, and those of some nights are loaded.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from alumniq_pipelines.adapters.field_maps import read_field_map
from alumniq_pipelines.core.feeds.field_map import Thresholds
from alumniq_pipelines.core.loads.baseline import BASELINE_PERIOD, Baseline, PastVersion
from alumniq_pipelines.core.loads.comparison import find_emptied, find_losses
from alumniq_pipelines.core.loads.diff import Changes, find_hold_reasons
from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.version_profile import ColumnProfile, Profile
from alumniq_pipelines.settings import REPOSITORY
from benchmarks.nightly_files import DAMAGES, HABITS, HEADER, Damage, Register, Table
from benchmarks.simulated_year import FIRST_NIGHT, NIGHTS, PAGE, Year, fate, main, simulate

FIELD_MAP = read_field_map(REPOSITORY / "schemas" / "warehouse.yaml")

PURGE, GRADUATION = 8, 9
SHORT_HABITS = {
    customer: replace(habits, purges={PURGE: 0.05}, graduations={GRADUATION: 30})
    for customer, habits in HABITS.items()
}
BEGINNINGS = {
    "the column `emailAddress` is left out": 2,
    "`emailAddress` is called `Email`": 3,
    "the e-mail addresses of half of the rows are blank": 4,
    "five nights that each lose 4 % of the rows": 5,
    "a spreadsheet drops the leading zeros of the keys": 2,
    "the phone numbers are not joined": 3,
    "the file ends in the middle of a line": 4,
    "two registers are merged: 15 % of the rows go, as they should": 6,
    "the file of another customer": 2,
    "a header and no rows": 3,
    "the file ends after 60 % of its lines": 4,
    "the class years are blank": 5,
    "five nights that each lose 8 % of the rows": 6,
    "most phone numbers are blank, which only a fifth of the rows had": 8,
}
"""In which night a damage of the year begins here; it lasts until it is caught."""

SHORT_DAMAGES = tuple(
    replace(damage, night=BEGINNINGS[damage.what], nights=damage.caught or 1)
    for damage in DAMAGES
    if damage.what in BEGINNINGS
)


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Year:
    """Load the files of some nights, with most damages of the year, a purge and a graduation."""
    return simulate(tmp_path_factory.mktemp("year"), GRADUATION, SHORT_HABITS, SHORT_DAMAGES)


def profile_of(table: Table) -> Profile:
    _, *rows = table
    filled = (sum(map(bool, cells)) for cells in zip(*rows, strict=True))
    return Profile(rows=len(rows), columns=tuple(map(ColumnProfile, HEADER, filled)))


def hold_reasons(before: Table, now: Table, baseline: Baseline) -> tuple[str, ...]:
    """Return why a file is held, compared with the live one and with those of the last weeks."""
    old, new = ({row[0]: list(row) for row in table[1:]} for table in (before, now))
    filled = {column.name: column.filled for column in profile_of(before).columns}
    terms = profile_of(now), filled
    both = old.keys() & new.keys()
    changed = sum(old[key] != new[key] for key in both)
    changes = Changes(
        added=len(new) - len(both),
        changed=changed,
        removed=len(old) - len(both),
        unchanged=len(both) - changed,
        emptied=find_emptied(*terms, FIELD_MAP, HEADER),
    )
    losses = find_losses(*terms, len(old), baseline, FIELD_MAP, HEADER)
    return find_hold_reasons(changes, Thresholds(), losses)


def nights_of(customer: str) -> Iterator[tuple[str, ...]]:
    """Yield why the file of each night of a year is held, if all files before were published."""
    register, versions = Register(customer, HABITS[customer]), tuple[PastVersion, ...]()
    before: Table = ()
    for number in range(1, NIGHTS + 1):
        register.pass_night(number)
        now = [list(row) for row in register.table]
        at = FIRST_NIGHT + timedelta(days=number)
        versions = tuple(past for past in versions if at - past.published_at <= BASELINE_PERIOD)
        if before:
            yield hold_reasons(before, now, Baseline(versions))
        profile = profile_of(now)
        version = PastVersion(number=number, published_at=at, rows=profile.rows, profile=profile)
        before, versions = now, (version, *versions)


@pytest.mark.parametrize("customer", HABITS)
def test_no_file_of_a_year_that_drifts_as_registers_do_is_held(customer: str) -> None:
    habits = HABITS[customer]
    assert all(night <= NIGHTS for night in {**habits.purges, **habits.graduations})
    assert list(nights_of(customer)) == [()] * (NIGHTS - 1)


def test_no_file_in_order_is_held_or_refused(year: Year) -> None:
    """A purge and a graduation are in order."""
    assert len(year.nights) == GRADUATION * len(HABITS)
    assert {damage.what for damage in SHORT_DAMAGES} == BEGINNINGS.keys()
    assert year.false_alarms == []


@pytest.mark.parametrize("damage", SHORT_DAMAGES, ids=lambda damage: damage.what)
def test_a_damaged_file_is_caught_in_the_night_in_which_it_exceeds_a_threshold(
    year: Year, damage: Damage
) -> None:
    assert year.caught_on(damage) == damage.caught
    caught = [night for night in year.of(damage) if night.is_caught]
    assert all(night.state in {LoadState.HELD, LoadState.FAILED} for night in caught)
    assert all(night.reasons for night in caught)


def without_numbers(text: str) -> str:
    return re.sub(r"\d[\d.,-]*", "#", text)


def documented_fates() -> dict[str, str]:
    """Return the table of the documentation: what became of each damage."""
    _, section = PAGE.read_text("utf-8").split("## A simulated year\n")
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return {what: fate for _, _, what, fate in rows[2:]}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.what)
def test_the_documentation_says_of_each_damage_when_it_was_caught(damage: Damage) -> None:
    documented = documented_fates()[damage.what]
    if damage.caught is None:
        assert documented == "published; rolled back by a person"
    elif damage.nights > 1:
        assert f" on night {damage.night + damage.caught - 1}:" in documented
    assert documented.startswith("published" if damage.caught is None else ("held", "refused"))


@pytest.mark.parametrize("damage", SHORT_DAMAGES, ids=lambda damage: damage.what)
def test_the_documentation_says_what_became_of_a_damage_in_the_words_of_today(
    year: Year, damage: Damage
) -> None:
    """A reason was reworded, and the table still quoted the old one."""
    now = fate(damage, year.of(damage), damage.caught)
    assert without_numbers(documented_fates()[damage.what]) == without_numbers(now)


def test_only_a_whole_year_is_written_into_the_documentation(tmp_path: Path) -> None:
    main(["--nights", "0"], tmp_path / "page.md")
    assert not list(tmp_path.iterdir())
