"""Whatever the cells of a file are, its result is the one of the pandera schema."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pandera.errors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alumniq_pipelines.checking.pandera_schema import schema_for
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.services.file_check import check_file

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
    result = check_file(write(HEADER + "".join(",".join(row) + "\n" for row in table)), people)
    frame = pd.DataFrame(table, columns=names, dtype=str).replace("", None).astype(str)
    found = {(error.row, error.column, error.code) for error in result.errors}
    warned = {(None, "nation", "enum")} if result.remarks else set()
    assert {(row, column, code) for row, column, code in found} | warned == pandera_faults(
        people, frame
    )


def pandera_faults(field_map: FieldMap, frame: pd.DataFrame) -> set[tuple[int | None, str, str]]:
    """Return what fails when pandera validates the whole frame, with the codes of rejections."""
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
    check_result: set[tuple[int | None, str, str]] = set()
    for case in cases.itertuples():
        code = codes.get(case.check, case.check)
        blank_key = code == "duplicate-key" and pd.isna(frame["xid"].iloc[int(case.index)])
        warns = case.column == "nation"
        if not blank_key:
            check_result.add((None if warns else int(case.index) + 1, case.column, code))
    return check_result
