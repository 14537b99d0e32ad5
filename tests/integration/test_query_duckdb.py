"""`alumniq sql` on DuckDB files: a query is locked into its environment's folder, and limited."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.core.loads.load import new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.problems.command import UnusableQuery
from alumniq_pipelines.core.problems.query import QueryTooSlow
from tests.accepted_rows import batch, small_field_map
from tests.warehouse_processes import MEMBERS

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "warehouse"


@pytest.fixture
def warehouse(folder: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(folder)


def publish(warehouse: DuckDBWarehouse, scratch: Path, target: Target = MEMBERS) -> None:
    """Publish a batch."""
    warehouse.publish(
        target,
        small_field_map(target.feed),
        batch(scratch, 1, count=10),
        number=1,
        job_id=new_job_id(),
        now=NOW,
    )


def test_a_query_reads_no_file_of_the_working_folder(
    warehouse: DuckDBWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(warehouse, tmp_path)
    overflow = tmp_path / ".tmp"  # where DuckDB would put what exceeds its memory
    overflow.mkdir()
    (overflow / "theirs.txt").write_text("foreign")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnusableQuery):
        warehouse.query("iqu", "qa", f"from read_text('{overflow}/theirs.txt')")


def test_a_query_takes_a_gibibyte_of_memory_and_ten_of_disk_at_most(
    warehouse: DuckDBWarehouse, tmp_path: Path
) -> None:
    publish(warehouse, tmp_path)
    sql = "select current_setting('{}'), current_setting('{}'), current_setting('{}')"
    names = "memory_limit", "max_temp_directory_size", "temp_directory"
    [(memory, disk, overflow)] = warehouse.query("iqu", "qa", sql.format(*names))[1]
    assert (memory, disk) == ("1.0 GiB", "10.0 GiB")
    assert not Path(str(overflow)).exists(), "it goes with the query"


def test_a_query_that_takes_too_long_is_ended(folder: Path, tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(folder, query_seconds=0.5)
    publish(warehouse, tmp_path)
    started = time.monotonic()
    for sql in (
        "select count(*) from range(1000000) a, range(1000000) b where a.range % 7 = b.range % 11",
        "with recursive endless as (select 1 as n union all select n from endless) from endless",
    ):
        with pytest.raises(QueryTooSlow, match=r"longer than 0\.5 seconds"):
            warehouse.query("iqu", "qa", sql)
    assert time.monotonic() - started < 20
    assert warehouse.query("iqu", "qa", "select max(batch) from members")[1] == [(1,)]


FUNCTIONS = """
    select function_name, function_type like '%table%' or function_type = 'pragma' as is_table,
        arg_max(parameter_types, len(parameter_types))
    from duckdb_functions()
    where list_contains(parameter_types, 'VARCHAR') and function_name similar to '[a-z0-9_]+'
    and coalesce(stability, '') <> 'CONSISTENT'
    group by all order by all
"""


def test_no_function_that_takes_text_reads_or_writes_outside_its_environment(
    warehouse: DuckDBWarehouse, folder: Path, tmp_path: Path
) -> None:
    publish(warehouse, tmp_path)
    publish(warehouse, tmp_path, Target("other", Environment.QA, "members"))
    foreign = tmp_path / "foreign.csv"
    foreign.write_text("xid\nothersecret\n")
    database = folder / "other/qa/members/live.duckdb"
    payloads = (str(foreign), f"{tmp_path}/fore*", str(database), f"from read_text('{foreign}')")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    functions: Sequence[Any] = warehouse.query("iqu", "qa", FUNCTIONS)[1]
    answers = []
    for name, is_table, types in functions:
        for payload in payloads if is_table else payloads[:1]:
            text = "'" + payload.replace("'", "''") + "'"
            values = {"VARCHAR": text, "BIGINT": "1", "INTEGER": "1", "BOOLEAN": "true"}
            arguments = ", ".join(values.get(kind, "null") for kind in types)
            call = f"{'from' if is_table else 'select'} {name}({arguments})"
            try:
                answers.append((call, str(warehouse.query("iqu", "qa", call))))
            except UnusableQuery as refused:
                answers.append((call, str(refused)))
    assert len(answers) > 200
    assert [call for call, answer in answers if "othersecret" in answer] == []
    assert [call for call, answer in answers if "fore*" in call and str(foreign) in answer] == []
    assert sum("PermissionException" in answer for _, answer in answers) > 10
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
