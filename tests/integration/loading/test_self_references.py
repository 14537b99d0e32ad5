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

from alumniq_pipelines.checking.orphans import Links, propagate_rejections
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.services.file_check import FileCheckResult, check_file

Write = Callable[[str | bytes], Path]
MESSAGE = "`parent` does not match any accepted row of this file"


def refers(fields: str, **rules: object) -> dict[str, Any]:
    return {"fields": fields, "reference": {"fields": "id"}, "alumniq": rules}


def units(*foreign: dict[str, Any]) -> FieldMap:
    kind = {"name": "kind", "constraints": {"enum": ["x", "y"]}}
    fields = [{"name": "id"}, {"name": "parent"}, {"name": "owner"}, kind]
    schema = {"primaryKey": ["id"], "fields": fields, "foreignKeys": foreign}
    return FieldMap.model_validate({"name": "units", "path": "units.csv", "schema": schema})


STRICT = units(refers("parent", severity="error"))


def orphans(result: FileCheckResult) -> list[int | None]:
    return [error.row for error in result.errors if error.code == "foreign-key"]


def test_a_row_refers_to_any_row_of_its_file_also_to_itself_and_in_a_circle(write: Write) -> None:
    result = check_file(write("id,parent\n1,2\n2,1\n3,3\n4,\n5,4\n"), STRICT)
    assert result.outcome == "clean"


def test_a_row_that_matches_no_referenced_row_is_reported_with_advice(write: Write) -> None:
    result = check_file(write("id,parent\n1,\n2,1\n3,9\n"), STRICT)
    (error,) = result.errors
    assert (error.row, error.line, error.column, error.message) == (3, 4, "parent", MESSAGE)
    assert error.advice == (
        "Include the row that it refers to, free of errors, or correct the value."
    )


def test_the_feeds_own_name_means_this_file_too(write: Write) -> None:
    named = refers("parent", severity="error")
    named["reference"]["resource"] = "units"
    result = check_file(write("id,parent\n1,\n2,1\n3,9\n"), units(named))
    assert [error.message for error in result.errors] == [MESSAGE]
    assert result.notes == check_file(write("id,parent\n1,\n2,1\n3,9\n"), STRICT).notes


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
def test_references_never_match_rejected_rows(write: Write, rows: str, found: list[int]) -> None:
    result = check_file(write(f"id,parent,kind\n{rows}"), STRICT)
    assert orphans(result) == found


def test_with_one_row_a_whole_chain_is_rejected(write: Write) -> None:
    chain = "".join(f"{number},{number - 1}\n" for number in range(100, 0, -1))
    result = check_file(write(f"id,parent\n{chain}a,\nb,a\n"), STRICT)
    assert orphans(result) == list(range(1, 101))
    assert result.rows_accepted == 2
    assert [cause.count for cause in result.causes] == [100]


def test_reference_warnings_are_checked_against_the_finally_accepted_rows(write: Write) -> None:
    both = units(refers("owner", severity="warning"), refers("parent", severity="error"))
    result = check_file(write("id,parent,owner\n1,9,\n2,1,\n3,,2\n4,,3\n"), both)
    assert orphans(result) == [1, 2]
    assert [str(warning) for warning in result.warnings] == [
        "`owner` does not match any accepted row of this file (1 row, line 4)"
    ]


def model(rows: Sequence[tuple[str, str, str]]) -> list[tuple[int, str]]:
    """Return the rejected rows, found by rejecting one after the other until nothing changes."""
    first: dict[str, int] = {}
    for index, row in enumerate(rows):
        first.setdefault(row[0], index)
    rejected = {index for index, row in enumerate(rows) if first[row[0]] != index}
    while True:
        found = [
            (index + 1, name)
            for index, row in enumerate(rows)
            for name, value in zip(("parent", "owner"), row[1:], strict=True)
            if value
            and first.get(value) != index
            and (value not in first or first[value] in rejected)
        ]
        if {index - 1 for index, _ in found} <= rejected:
            return found
        rejected |= {index - 1 for index, _ in found}


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
        result = check_file(path, both)
    found = [(error.row, error.column) for error in result.errors if error.code == "foreign-key"]
    assert sorted(found, key=repr) == sorted(model(rows), key=repr)


def test_a_chain_as_long_as_the_file_takes_no_longer_than_other_references() -> None:
    length = 1_000_000
    rows = np.arange(1, length, dtype=np.int32)
    rejected = np.zeros(length, np.bool_)
    rejected[0] = True
    began = time.process_time()
    assert propagate_rejections(rejected, [Links(rows, rows - 1)]).all()
    assert time.process_time() - began < 10
