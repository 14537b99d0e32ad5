"""Nights of three customers whose files drift and now and then are damaged; the clock is set.

The whole year is `python -m benchmarks.simulated_year`; it writes the table in docs/holding.md.
"""

import pytest

from alumniq_pipelines.core.loads.load import LoadState
from benchmarks.nightly_files import DAMAGES, HABITS, Damage
from benchmarks.simulated_year import PAGE, Year, simulate

NIGHTS = 36


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Year:
    """Let the first weeks of the year pass."""
    return simulate(tmp_path_factory.mktemp("year"), NIGHTS)


def test_no_file_in_order_is_held_or_refused(year: Year) -> None:
    assert len(year.nights) == NIGHTS * len(HABITS)
    assert year.false_alarms == []


@pytest.mark.parametrize(
    "damage",
    [damage for damage in DAMAGES if damage.night + (damage.caught or 1) <= NIGHTS],
    ids=lambda damage: damage.what,
)
def test_a_damaged_file_is_caught_in_the_night_in_which_it_exceeds_a_threshold(
    year: Year, damage: Damage
) -> None:
    assert year.caught_on(damage) == damage.caught
    caught = [night for night in year.of(damage) if night.is_caught]
    assert all(night.state in {LoadState.HELD, LoadState.FAILED} for night in caught)
    assert all(night.reasons for night in caught)


def test_the_table_of_the_documentation_has_all_damages() -> None:
    section = PAGE.read_text("utf-8").split("## A simulated year")[1]
    assert [damage.what for damage in DAMAGES if damage.what not in section] == []
