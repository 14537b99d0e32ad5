"""Columns that are filled less, and rows that get fewer night by night."""

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.feeds.field_map import ColumnThresholds, FieldMap, Threshold, Thresholds
from alumniq_pipelines.core.loads.baseline import Baseline, PastVersion, Rollback
from alumniq_pipelines.core.loads.comparison import find_emptied, find_losses
from alumniq_pipelines.core.loads.diff import Changes, find_hold_reasons
from alumniq_pipelines.core.loads.losses import (
    MIN_CELLS_HALVED,
    MIN_CELLS_LOST,
    BestFill,
    Fill,
    FillLoss,
    Losses,
    RowLoss,
    format_share,
    format_shares,
)
from alumniq_pipelines.core.loads.version_profile import ColumnProfile, Profile

DAY = datetime(2026, 11, 3, 2, 30, tzinfo=UTC)
FIELD_MAP = FieldMap.model_validate(
    {
        "name": "people",
        "path": "people.csv",
        "alumniq": {"extensionColumns": True},
        "schema": {
            "primaryKey": ["xid"],
            "fields": [
                {"name": "xid"},
                {"name": "email"},
                {"name": "visits", "type": "integer", "alumniq": {"default": 0}},
            ],
        },
    }
)
STANDARD = Thresholds()


def profile(rows: int, **filled: int) -> Profile:
    return Profile(
        rows=rows, columns=tuple(ColumnProfile(name, count) for name, count in filled.items())
    )


def version(number: int, rows: int, **filled: int) -> PastVersion:
    return PastVersion(
        number=number,
        published_at=DAY + timedelta(days=number - 1),
        rows=rows,
        profile=profile(rows, xid=rows, **filled),
    )


def reasons(
    now: Profile,
    live: PastVersion,
    *before: PastVersion,
    in_file: tuple[str, ...] = ("xid", "email"),
    thresholds: Thresholds = STANDARD,
) -> tuple[str, ...]:
    """Return why a file of this profile is held, of whose rows none is known to be removed."""
    assert live.profile
    filled = {column.name: column.filled for column in live.profile.columns}
    changes = Changes(1, 0, 0, live.rows, emptied=find_emptied(now, filled, FIELD_MAP, in_file))
    baseline = Baseline((live, *before))
    losses = find_losses(now, filled, live.rows, baseline, FIELD_MAP, in_file)
    return find_hold_reasons(changes, thresholds, losses)


@given(
    before=st.integers(0, 1_000),
    rows_before=st.integers(1, 1_000),
    now=st.integers(0, 1_000),
    rows=st.integers(1, 1_000),
    points=st.integers(0, 100),
)
def test_a_fall_is_a_reason_exactly_if_it_is_by_more_points_than_the_threshold(
    before: int, rows_before: int, now: int, rows: int, points: int
) -> None:
    live, found = Fill(min(before, rows_before), rows_before), Fill(min(now, rows), rows)
    losses = Losses(columns=(FillLoss(name="email", now=found, live=live),))
    fall = Fraction(live.filled, live.rows) - Fraction(found.filled, found.rows)
    limits = ColumnThresholds(fill_of=(("email", float(points)),))
    held = list(losses.fill_reasons(limits))
    is_enough = points == 0 or fall * rows >= MIN_CELLS_LOST
    assert bool(held) is (fall * 100 > points and is_enough)
    for reason in held:
        was, is_now = (Fraction(share) for share in re.findall(r"([0-9.]+) %", reason))
        assert was - is_now > points


def test_a_few_cells_hold_no_load_unless_none_may_be_lost() -> None:
    """One city of four people that was left blank held the load."""
    assert reasons(profile(4, xid=4, email=3), version(1, 4, email=4)) == ()
    assert reasons(profile(10, xid=10, email=5), version(1, 10, email=10))
    loss = FillLoss(name="email", now=Fill(3, 4), live=Fill(4, 4))
    assert list(Losses(columns=(loss,)).fill_reasons(ColumnThresholds(fill=0)))


COLUMNS = ("email", "shoe__c", "hat__c")
FILLED = st.tuples(*[st.integers(0, 200)] * len(COLUMNS))


@given(live=FILLED, now=FILLED, points=st.integers(0, 100), own=st.sets(st.sampled_from(COLUMNS)))
def test_any_table_is_held_exactly_if_a_column_falls_further_than_it_may(
    live: tuple[int, ...], now: tuple[int, ...], points: int, own: set[str]
) -> None:
    """A column that loses all its values holds the load whatever the threshold is."""
    rows_before, rows = max(1, *live), max(1, *now)
    held = reasons(
        profile(rows, xid=rows, **dict(zip(COLUMNS, now, strict=True))),
        version(1, rows_before, **dict(zip(COLUMNS, live, strict=True))),
        in_file=COLUMNS,
        thresholds=Thresholds(
            columns=ColumnThresholds(fill=points, fill_of=tuple((name, points) for name in own))
        ),
    )
    expected = []
    for name, before, after in zip(COLUMNS, live, now, strict=True):
        share, fall = Fraction(before, rows_before), Fraction(before, rows_before)
        fall -= Fraction(after, rows)
        by_points = fall * 100 > points and (not points or fall * rows >= MIN_CELLS_LOST)
        by_half = fall * 2 > share and fall * rows >= MIN_CELLS_HALVED and fall * 100 >= 1
        goes_by_half = name not in own and points < 100
        if by_points or (by_half and goes_by_half) or (before and not after):
            expected.append(name)
    named = [reason.split("`")[1] for reason in held if reason.startswith("The column")]
    assert sorted(named) == sorted(expected)


@pytest.mark.parametrize(
    ("live", "now", "is_held"),
    [
        ((50_000, 9_000), (50_000, 50), True),
        ((400, 80), (400, 39), True),
        ((400, 80), (400, 40), False),
        ((400, 30), (400, 11), False),  # 19 values
        ((50_000, 900), (50_000, 401), False),  # less than a point
        ((50_000, 900), (50_000, 400), True),
        ((400, 80), (200, 40), False),  # the rows went, not the values
    ],
)
def test_a_column_that_few_rows_have_may_not_lose_more_than_half(
    live: tuple[int, int], now: tuple[int, int], *, is_held: bool
) -> None:
    """From 18 % to 0.1 % are less than 20 points."""
    (rows_before, before), (rows, after) = live, now
    found = reasons(profile(rows, xid=rows, email=after), version(1, rows_before, email=before))
    assert [reason.rpartition("; ")[2] for reason in found] == (
        ["a fall by more than half needs approval."] if is_held else []
    )


def test_it_may_lose_its_values_night_by_night_until_half_is_gone() -> None:
    past = version(2, 400, email=60), version(1, 400, email=80)
    [reason] = reasons(profile(400, xid=400, email=39), *past)
    assert reason == (
        "The column `email` was filled in 20 % of the rows of the version of 2026-11-03, the most "
        "within 30 days, and has a usable value in 9.8 % of the accepted rows of this file; a fall "
        "by more than half needs approval."
    )


def test_a_share_of_almost_half_is_not_rounded_to_it() -> None:
    [reason] = reasons(profile(10_000, xid=10_000, email=999), version(1, 10_000, email=2_000))
    assert "filled in 20 % of" in reason
    assert "in 9.99 % of" in reason


def test_a_single_point_is_one() -> None:
    loss = FillLoss(name="email", now=Fill(90, 100), live=Fill(100, 100))
    [reason] = Losses(columns=(loss,)).fill_reasons(ColumnThresholds(fill=1))
    assert reason.endswith("a fall by more than 1 point needs approval.")


def test_the_reason_names_the_column_both_shares_and_the_threshold() -> None:
    assert reasons(profile(1_000, xid=1_000, email=120), version(1, 1_000, email=601)) == (
        (
            "The column `email` was filled in 60.1 % of the rows of the live version and has a "
            "usable value in 12 % of the accepted rows of this file; a fall by more than 20 points "
            "needs approval."
        ),
    )


def test_a_column_that_gets_emptier_night_by_night_is_compared_with_the_best_of_30_days() -> None:
    assert reasons(profile(100, xid=100, email=49), version(2, 100, email=60)) == ()
    past = version(2, 100, email=60), version(1, 100, email=70)
    assert reasons(profile(100, xid=100, email=49), *past) == (
        (
            "The column `email` was filled in 70 % of the rows of the version of 2026-11-03, the "
            "most within 30 days, and has a usable value in 49 % of the accepted rows of this "
            "file; a fall by more than 20 points needs approval."
        ),
    )
    assert reasons(profile(100, xid=100, email=50), *past) == ()


def test_a_column_that_is_emptied_is_named_once() -> None:
    [reason] = reasons(profile(100, xid=100), version(1, 100, email=60), in_file=("xid",))
    assert "is absent from this file" in reason


def test_a_column_with_a_default_is_compared_only_if_it_is_absent() -> None:
    live = version(1, 100, visits=90)
    assert reasons(profile(100, xid=100, visits=9), live, in_file=("xid", "visits")) == ()
    [reason] = reasons(profile(100, xid=100, visits=0), live, in_file=("xid",))
    assert "`visits`" in reason


def test_the_case_of_a_senders_own_column_does_not_matter() -> None:
    live = version(1, 100, shoe__c=90)
    assert reasons(profile(100, xid=100, SHOE__C=85), live, in_file=("xid", "SHOE__C")) == ()
    [reason] = reasons(profile(100, xid=100, SHOE__C=5), live, in_file=("xid", "SHOE__C"))
    assert reason.startswith("The column `shoe__c` was filled in 90 %")


def test_a_column_that_left_the_field_map_is_not_compared() -> None:
    assert reasons(profile(100, xid=100), version(1, 100, gone=90)) == ()


@pytest.mark.parametrize(("rows", "is_held"), [(45_000, False), (44_999, True), (60_000, False)])
def test_rows_are_compared_with_the_most_within_30_days(rows: int, *, is_held: bool) -> None:
    past = version(2, 46_000), version(1, 50_000)
    assert bool(reasons(profile(rows, xid=rows), *past)) is is_held


def test_the_reason_names_the_day_of_the_most_rows() -> None:
    loss = RowLoss(rows=40_500, best_rows=50_000, published_at=DAY)
    assert list(Losses(rows=loss).row_reasons(Threshold(percent=10, rows=200))) == [
        (
            "40,500 accepted rows, 9,500 fewer than the 50,000 of 2026-11-03, the most within 30 "
            "days; more than 200 need approval."
        ),
        (
            "40,500 accepted rows, 19 % fewer than the 50,000 of 2026-11-03, the most within 30 "
            "days; more than 10 % need approval."
        ),
    ]
    assert not list(Losses(rows=loss).row_reasons(Threshold()))


@pytest.mark.parametrize(
    ("is_approved", "rollback", "since"),
    [
        (False, None, "within 30 days"),
        (True, None, "since the last approval"),
        (False, Rollback(to=2, at=DAY + timedelta(days=1.5)), "since the last rollback"),
    ],
)
def test_the_most_is_said_to_be_since_a_person_accepted_less(
    rollback: Rollback | None, since: str, *, is_approved: bool
) -> None:
    """Of a table that had more rows before an approval, they were not the most in 30 days."""
    accepted = PastVersion(number=2, published_at=DAY, rows=40_000, is_approved=is_approved)
    past = (version(3, 36_000), accepted, version(1, 30_000))
    found = find_losses(
        profile(35_000, xid=35_000),
        {"xid": 36_000},
        36_000,
        Baseline.since_accepted(past, rollback),
        FIELD_MAP,
        ("xid",),
    )
    [reason] = found.row_reasons(Threshold(percent=10))
    assert f"fewer than the 40,000 of 2026-11-03, the most {since}; more" in reason
    column = FillLoss(name="email", now=Fill(0, 9), live=Fill(0, 9), best=BestFill(Fill(9, 9), DAY))
    [reason] = Losses(columns=(column,), period=found.period).fill_reasons(ColumnThresholds())
    assert f"of the version of 2026-11-03, the most {since}, and has" in reason


def test_rows_that_only_the_live_version_has_are_counted_once() -> None:
    assert (
        find_losses(
            profile(50, xid=50),
            {"xid": 100},
            100,
            Baseline((version(1, 100),)),
            FIELD_MAP,
            ("xid",),
        )
        == Losses()
    )


def test_a_file_that_changes_nothing_is_not_held_for_what_was_lost_before() -> None:
    loss = RowLoss(rows=50, best_rows=100, published_at=DAY)
    losses = Losses(rows=loss, columns=(FillLoss(name="email", now=Fill(1, 9), live=Fill(9, 9)),))
    assert find_hold_reasons(Changes(0, 0, 0, 50), STANDARD, losses) == ()
    assert find_hold_reasons(Changes(1, 0, 0, 50), STANDARD, losses)


def test_a_threshold_of_a_column_goes_before_that_of_all() -> None:
    limits = ColumnThresholds(fill=100.0, fill_of=(("email", 5.0),))
    assert [limits.limit_of(name) for name in ("email", "EMAIL", "phone")] == [5, 5, 100]


@pytest.mark.parametrize(
    ("part", "whole", "share"),
    [(0, 5, "0 %"), (5, 5, "100 %"), (1, 10**6, "0.1 %"), (10**6 - 1, 10**6, "99.9 %")],
)
def test_a_share_is_rounded_to_none_or_all_only_where_it_is(
    part: int, whole: int, share: str
) -> None:
    assert format_share(part, whole) == share


@pytest.mark.parametrize(
    ("part", "whole", "limit", "share"),
    [
        (1_004, 10_000, 10, "10.04 %"),
        (1_049, 10_000, 10, "10.5 %"),
        (100_001, 10**6, 10, "10.0001 %"),
        (9_996, 10_000, 99.9, "99.96 %"),
        (1, 10_000, 0, "0.1 %"),
        (250, 100, 200, "250 %"),
    ],
)
def test_a_share_above_a_limit_is_never_rounded_to_it(
    part: int, whole: int, limit: float, share: str
) -> None:
    assert format_share(part, whole, above=limit) == share


def test_shares_that_are_more_points_apart_than_a_limit_show_it() -> None:
    assert format_shares((6_004, 10_000), (4, 10), apart=20) == ("60.04 %", "40 %")
    assert format_shares((6_012, 10_000), (4, 10), apart=20) == ("60.1 %", "40 %")


def test_of_equal_shares_the_newest_is_the_best() -> None:
    past = version(3, 100, email=60), version(2, 50, email=30), version(1, 100, email=50)
    best = Baseline(past).fullest(FIELD_MAP)
    assert best["email"] == BestFill(Fill(60, 100), past[0].published_at)
