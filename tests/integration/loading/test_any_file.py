"""Whatever the cells of a file are, its result is the one of the pandera schema."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alumniq_pipelines.checking.pandera_checks import check_cells
from alumniq_pipelines.checking.pandera_schema import column_schema
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
    warned = {(None, "nation", "enum")} if result.warnings else set()
    assert {(row, column, code) for row, column, code in found} | warned == pandera_faults(
        people, frame
    )


def pandera_faults(field_map: FieldMap, frame: pd.DataFrame) -> set[tuple[int | None, str, str]]:
    """Check whole columns by their schemas, and compare all keys and unique values by text."""
    check_result: set[tuple[int | None, str, str]] = set()
    for column in field_map.columns:
        schema = column_schema(column, required=field_map.is_required(column))
        broken = {rule.value: cells for rule, cells in check_cells(schema, frame[column.name])}
        repeats = (frame[column.name].duplicated() & frame[column.name].notna()).to_numpy()
        if column.constraints.unique:
            broken["duplicate-value"] = repeats
        if field_map.table_schema.primary_key == (column.name,):
            broken["duplicate-key"] = repeats
        warns = column.alumniq.severity == "warning"
        for code, cells in broken.items():
            check_result |= {
                (None if warns else int(row) + 1, column.name, code) for row in cells.nonzero()[0]
            }
    return check_result
