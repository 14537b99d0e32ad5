"""From a published row back to its row of the file."""

from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from alumniq_pipelines.adapters.decoding import DEFAULT_LIMITS
from alumniq_pipelines.core.field_map import FieldMap
from alumniq_pipelines.core.progress import unwatched
from alumniq_pipelines.judgement import Steps, judged

WRITTEN = {"good": "{0:06},Lee", "rejected": "{0:06},", "ragged": "{0:06},Lee,1,2,3", "blank": ""}
NUMBERED = """
    with placed as (select *, row_number() over () - 1 as spot from people)
    select xid, spot + 1 + coalesce(left_out, 0) as file_row
    from placed asof left join _gaps on spot >= place
    order by spot
"""
"""As docs/warehouse.md gives it."""


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(sorted(WRITTEN)), min_size=1, max_size=60))
def test_every_published_row_leads_back_to_its_row_of_the_file(
    people: FieldMap, kinds: list[str]
) -> None:
    kinds = [*kinds, "good"]
    lines = [WRITTEN[kind].format(number) for number, kind in enumerate(kinds, start=1)]
    with TemporaryDirectory() as folder:
        received, database = Path(folder, "people.csv"), Path(folder, "rows.duckdb")
        received.write_text("\n".join(["xid,lastName", *lines, ""]), encoding="utf-8")
        steps = Steps(unwatched)
        with judged(received, people, Path(folder), database, DEFAULT_LIMITS, steps) as file:
            file.accept(database, None)
        with duckdb.connect(database, read_only=True) as version:
            found = version.execute(NUMBERED).fetchall()
    good = [number for number, kind in enumerate(kinds, start=1) if kind == "good"]
    assert found == [(f"{number:06}", number) for number in good]
