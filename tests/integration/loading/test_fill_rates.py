"""A column that is filled much less holds the load by its name, on both engines."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.core.feeds.field_map import ColumnThresholds, FieldMap, Threshold, Thresholds
from alumniq_pipelines.core.loads.baseline import Baseline, PastVersion
from alumniq_pipelines.core.loads.load_result import DryRun, Held, LoadResult, Published
from alumniq_pipelines.core.loads.version_profile import MAX_COLUMNS, ColumnProfile, Profile
from alumniq_pipelines.core.loads.warehouse import Warehouse
from tests.integration.loading.installation import NOW, Installation

HEADER = "xid,lastName,visits,born,email,shoe__c\n"
COLUMNS = ("born", "email", "shoe__c")
FULL = {"born": "1970-05-01", "email": "{}@example.edu", "shoe__c": "42"}


def file_of(rows: Sequence[Sequence[bool]], last_name: str = "Lee") -> str:
    """Return a file whose rows have a value in those of COLUMNS that are true."""
    lines = []
    for number, filled in enumerate(rows):
        values = [
            FULL[name].format(number) if has else ""
            for name, has in zip(COLUMNS, filled, strict=True)
        ]
        lines.append(f"{number:03},{last_name},,{','.join(values)}\n")
    return HEADER + "".join(lines)


def only_fill(points: float) -> Thresholds:
    never = Threshold()
    columns = ColumnThresholds(fill=points)
    return Thresholds(added=never, changed=never, removed=never, columns=columns)


@pytest.fixture
def installation(tmp_path: Path, people: FieldMap, warehouse: Warehouse) -> Iterator[Installation]:
    """Return an installation whose live version has e-mail addresses in 60 of 100 rows."""
    given_ = Installation(tmp_path, people, warehouse)
    given_.deliver(file_of([(True, number < 60, False) for number in range(100)]))
    given_.publish()
    yield given_
    assert not list(given_.scratch.iterdir())


def with_emails(filled: int) -> str:
    return file_of([(True, number < filled, False) for number in range(100)], "Roe")


def test_a_column_filled_much_less_holds_the_load_with_both_shares(
    installation: Installation,
) -> None:
    installation.deliver(with_emails(30))
    assert installation.hold(2, Thresholds(changed=Threshold())).reasons == (
        (
            "The column `email` was filled in 60 % of the rows of the live version and has a "
            "usable value in 30 % of the accepted rows of this file; a fall by more than 20 points "
            "needs approval."
        ),
    )
    installation.deliver(with_emails(40))
    installation.publish(3, thresholds=Thresholds(changed=Threshold()))


def test_a_dry_run_says_the_same(installation: Installation) -> None:
    installation.deliver(with_emails(30))
    result = installation.load(2, thresholds=only_fill(20), dry_run=True)
    assert isinstance(result, DryRun)
    assert "`email`" in result.hold_reasons[0]


def past(rows: int, emails: int, number: int = 1) -> PastVersion:
    """Return a version of yesterday, of whose rows so many have an e-mail address."""
    profile = Profile(rows=rows, columns=(ColumnProfile("email", emails),))
    published_at = NOW - timedelta(days=1)
    return PastVersion(number=number, published_at=published_at, rows=rows, profile=profile)


def test_the_best_of_30_days_counts_beside_the_live_version(installation: Installation) -> None:
    installation.deliver(with_emails(50))
    baseline = Baseline((past(100, 80, number=0),))
    result = installation.load(2, thresholds=only_fill(20), baseline=baseline)
    assert isinstance(result, Held)
    [reason] = result.reasons
    assert "filled in 80 % of the rows of the version of 2026-02-28, the most within 30" in reason


def test_rows_that_get_fewer_night_by_night_are_held_once_the_sum_is_too_much(
    tmp_path: Path, people: FieldMap
) -> None:
    """Five nights that each lost 10 % were five nights that each lost no more than they may."""
    given_ = Installation(tmp_path, people, DuckDBWarehouse(tmp_path / "warehouse"))
    rows, versions, results = 100, Baseline(), list[LoadResult]()
    for night in count(1):
        given_.deliver(file_of([(True, True, True)] * rows))
        results.append(given_.load(night, thresholds=Thresholds(), baseline=versions))
        if not isinstance(results[-1], Published):
            break
        now = PastVersion(number=night, published_at=NOW, rows=rows)
        versions = Baseline((now, *versions.versions))
        rows = rows * 9 // 10
    assert isinstance(results[2], Held)
    assert results[2].reasons == (
        (
            "81 accepted rows, 19 % fewer than the 100 of 2026-03-01, the most within 30 days; "
            "more than 10 % need approval."
        ),
    )


def test_the_profile_of_the_live_version_is_taken_where_it_is_known(
    installation: Installation,
) -> None:
    installation.deliver(with_emails(50))
    known = Baseline((past(100, 100),))  # as if it had been filled in every row
    result = installation.load(2, thresholds=only_fill(40), baseline=known)
    assert isinstance(result, Held)
    assert "filled in 100 % of the rows of the live version" in result.reasons[0]


@pytest.mark.parametrize("last_name", ["Lee", "Roe"])
def test_a_default_that_the_field_map_was_given_since_is_no_value_that_was_live(
    last_name: str, tmp_path: Path, people: FieldMap, warehouse: Warehouse
) -> None:
    """The profile counts 0 as a value, as it was when the version was published."""
    without = people.model_dump(by_alias=True, exclude_unset=True, mode="json")
    del next(field for field in without["schema"]["fields"] if field["name"] == "visits")["alumniq"]
    given_ = Installation(tmp_path / "defaults", FieldMap.model_validate(without), warehouse)
    given_.deliver("xid,lastName,visits\n001,Lee,0\n002,Lee,0\n")
    given_.publish()
    columns = tuple(ColumnProfile(name, 2) for name in ("xid", "lastName", "visits"))
    profile = Profile(rows=2, columns=columns)
    live = PastVersion(number=1, published_at=NOW, rows=2, profile=profile)
    given_.people = people
    given_.deliver(f"xid,lastName\n001,{last_name}\n002,{last_name}\n")
    result = given_.load(2, thresholds=only_fill(20), baseline=Baseline((live,)))
    assert isinstance(result, Published)


def test_what_is_recorded_before_publishing_has_the_profile(
    installation: Installation,
) -> None:
    installation.deliver(file_of([(True, True, False), (False, True, False)], "Roë"))
    result = installation.hold(2, Thresholds())
    assert result.profile == Profile(
        rows=2,
        columns=(
            ColumnProfile("xid", 2, 2, 3, 3),
            ColumnProfile("lastName", 2, 1, 3, 3),
            ColumnProfile("visits", 0, 1),
            ColumnProfile("born", 1, 1),
            ColumnProfile("email", 2, 2, 13, 13),
            ColumnProfile("nation", 0, 0),
            ColumnProfile("shoe__c", 0, 0),
        ),
    )


def test_rejected_rows_count_for_no_length_of_the_profile(installation: Installation) -> None:
    rejected = [f"{number:03},Lee,many,,{'x' * number},\n" for number in (7, 70)]
    installation.deliver(HEADER + rejected[0] + "101,Wu,,,,\n102,Wu-Lee,,,,\n" + rejected[1])
    result = installation.load(2, max_rejected=2, thresholds=Thresholds())
    assert isinstance(result, Held)
    assert result.profile
    found = {column.name: column for column in result.profile.columns}
    assert found["xid"].filled == 2
    assert (found["lastName"].shortest, found["lastName"].longest) == (2, 6)
    assert (found["email"].shortest, found["email"].longest) == (None, None)


def test_a_file_of_many_columns_is_profiled_in_all_of_them(installation: Installation) -> None:
    """All in one query, 2,000 columns took more than a minute."""
    names = [f"c{number}__c" for number in range(MAX_COLUMNS)]
    blank = "," * (len(names) - 1)
    installation.deliver(
        f"xid,lastName,{','.join(names)}\n001,Lee,{','.join('x' for _ in names)}\n002,Roe,{blank}\n"
    )
    profile = installation.hold(2, Thresholds()).profile
    assert profile
    filled = {column.name: column.filled for column in profile.columns}
    assert [name for name in names if filled[name] != 1] == []
    assert [column.distinct for column in profile.columns[MAX_COLUMNS:]] == [None] * 6
