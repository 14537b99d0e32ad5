"""Changes, and when they are too many to go without a person."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.feeds.field_map import Threshold, Thresholds
from alumniq_pipelines.core.loads.diff import (
    Changes,
    EmptiedColumn,
    find_hold_reasons,
    format_changes,
    override_thresholds,
)

STANDARD = Thresholds()
COUNTS = st.integers(0, 10_000)


def changes(added: int = 0, changed: int = 0, removed: int = 0, unchanged: int = 0) -> Changes:
    return Changes(added, changed, removed, unchanged)


def test_a_first_load_is_never_held() -> None:
    assert find_hold_reasons(None, Thresholds(added=Threshold(rows=0))) == ()


@pytest.mark.parametrize(
    ("found", "is_held"),
    [
        (changes(removed=10, unchanged=90), False),
        (changes(removed=11, unchanged=89), True),
        (changes(changed=75, unchanged=25), False),
        (changes(changed=76, unchanged=24), True),
        (changes(added=1_000_000, unchanged=1), False),
        (changes(added=5, removed=5), True),
    ],
)
def test_by_default_more_than_10_percent_removed_or_75_changed_is_held(
    found: Changes, *, is_held: bool
) -> None:
    assert bool(find_hold_reasons(found, STANDARD)) is is_held


def test_a_reason_names_kind_number_share_and_limit() -> None:
    limits = Thresholds(removed=Threshold(percent=10, rows=20))
    assert find_hold_reasons(changes(removed=1_234, unchanged=8_766), limits) == (
        "1,234 rows removed; more than 20 need approval.",
        "1,234 rows removed, 12.3 % of 10,000 rows; more than 10 % need approval.",
    )


def test_a_share_is_not_rounded_to_the_limit_that_it_exceeds() -> None:
    [reason] = find_hold_reasons(changes(removed=5_020, unchanged=44_980), STANDARD)
    assert reason == "5,020 rows removed, 10.04 % of 50,000 rows; more than 10 % need approval."


def test_rows_added_to_an_empty_version_exceed_any_percentage() -> None:
    assert find_hold_reasons(changes(added=1), Thresholds(added=Threshold(percent=100)))


def test_a_subscription_replaces_a_kind_of_threshold_and_keeps_the_others() -> None:
    own = override_thresholds(STANDARD, {"removed": Threshold(rows=500)})
    assert own.removed == Threshold(rows=500)
    assert own.changed == STANDARD.changed


@given(st.builds(changes, COUNTS, COUNTS, COUNTS, COUNTS), st.integers(0, 100))
def test_nothing_is_held_at_the_limit_and_everything_above_it(found: Changes, percent: int) -> None:
    limits = Thresholds(
        added=Threshold(percent=percent), changed=Threshold(), removed=Threshold(rows=found.removed)
    )
    exceeds = found.added > found.rows_before * percent / 100
    assert bool(find_hold_reasons(found, limits)) is exceeds


@given(st.builds(changes, COUNTS, COUNTS, COUNTS, COUNTS))
def test_changes_are_stored_as_they_are(found: Changes) -> None:
    assert Changes.from_json(found.to_json()) == found


@pytest.mark.parametrize(
    ("filled", "before", "share"),
    [
        (3, 5, "60 %"),
        (1, 3, "33.3 %"),
        (5, 5, "100 %"),
        (999_999, 1_000_000, "99.9 %"),
        (1, 1_000_000, "0.1 %"),
    ],
)
def test_a_column_that_loses_all_its_values_is_a_reason_by_name(
    filled: int, before: int, share: str
) -> None:
    found = replace(
        changes(unchanged=before), emptied=(EmptiedColumn("email", filled, is_absent=True),)
    )
    never = Thresholds(added=Threshold(), changed=Threshold(), removed=Threshold())
    [reason] = find_hold_reasons(found, never)
    live = f"The column `email` was filled in {share} of the rows of the live version"
    assert reason == f"{live} and is absent from this file."
    blank = replace(found, emptied=(EmptiedColumn("email", filled, is_absent=False),))
    [reason] = find_hold_reasons(blank, never)
    assert reason == f"{live} and has no usable value in the accepted rows of this file."
    assert Changes.from_json(found.to_json()) == found


def test_changes_stored_by_an_earlier_release_have_no_emptied_columns() -> None:
    stored = changes(added=1).to_json()
    del stored["emptied"]
    assert Changes.from_json(stored) == changes(added=1)


def test_added_and_removed_columns_are_listed() -> None:
    found = Changes(1, 2, 3, 4, {"city": 2, "state": 1}, ("new",), ("gone", "too"))
    assert format_changes(found, max_columns=1) == [
        "1 added, 2 changed, 3 removed, 4 unchanged",
        "Columns changed: city in 2 rows, and 1 more",
        "Columns new: new",
        "Columns gone: gone, too",
    ]
    assert not found.is_empty
    assert changes(unchanged=7).is_empty
