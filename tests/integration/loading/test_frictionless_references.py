"""frictionless finds the same orphans, by the same field maps in one data package."""

import csv
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from frictionless import Package
from hypothesis import given, settings
from hypothesis import strategies as st

from alumniq_pipelines.checking.reference_sources import FileReferences, ReferencedFile
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.feeds.json_schema import package
from alumniq_pipelines.services.file_check import check_file

Rows = Sequence[Sequence[str]]
Orphan = tuple[int, tuple[str, ...]]


def described(name: str, key: Sequence[str], types: Mapping[str, str], *foreign: Any) -> FieldMap:
    fields = [{"name": name, "type": kind} for name, kind in types.items()]
    schema = {"primaryKey": key, "fields": fields, "foreignKeys": foreign}
    return FieldMap.model_validate(
        {"name": name, "type": "table", "path": f"{name}.csv", "schema": schema}
    )


PEOPLE = described("people", ["xid"], {"xid": "string", "name": "string"})
TERMS = described("terms", ["year", "day"], {"year": "integer", "day": "date"})
DEGREES = described(
    "degrees",
    ["degree"],
    {"degree": "string", "xid": "string", "year": "integer", "day": "date"},
    {
        "fields": ["xid"],
        "reference": {"resource": "people", "fields": ["xid"]},
        "alumniq": {"severity": "error"},
    },
    {
        "fields": ["year", "day"],
        "reference": {"resource": "terms", "fields": ["year", "day"]},
        "alumniq": {"severity": "error"},
    },
)
XIDS = st.sampled_from(["1", "01", "001", " 1", "a", "A", "é", "e\u0301", "x,y", 'q"'])
DAYS = st.sampled_from(["2026-01-31", "2025-06-01"])
YEARS = st.sampled_from(["1998", "2001", "07", "+7", "7"])
TERM = st.just(("", "")) | st.tuples(YEARS, DAYS)
"""Never half of it blank: to frictionless such a key refers to something, to us to nothing."""


@st.composite
def tables(draw: st.DrawFn) -> Mapping[FieldMap, Rows]:
    """Draw three tables in which no row breaks another rule."""
    people = draw(st.lists(XIDS, unique=True))
    terms = draw(st.lists(st.tuples(YEARS, DAYS), unique_by=lambda term: (int(term[0]), term[1])))
    degrees = draw(st.lists(st.tuples(XIDS | st.just(""), TERM), min_size=1))
    return {
        PEOPLE: [(xid, "") for xid in [*people, "nobody else"]],
        TERMS: [*terms, ("1", "2020-01-01")],
        DEGREES: [(str(number), xid, *term) for number, (xid, term) in enumerate(degrees)],
    }


def ours(folder: Path) -> set[Orphan]:
    """Return the rows that refer to no row, with the columns of the key."""
    files = {feed.name: ReferencedFile(folder / feed.path, feed) for feed in (PEOPLE, TERMS)}
    reference_sources = FileReferences(files, folder / "references")
    result = check_file(folder / DEGREES.path, DEGREES, reference_sources=reference_sources)
    assert {error.code for error in result.errors} <= {"foreign-key"}
    fields = {"xid": ("xid",), None: ("year", "day")}
    return {(error.row or 0, fields[error.column]) for error in result.errors}


def theirs(folder: Path) -> set[Orphan]:
    """Return the same from frictionless, which counts the header as a row."""
    path = folder / "datapackage.json"
    path.write_text(json.dumps(package([PEOPLE, TERMS, DEGREES])), encoding="utf-8")
    result = Package(str(path)).validate()
    assert not result.errors
    errors = [error.to_dict() for task in result.tasks for error in task.errors]
    assert {error["type"] for error in errors} <= {"foreign-key"}
    return {(error["rowNumber"] - 1, tuple(error["fieldNames"])) for error in errors}


@settings(max_examples=25, deadline=None)
@given(tables())
def test_the_same_rows_refer_to_nothing(drawn: Mapping[FieldMap, Rows]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for field_map, rows in drawn.items():
            with (folder / field_map.path).open("w", encoding="utf-8", newline="") as file:
                names = [column.name for column in field_map.columns]
                csv.writer(file, quoting=csv.QUOTE_ALL).writerows([names, *rows])
        assert ours(folder) == theirs(folder)
