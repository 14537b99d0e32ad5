"""What a load is compared with beside the live version, and where that begins anew."""

from datetime import UTC, datetime, timedelta

import pytest

from alumniq_pipelines.core.loads.baseline import NO_BASELINE, Baseline, PastVersion, Rollback
from alumniq_pipelines.core.loads.version_profile import MAX_COLUMNS, ColumnProfile, Profile

START = datetime(2026, 11, 3, 2, 30, tzinfo=UTC)


def version(number: int, *, is_approved: bool = False) -> PastVersion:
    return PastVersion(
        number=number, published_at=at(number), rows=100 - number, is_approved=is_approved
    )


def at(number: float) -> datetime:
    return START + timedelta(days=number)


def numbers(*versions: PastVersion, rollback: Rollback | None = None) -> list[int]:
    found = Baseline.since_accepted(versions, rollback)
    return [version.number for version in found.versions]


def test_without_a_decision_all_versions_count() -> None:
    assert numbers(version(3), version(2), version(1)) == [3, 2, 1]


def test_an_approved_version_is_a_new_beginning() -> None:
    approved = version(2, is_approved=True)
    assert numbers(version(3), approved, version(1)) == [3, 2]
    assert numbers(version(4, is_approved=True), approved, version(1)) == [4]


def test_a_rollback_is_a_new_beginning_with_the_version_that_it_went_to() -> None:
    past = version(5), version(4), version(3), version(2), version(1)
    assert numbers(*past, rollback=Rollback(to=2, at=at(4.5))) == [5, 2]
    assert numbers(*past[1:], rollback=Rollback(to=2, at=at(4.5))) == [2]


@pytest.mark.parametrize(("day", "expected"), [(3.5, [4, 1]), (1.5, [4, 3])])
def test_the_later_of_an_approval_and_a_rollback_counts(day: float, expected: list[int]) -> None:
    past = version(4), version(3, is_approved=True), version(2), version(1)
    assert numbers(*past, rollback=Rollback(to=1, at=at(day))) == expected


def test_of_versions_with_equally_many_rows_the_newest_has_the_most() -> None:
    same = [PastVersion(number=number, published_at=at(number), rows=9) for number in (3, 2, 1)]
    assert Baseline(tuple(same)).most_rows() == same[0]
    assert NO_BASELINE.most_rows() is None
    assert NO_BASELINE.profile_of(1) is None


def test_a_profile_is_stored_as_it_is_and_within_bounds() -> None:
    columns = ColumnProfile("xid", 5, 5, 3, 9), ColumnProfile("born", 4, 3)
    found = Profile(rows=5, columns=columns)
    assert Profile.from_json(found.to_json()) == found
    assert found.filled == {"xid": 5, "born": 4}
    wide = tuple(ColumnProfile(f"c{number}__c", 1) for number in range(MAX_COLUMNS + 5))
    stored = Profile.from_json(Profile(rows=1, columns=wide).to_json())
    assert stored.columns == wide[:MAX_COLUMNS]
