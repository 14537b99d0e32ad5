"""Foreign keys that refer to rows of the same file."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alumniq_pipelines.checking.orphans import Links, fallen
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.services.file_check import CheckReport, check_file

Write = Callable[[str | bytes], Path]
MESSAGE = "`parent` has no partner in this file"


def refers(fields: str, **rules: object) -> dict[str, Any]:
    return {"fields": fields, "reference": {"fields": "id"}, "alumniq": rules}


def units(*foreign: dict[str, Any]) -> FieldMap:
    kind = {"name": "kind", "constraints": {"enum": ["x", "y"]}}
    fields = [{"name": "id"}, {"name": "parent"}, {"name": "owner"}, kind]
    schema = {"primaryKey": ["id"], "fields": fields, "foreignKeys": foreign}
    return FieldMap.model_validate({"name": "units", "path": "units.csv", "schema": schema})


STRICT = units(refers("parent", severity="error"))


def orphans(report: CheckReport) -> list[int | None]:
    return [each.row for each in report.errors if each.code == "foreign-key"]


def test_a_row_refers_to_any_row_of_its_file_also_to_itself_and_in_a_circle(write: Write) -> None:
    report = check_file(write("id,parent\n1,2\n2,1\n3,3\n4,\n5,4\n"), STRICT)
    assert report.outcome == "clean"


def test_a_row_without_partner_is_told_with_what_to_do(write: Write) -> None:
    report = check_file(write("id,parent\n1,\n2,1\n3,9\n"), STRICT)
    (error,) = report.errors
    assert (error.row, error.line, error.column, error.message) == (3, 4, "parent", MESSAGE)
    assert error.advice == (
        "Send the row that it refers to as well, without faults, or mend the value."
    )


def test_the_feeds_own_name_means_this_file_too(write: Write) -> None:
    named = refers("parent", severity="error")
    named["reference"]["resource"] = "units"
    report = check_file(write("id,parent\n1,\n2,1\n3,9\n"), units(named))
    assert [each.message for each in report.errors] == [MESSAGE]
    assert report.notes == check_file(write("id,parent\n1,\n2,1\n3,9\n"), STRICT).notes


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ("1,,z\n2,1,x\n3,2,x\n4,,x\n", [2, 3]),
        ("1,,x\n1,,x\n2,1,x\n", []),
        ("1,,z\n1,,x\n2,1,x\n", [3]),
        ("1,,x,,more\n2,1,x\n", [2]),
        ("1,2,x\n2,1,z\n3,1,x\n", [1, 2, 3]),
        ("1,1,z\n2,1,x\n", [2]),
    ],
    ids=["rejected", "repeated", "both", "ragged", "circle", "itself"],
)
def test_rejected_rows_are_no_partners(write: Write, rows: str, found: list[int]) -> None:
    report = check_file(write(f"id,parent,kind\n{rows}"), STRICT)
    assert orphans(report) == found


def test_with_one_row_a_whole_chain_is_rejected(write: Write) -> None:
    chain = "".join(f"{number},{number - 1}\n" for number in range(100, 0, -1))
    report = check_file(write(f"id,parent\n{chain}a,\nb,a\n"), STRICT)
    assert orphans(report) == list(range(1, 101))
    assert report.rows_accepted == 2
    assert [cause.count for cause in report.causes] == [100]


def test_what_only_warns_is_judged_by_what_is_accepted_in_the_end(write: Write) -> None:
    both = units(refers("owner", severity="warning"), refers("parent", severity="error"))
    report = check_file(write("id,parent,owner\n1,9,\n2,1,\n3,,2\n4,,3\n"), both)
    assert orphans(report) == [1, 2]
    assert [str(each) for each in report.remarks] == [
        "`owner` has no partner in this file (1 row, line 4)"
    ]


def model(rows: Sequence[tuple[str, str, str]]) -> list[tuple[int, str]]:
    """Reject rows one by one, as the words say, until nothing changes."""
    first: dict[str, int] = {}
    for place, row in enumerate(rows):
        first.setdefault(row[0], place)
    rejected = {place for place, row in enumerate(rows) if first[row[0]] != place}
    while True:
        found = [
            (place + 1, name)
            for place, row in enumerate(rows)
            for name, value in zip(("parent", "owner"), row[1:], strict=True)
            if value
            and first.get(value) != place
            and (value not in first or first[value] in rejected)
        ]
        if {place - 1 for place, _ in found} <= rejected:
            return found
        rejected |= {place - 1 for place, _ in found}


IDS = st.sampled_from("123456")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(IDS, IDS | st.just(""), IDS | st.just("")), min_size=1, max_size=12))
def test_orphans_are_those_that_remain_when_rows_are_rejected_one_by_one(
    rows: list[tuple[str, str, str]],
) -> None:
    both = units(refers("parent", severity="error"), refers("owner", severity="error"))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "units.csv"
        path.write_text("id,parent,owner\n" + "".join(f"{','.join(row)}\n" for row in rows))
        report = check_file(path, both)
    found = [(each.row, each.column) for each in report.errors if each.code == "foreign-key"]
    assert sorted(found, key=repr) == sorted(model(rows), key=repr)


def test_a_chain_as_long_as_the_file_takes_no_longer_than_other_references() -> None:
    length = 1_000_000
    rows = np.arange(1, length, dtype=np.int32)
    rejected = np.zeros(length, np.bool_)
    rejected[0] = True
    began = time.process_time()
    assert fallen(rejected, [Links(rows, rows - 1)]).all()
    assert time.process_time() - began < 10
