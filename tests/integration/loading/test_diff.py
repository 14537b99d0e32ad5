"""Accepted rows compared with a live version, in DuckDB."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alumniq_pipelines.checking.diff import compare, find_lost_zeros
from alumniq_pipelines.checking.lost_zeros import LostZeros
from alumniq_pipelines.checking.staging import Staging, open_staging
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.load import new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import LiveRows, Version

Rows = Sequence[Sequence[object]]
COLUMNS = {"xid": "VARCHAR", "name": "VARCHAR", "visits": "BIGINT"}
CELLS = st.tuples(st.sampled_from([None, "", "a", "b"]), st.sampled_from([None, 0, 1]))
KEYED = st.dictionaries(st.sampled_from("123456"), CELLS)


def field_map(*key: str) -> FieldMap:
    fields = [{"name": "xid"}, {"name": "name"}, {"name": "visits", "type": "integer"}]
    schema = {"fields": fields, "primaryKey": list(key)}
    return FieldMap.model_validate({"name": "people", "path": "people.csv", "schema": schema})


def compared(
    folder: Path,
    new: Rows,
    live: Rows,
    key: Sequence[str] = ("xid",),
    live_columns: Mapping[str, str] = COLUMNS,
) -> Changes:
    """Stage rows, write others to the file of a version, and compare the two."""
    with staged_beside(folder, new, live, key, live_columns) as sides:
        return compare(*sides)[0]


@contextmanager
def staged_beside(
    folder: Path,
    new: Rows,
    live: Rows,
    key: Sequence[str] = ("xid",),
    live_columns: Mapping[str, str] = COLUMNS,
) -> Iterator[tuple[Staging, LiveRows]]:
    version = Version(
        target=Target("iqu", Environment.QA, "people"),
        number=1,
        job_id=new_job_id(),
        rows=len(live),
        sha256="",
        etag=None,
        relation="",
        published_at=datetime.now(UTC),
    )
    database = folder / "live.duckdb"
    with duckdb.connect(database) as connection:
        _fill(connection, "people_of_then", live, live_columns)
    with open_staging(field_map(*key), folder, folder / "rows.duckdb") as staging:
        _fill(staging.connection, staging.table, new, COLUMNS)
        yield staging, LiveRows(version, database, "people_of_then")


def _fill(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Rows, columns: Mapping[str, str]
) -> None:
    described = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    connection.execute(f"CREATE TABLE {table} ({described})")
    if rows:
        placeholders = ", ".join("?" for _ in columns)
        connection.executemany(f"INSERT INTO {table} VALUES ({placeholders})", list(rows))


@settings(max_examples=15, deadline=None)
@given(KEYED, KEYED)
def test_rows_are_identified_by_their_key(
    new: dict[str, tuple[str | None, int | None]], live: dict[str, tuple[str | None, int | None]]
) -> None:
    both = new.keys() & live.keys()
    changed = {key for key in both if new[key] != live[key]}
    columns = {
        name: count
        for index, name in enumerate(("name", "visits"))
        if (count := sum(new[key][index] != live[key][index] for key in both))
    }
    with TemporaryDirectory() as folder:
        found = compared(
            Path(folder),
            [(key, *cells) for key, cells in new.items()],
            [(key, *cells) for key, cells in live.items()],
        )
    expected = (len(new) - len(both), len(changed), len(live) - len(both), len(both) - len(changed))
    assert (found.added, found.changed, found.removed, found.unchanged) == expected
    assert found.columns == columns
    assert list(found.columns.values()) == sorted(found.columns.values(), reverse=True)


@settings(max_examples=15, deadline=None)
@given(st.lists(CELLS), st.lists(CELLS))
def test_without_a_key_rows_are_counted_as_often_as_they_occur(
    new: list[tuple[str | None, int | None]], live: list[tuple[str | None, int | None]]
) -> None:
    more, fewer = Counter(new) - Counter(live), Counter(live) - Counter(new)
    with TemporaryDirectory() as folder:
        found = compared(
            Path(folder), [("x", *row) for row in new], [("x", *row) for row in live], key=()
        )
    assert (found.added, found.changed, found.removed) == (more.total(), 0, fewer.total())
    assert found.unchanged == len(live) - fewer.total()


def test_the_order_of_rows_is_no_change(tmp_path: Path) -> None:
    rows = [("1", "a", 1), ("2", "b", 2)]
    assert compared(tmp_path, rows, rows[::-1]).is_empty


def test_a_key_of_several_columns_counts_as_a_whole(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        [("1", "a", 1), ("1", "b", 5)],
        [("1", "b", 2), ("2", "a", 1)],
        key=("xid", "name"),
    )
    assert (found.added, found.changed, found.removed, found.unchanged) == (1, 1, 1, 0)


def test_added_and_removed_columns_change_no_row_and_are_named(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        [("1", "a", 1)],
        [("1", "a", "old")],
        live_columns={"xid": "VARCHAR", "name": "VARCHAR", "dropped": "VARCHAR"},
    )
    assert (found.changed, found.unchanged) == (0, 1)
    assert (found.new_columns, found.gone_columns) == (("visits",), ("dropped",))
    assert not found.is_empty


def test_a_column_that_changed_its_type_is_compared_as_text(tmp_path: Path) -> None:
    retyped = {"xid": "BIGINT", "name": "VARCHAR", "visits": "VARCHAR"}
    found = compared(
        tmp_path,
        [("1", "a", 1), ("2", "b", 2)],
        [(1, "a", "1"), (2, "b", "x")],
        live_columns=retyped,
    )
    assert (found.changed, found.unchanged, found.columns) == (1, 1, {"visits": 1})


def test_without_the_key_in_the_live_version_rows_are_compared_as_a_multiset(
    tmp_path: Path,
) -> None:
    columns = {"id": "VARCHAR", "name": "VARCHAR", "visits": "BIGINT"}
    found = compared(tmp_path, [("1", "a", 1)], [("9", "a", 1)], live_columns=columns)
    assert (found.added, found.changed, found.removed, found.unchanged) == (0, 0, 0, 1)


@pytest.mark.parametrize("rows", [[], [("1", "a", 1)]])
def test_a_live_version_without_rows_can_be_compared(tmp_path: Path, rows: Rows) -> None:
    found = compared(tmp_path, rows, [])
    assert (found.added, found.rows_before) == (len(rows), 0)


PADDED = ["0012", "0345", "6789", "0001"]


@pytest.mark.parametrize(
    ("new", "live", "found"),
    [
        (["12", "345", "6789", "1"], PADDED, [LostZeros("xid", 3, 4)]),
        (["12", "0345"], PADDED, [LostZeros("xid", 1, 4)]),
        (PADDED, PADDED, []),
        (["13", "999"], PADDED, []),
        (["12"], ["0012", "12"], []),
        (["12"], ["0012", *(f"{number}" for number in range(100, 200))], []),
        (["12", "345"], ["9912", "9345"], []),
        (["12"], [], []),
        (
            ["12"],
            ["0012", *(f"{number:04}" for number in range(100, 150)), "TEST-1"],
            [LostZeros("xid", 1, 4)],
        ),
    ],
    ids=[
        "all",
        "some",
        "none",
        "other keys",
        "a key of its own",
        "no common width",
        "no zeros",
        "nothing live",
        "a few odd keys",
    ],
)
def test_keys_that_lost_their_zeros_are_found_by_those_that_are_live(
    tmp_path: Path, new: Sequence[str], live: Sequence[str], found: list[LostZeros]
) -> None:
    rows, live_rows = ([(xid, "", 0) for xid in side] for side in (new, live))
    with staged_beside(tmp_path, rows, live_rows) as sides:
        assert list(find_lost_zeros(*sides)) == found


def test_numeric_keys_lose_no_zeros(tmp_path: Path) -> None:
    columns = {"xid": "BIGINT", "name": "VARCHAR", "visits": "BIGINT"}
    with staged_beside(tmp_path, [("1", "", 0)], [(1, "", 0)], live_columns=columns) as sides:
        assert list(find_lost_zeros(*sides)) == []


@pytest.mark.parametrize(
    ("kind", "same", "other"),
    [
        ("DOUBLE", 5.0, 5.5),
        ("DECIMAL(38,2)", Decimal("5.00"), Decimal("5.01")),
        ("INTEGER", 5, 6),
        ("VARCHAR", "5", "5.0"),
    ],
)
def test_a_number_that_changed_its_type_is_compared_by_value(
    tmp_path: Path, kind: str, same: object, other: object
) -> None:
    retyped = {**COLUMNS, "visits": kind}
    new, live = [("1", "a", 5), ("2", "b", 5)], [("1", "a", same), ("2", "b", other)]
    found = compared(tmp_path, new, live, live_columns=retyped)
    assert (found.changed, found.unchanged, found.columns) == (1, 1, {"visits": 1})


@pytest.mark.parametrize(
    ("kind", "key"), [("DOUBLE", 5.0), ("DECIMAL(38,2)", Decimal("5.00")), ("INTEGER", 5)]
)
def test_a_key_that_changed_its_type_is_the_same_key(
    tmp_path: Path, kind: str, key: object
) -> None:
    retyped = {**COLUMNS, "visits": kind}
    found = compared(tmp_path, [("1", "a", 5)], [("1", "a", key)], ("visits",), retyped)
    assert found.is_empty
