"""Few rows of a clean file are read again for whether they are data, and few columns for it."""

import re

import duckdb
import pytest

from alumniq_pipelines.checking.header import read_header
from alumniq_pipelines.checking.lines_without_data import candidate_condition
from alumniq_pipelines.core.feeds.field_map import FieldMap

SCHEMA = {"fields": [{"name": name} for name in ("kind", "xid", "name")]}
FEED = FieldMap.model_validate({"name": "people", "path": "people.csv", "schema": SCHEMA})


def condition(header: str) -> str:
    found = candidate_condition(read_header(header, FEED), FEED)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("row", "is_candidate"),
    [
        (("-", "0001", "Ann"), False),
        (("-", "0001", None), False),
        (("-", None, None), False),
        (("--", "0001", "Ann"), False),
        (("Total", "0001", "Ann"), False),
        (("kind", "0001", "Ann"), False),
        (("Confidential", "0001", None), False),
        (("-", "---", "----"), True),
        (("-  ", " ---", None), True),
        (("Total", None, "12"), True),
        (("KIND", "[xid]", "people.name"), True),
        (("Confidential", None, "  "), True),
    ],
)
def test_what_a_column_may_have_in_every_row_makes_no_row_a_candidate(
    row: tuple[str | None, ...], *, is_candidate: bool
) -> None:
    query = f"SELECT {condition('kind,xid,name')} IS TRUE FROM (VALUES (?, ?, ?)) AS t(c0, c1, c2)"
    assert duckdb.execute(query, row).fetchall() == [(is_candidate,)]


def test_a_name_that_begins_with_a_digit_makes_a_row_a_candidate() -> None:
    feed = FieldMap.model_validate(
        {"name": "sports", "path": "sports.csv", "schema": {"fields": [{"name": "1st sport"}]}}
    )
    found = candidate_condition(read_header("1st sport,2nd sport", feed), feed)
    query = f"SELECT {found} IS TRUE FROM (VALUES (?, ?)) AS t(c0, c1)"
    assert duckdb.execute(query, ("1ST_SPORT", "2nd sport")).fetchall() == [(True,)]
    assert duckdb.execute(query, ("1001", "rowing")).fetchall() == [(False,)]


def test_of_ignored_columns_only_the_first_of_the_file_is_tested() -> None:
    own = ",".join(f"own{number}" for number in range(50))
    tested = condition(f"own,xid,{own},name,kind,{own}x")
    assert set(re.findall(r"\bc[0-9]+\b", tested)) == {"c0", "c1", "c52", "c53"}
