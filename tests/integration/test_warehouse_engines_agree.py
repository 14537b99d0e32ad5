"""Whatever rows are published, both engines give back the same: values, types and nulls."""

import string
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from alumniq_pipelines.core.feeds.column_types import MAX_DECIMALS, SPECS_BY_DUCKDB_TYPE
from alumniq_pipelines.core.loads.load import new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import AcceptedRows, Warehouse
from tests.accepted_rows import NO_GAPS, small_field_map

MEMBERS = Target("iqu", Environment.QA, "members")
BIG = Context(prec=38)
AWKWARD = "\\.,\"'\n\r\t\1 ;|#%{}nulNUL\\N"


def exact_numbers(places: int) -> tuple[pa.DataType, st.SearchStrategy[object]]:
    """Return the type of numbers with so many decimals, and numbers of up to 38 digits."""
    whole = st.integers(-(10**38) + 1, 10**38 - 1)
    return pa.decimal128(38, places), whole.map(lambda number: Decimal(number).scaleb(-places, BIG))


TYPES: dict[str, tuple[pa.DataType, st.SearchStrategy[object]]] = {
    "VARCHAR": (
        pa.string(),
        st.text(AWKWARD) | st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    ),
    "BIGINT": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "INTEGER": (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    "DOUBLE": (pa.float64(), st.floats(allow_nan=False)),
    "BOOLEAN": (pa.bool_(), st.booleans()),
    "DATE": (pa.date32(), st.dates(date(1, 1, 1))),
    "TIMESTAMP": (pa.timestamp("us"), st.datetimes()),
    "TIME": (pa.time64("us"), st.times()),
    **{f"DECIMAL(38,{places})": exact_numbers(places) for places in range(MAX_DECIMALS + 1)},
}
"""The types of columns as DuckDB names them, and values for them."""

NAMES = st.text(string.ascii_letters + "_ \"'é", min_size=1, max_size=12)


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Draw columns of any types, and rows for them."""
    kinds = draw(st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=5))
    names = draw(st.lists(NAMES, min_size=len(kinds), max_size=len(kinds), unique_by=str.casefold))
    cells = [st.none() | TYPES[kind][1] for kind in kinds]
    rows = draw(st.lists(st.tuples(*cells), max_size=8))
    columns = [
        pa.array([row[index] for row in rows], TYPES[kind][0]) for index, kind in enumerate(kinds)
    ]
    return pa.table(columns, names=names)


def staged(folder: Path, table: pa.Table) -> AcceptedRows:
    """Stage a table as a load does."""
    database = folder / "accepted.duckdb"
    with duckdb.connect(database) as connection:
        connection.register("drawn", table)
        connection.execute("create table accepted as from drawn")
        connection.execute(NO_GAPS)
    return AcceptedRows(
        database=database,
        table="accepted",
        columns=tuple(table.column_names),
        rows=table.num_rows,
        sha256="hash",
        etag=None,
    )


def given_back(warehouse: Warehouse, folder: Path) -> tuple[Sequence[object], Sequence[object]]:
    """Read the live version's columns and rows, in order."""
    folder.mkdir()
    live = warehouse.live_rows(MEMBERS, folder)
    assert live is not None
    with duckdb.connect(live.database, read_only=True) as connection:
        columns = connection.execute(f"describe {live.table}").fetchall()
        return [column[:2] for column in columns], connection.table(live.table).fetchall()


def test_every_type_of_the_language_is_published() -> None:
    assert TYPES.keys() == SPECS_BY_DUCKDB_TYPE.keys()


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(tables())
@example(pa.table({"only": pa.array(["\\.", None, "", "\n", "\r\n", '"', "a\n\\.\nb"])}))
@example(pa.table({"a": ["a\r"], "b": ["\r"]}))
@example(pa.table({"a": ["\t", "\1", "a\1b", "\\N", "\\\\t", None], "b": [1, 2, None, 4, 5, 6]}))
@example(pa.table({"a": ["\\.", "", None], "b": pa.array([None, None, None], pa.string())}))
def test_both_engines_give_back_the_same_rows(postgres_url: str, table: pa.Table) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        stores: list[Warehouse] = [DuckDBWarehouse(folder / "w"), PostgresWarehouse(postgres_url)]
        found = []
        for index, warehouse in enumerate(stores):
            live = warehouse.live(MEMBERS)
            own = folder / str(index)
            own.mkdir()
            warehouse.publish(
                MEMBERS,
                small_field_map("members"),
                staged(own, table),
                number=live.number + 1 if live else 1,
                job_id=new_job_id(),
                now=datetime.now(UTC),
            )
            found.append(given_back(warehouse, own / "back"))
    assert found[0] == found[1]
