"""The number of a published row in its file can be computed."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from alumniq_pipelines.checking.check import CheckOptions, check_received_file
from alumniq_pipelines.checking.decompress import DEFAULT_LIMITS
from alumniq_pipelines.checking.step_timer import StepTimer
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.load import new_job_id
from alumniq_pipelines.core.loads.progress import ignore_progress
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import AcceptedRows
from tests.integration.loading.installation import NOW

WRITTEN = {"good": "{0:06},Lee", "rejected": "{0:06},", "ragged": "{0:06},Lee,1,2,3", "blank": ""}
NUMBERED_IN_POSTGRES = """
    with placed as (
        select row_number() over (order by ctid) - 1 as spot, *
        from iqu_production_versions.people__v17
    )
    select xid, spot + 1 + coalesce(
        (select max(left_out) from iqu_production_versions._gaps
         where feed = 'people' and number = 17 and place <= spot), 0) as file_row
    from placed
    order by spot
"""
NUMBERED = """
    with placed as (select *, row_number() over () - 1 as spot from people)
    select xid, spot + 1 + coalesce(left_out, 0) as file_row
    from placed asof left join _gaps on spot >= place
    order by spot
"""
"""As docs/warehouse.md gives it."""

WRITTEN_ROWS = """
    select sum(count) from pragma_storage_info('people')
    where column_name = 'xid' and segment_type = 'VARCHAR'
"""
"""Counts the rows in the file of a version, including those marked as deleted."""


def lines_of(kinds: Sequence[str]) -> str:
    """Return a file with rows of these kinds."""
    lines = [WRITTEN[kind].format(number) for number, kind in enumerate(kinds, start=1)]
    return "\n".join(["xid,lastName", *lines, ""])


@contextmanager
def accepted(people: FieldMap, kinds: Sequence[str]) -> Iterator[AcceptedRows]:
    """Check a file with rows of these kinds, and yield the accepted rows."""
    with TemporaryDirectory() as folder:
        received = Path(folder, "people.csv")
        options = CheckOptions(stores_rows=True, database=Path(folder, "rows.duckdb"))
        received.write_text(lines_of(kinds), encoding="utf-8")
        steps = StepTimer(ignore_progress)
        with check_received_file(
            received, people, Path(folder), options, DEFAULT_LIMITS, steps
        ) as file:
            rows = file.accept(None)
        yield rows


def good(kinds: Sequence[str]) -> list[tuple[str, int]]:
    """Return the accepted rows, with their numbers in the file."""
    return [(f"{number:06}", number) for number, kind in enumerate(kinds, 1) if kind == "good"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(sorted(WRITTEN)), min_size=1, max_size=60))
def test_every_published_row_leads_back_to_its_row_of_the_file(
    people: FieldMap, kinds: list[str]
) -> None:
    kinds = [*kinds, "good"]
    with (
        accepted(people, kinds) as rows,
        duckdb.connect(rows.file, read_only=True) as version,
    ):
        assert version.execute(NUMBERED).fetchall() == good(kinds)


def test_where_many_rows_are_rejected_the_others_are_not_written_twice(
    people: FieldMap, tmp_path: Path
) -> None:
    """By default DuckDB compacts what is left, at the cost of writing it once or twice more."""
    kinds = [*(["good", "rejected"] * 4), "good"] * 70_000
    target = Target("iqu", Environment.PRODUCTION, people.name)
    warehouse = DuckDBWarehouse(tmp_path)
    with accepted(people, kinds) as rows:
        warehouse.publish(target, people, rows, number=17, job_id=new_job_id(), now=NOW)
    live = warehouse.live_rows(target, tmp_path)
    assert live is not None
    with duckdb.connect(live.database, read_only=True) as version:
        assert version.execute(WRITTEN_ROWS).fetchone() == (len(kinds),)
        numbered = f"select count(*), count(*) filter (xid::int = file_row) from ({NUMBERED})"
        assert version.execute(numbered).fetchone() == (rows.rows, rows.rows)


def test_every_row_published_to_postgres_leads_back_to_its_row_of_the_file(
    people: FieldMap, postgres_url: str
) -> None:
    kinds = random.Random(4).choices([*WRITTEN, "good", "good"], k=20_000)
    target = Target("iqu", Environment.PRODUCTION, people.name)
    warehouse = PostgresWarehouse(postgres_url)
    with accepted(people, kinds) as rows:
        warehouse.publish(target, people, rows, number=17, job_id=new_job_id(), now=NOW)
    found = warehouse.query("iqu", "production", NUMBERED_IN_POSTGRES)[1]
    assert found == good(kinds)


def test_gaps_are_removed_with_their_version(people: FieldMap, postgres_url: str) -> None:
    target = Target("iqu", Environment.PRODUCTION, people.name)
    warehouse = PostgresWarehouse(postgres_url, versions_kept=2)
    for number in (1, 2, 3, 4):
        with accepted(people, ["blank", "good"]) as rows:
            at, job_id = NOW + timedelta(days=number), new_job_id()
            warehouse.publish(target, people, rows, number=number, job_id=job_id, now=at)
    gaps = "select * from iqu_production_versions._gaps order by number"
    found = warehouse.query("iqu", "production", gaps)[1]
    assert found == [("people", 3, 0, 1), ("people", 4, 0, 1)]
