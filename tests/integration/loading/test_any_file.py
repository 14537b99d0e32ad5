"""What holds for any file: it loads as itself or is told of, and pandera says the same."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pandera.errors
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alumniq_pipelines.core.field_map import FieldMap
from alumniq_pipelines.frames.schema import schema_for
from alumniq_pipelines.loading import check_file

Write = Callable[[str | bytes], Path]

HEADER = "xid,lastName,visits,born,email,nation\n"

CELLS = st.sampled_from(
    [
        "",
        "1",
        "2",
        "12345678",
        "1234567890",
        "x",
        "a@b",
        "c@d",
        "1970-05-01",
        "1850-01-01",
        "USA",
        "é",
    ]
)
TABLES = st.lists(st.lists(CELLS, min_size=6, max_size=6), min_size=1, max_size=12)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30
)
@given(TABLES)
def test_a_check_says_what_the_pandera_schema_says(
    people: FieldMap, write: Write, table: list[list[str]]
) -> None:
    names = HEADER.strip().split(",")
    report = check_file(write(HEADER + "".join(",".join(row) + "\n" for row in table)), people)
    frame = pd.DataFrame(table, columns=names, dtype=str).replace("", None).astype(str)
    found = {(each.row, each.column, each.code) for each in report.errors}
    warned = {(None, "nation", "enum")} if report.notes else set()
    assert {(row, column, code) for row, column, code in found} | warned == pandera_verdict(
        people, frame
    )


def pandera_verdict(field_map: FieldMap, frame: pd.DataFrame) -> set[tuple[int | None, str, str]]:
    """Validate a whole frame, and name what failed as rejections do."""
    codes = {
        "not_nullable": "required",
        "field_uniqueness": "duplicate-value",
        "multiple_fields_uniqueness": "duplicate-key",
    }
    try:
        schema_for(field_map).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        cases = errors.failure_cases
    else:
        return set()
    verdict: set[tuple[int | None, str, str]] = set()
    for case in cases.itertuples():
        code = codes.get(case.check, case.check)
        blank_key = code == "duplicate-key" and pd.isna(frame["xid"].iloc[int(case.index)])
        warns = case.column == "nation"
        if not blank_key:
            verdict.add((None if warns else int(case.index) + 1, case.column, code))
    return verdict


TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8
) | st.sampled_from(['"', '""', ",", "\n", "\r\n", "\r", "NULL", " x ", "\ufeff", "007", "1e5"])


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50
)
@given(
    rows=st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=8),
    delimiter=st.sampled_from(",\t|;^"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quotes_all=st.booleans(),
    has_final_end=st.booleans(),
)
def test_any_table_of_text_by_any_legal_writer_loads_as_itself(
    write: Write,
    tmp_path: Path,
    rows: list[tuple[str, ...]],
    delimiter: str,
    end: str,
    *,
    quotes_all: bool,
    has_final_end: bool,
) -> None:
    def quoted(value: str) -> str:
        needs = quotes_all or set(value) & {delimiter, '"', "\r", "\n", "\ufeff"}
        return '"' + value.replace('"', '""') + '"' if needs else value

    table = FieldMap.model_validate(
        {"name": "t", "path": "t.csv", "schema": {"fields": [{"name": n} for n in "abc"]}}
    )
    lines = [delimiter.join(map(quoted, row)) for row in ("abc", *rows)]
    content = end.join(lines) + (end if has_final_end else "")
    output = tmp_path / "out.parquet"
    report = check_file(write(content), table, output)
    assert report.outcome == "clean", report
    found = duckdb.connect().execute(f"FROM '{output}'").fetchall()
    assert found == [tuple(value or None for value in row) for row in rows]


CORRUPTIONS: dict[str, Callable[[bytes, int], bytes]] = {
    "a byte lost": lambda text, place: text[:place] + text[place + 1 :],
    "a quote put in": lambda text, place: text[:place] + b'"' + text[place:],
    "a delimiter put in": lambda text, place: text[:place] + b"," + text[place:],
    "a line end put in": lambda text, place: text[:place] + b"\n" + text[place:],
    "a return put in": lambda text, place: text[:place] + b"\r" + text[place:],
    "a NUL put in": lambda text, place: text[:place] + b"\0" + text[place:],
    "cut off": lambda text, place: text[:place],
}
SOUND = b'"a","b","c"\n"1","x","y"\n"2","x ""q"", x","z"\n"3","two\nlines","z"\n"4","x","y"\n'


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_single_corruption_never_passes_as_another_structure(
    write: Write, tmp_path: Path, name: str
) -> None:
    """What still loads clean differs in the text of cells at most, as a writer could have meant."""
    table = FieldMap.model_validate(
        {"name": "t", "path": "t.csv", "schema": {"fields": [{"name": n} for n in "abc"]}}
    )
    output = tmp_path / "out.parquet"
    for place in range(SOUND.index(b"\n") + 1, len(SOUND) - 1, 3):
        report = check_file(write(CORRUPTIONS[name](SOUND, place)), table, output)
        if report.outcome != "clean":
            assert report.errors
            continue
        found = duckdb.connect().execute(f"FROM '{output}'").fetchall()
        strict = csv.reader(
            io.StringIO(CORRUPTIONS[name](SOUND, place).decode(), newline=""), strict=True
        )
        expected = list(strict)[1:]
        assert [tuple(value or "" for value in row) for row in found] == [
            tuple(row) for row in expected
        ]
