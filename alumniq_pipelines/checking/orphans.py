"""Orphans: staged rows whose foreign key refers to a row that is not there.

A key with a blank in it refers to nothing. What is compared are published values, with defaults.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt

from alumniq_pipelines.checking.lost_zeros import LostZeros, find_known_with_zeros
from alumniq_pipelines.checking.reference_rows import ReferencedRows
from alumniq_pipelines.checking.staging import Staging
from alumniq_pipelines.checking.structure.block import Mask, Positions
from alumniq_pipelines.core.database_paths import database_path
from alumniq_pipelines.core.feeds.column_types import (
    DUCKDB_TEXT,
    SPECS_BY_DUCKDB_TYPE,
    Comparison,
    common_comparisons,
)
from alumniq_pipelines.core.feeds.field_map import ForeignKey
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable
from alumniq_pipelines.core.sql_text import identifier, literal

ROWS_PER_BATCH = 1_000_000
Places = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class OtherRows:
    """The rows of another feed, attached; `types` are those of its columns."""

    staging: Staging
    table: str
    types: Mapping[str, str]

    def orphans(self, key: ForeignKey) -> Iterator[Positions]:
        """Find the rows whose key has no partner here, in order."""
        self.staging.run(
            f"CREATE OR REPLACE TABLE aside.orphans AS SELECT file.rowid AS row "
            f"FROM {self.staging.table} AS file ANTI JOIN "
            f"(SELECT {_referenced_columns(key)} FROM {self.table}"
            f"{_where_clause(key, self.types)}) AS partner "
            f"ON {_join_condition(key, types_of(self.staging, self.staging.table), self.types)} "
            f"WHERE {_key_present(key)} ORDER BY row"
        )
        for begin in range(0, self.staging.count("aside.orphans"), ROWS_PER_BATCH):
            found = self.staging.run(
                "SELECT row FROM aside.orphans "
                f"WHERE rowid BETWEEN {begin} AND {begin + ROWS_PER_BATCH - 1} ORDER BY rowid"
            ).fetchnumpy()
            yield np.asarray(found["row"])

    def find_lost_zeros(self, key: ForeignKey) -> LostZeros | None:
        """Find rows whose key of one text would have a partner, were zeros put in front."""
        ours = types_of(self.staging, self.staging.table)
        if len(key.fields) > 1 or ours[key.fields[0]] != DUCKDB_TEXT:
            return None
        if self.types[key.reference.fields[0]] != DUCKDB_TEXT:
            return None
        referenced = (
            f"SELECT {_referenced_columns(key)} FROM {self.table}{_where_clause(key, self.types)}"
        )
        known = f"SELECT p0 AS text FROM ({referenced})"
        return find_known_with_zeros(self.staging, key.fields[0], known)


@dataclass(frozen=True, slots=True)
class Links:
    """The rows of a file that refer to one of the same file, and that row: -1 where there is none.

    Both by their places; in the order of `referenced`.
    """

    rows: Places
    referenced: Places

    def orphans(self, rejected: Mask) -> Positions:
        """List the rows whose partner is missing or rejected, in order."""
        is_orphan = (self.referenced < 0) | rejected[self.referenced]
        found: Positions = np.sort(self.rows[is_orphan]).astype(np.int64)
        return found

    def starts(self, rows: int) -> Places:
        """Tell where those begin that refer to each row of so many, and where the last end."""
        starts: Places = np.searchsorted(self.referenced, np.arange(rows + 1)).astype(np.int32)
        return starts


@contextmanager
def attach_rows(staging: Staging, referenced: ReferencedRows) -> Iterator[OtherRows]:
    """Lend the rows of another feed beside those that are staged; raises WarehouseUnavailable.

    Once attached they stay readable, also where their version is removed meanwhile.
    """
    database = database_path(referenced.database)
    try:
        staging.run(f"ATTACH {literal(database)} AS partners (READ_ONLY)")
    except duckdb.Error as error:
        raise WarehouseUnavailable(type(error).__name__) from None
    try:
        table = f"partners.{identifier(referenced.table)}"
        yield OtherRows(staging, table, types_of(staging, table))
    finally:
        staging.run("DETACH partners")


def types_of(staging: Staging, table: str) -> dict[str, str]:
    """List the columns of a table with their types."""
    return {name: kind for name, kind, *_ in staging.run(f"DESCRIBE {table}").fetchall()}


def find_links(staging: Staging, key: ForeignKey) -> Links:
    """Find which rows of the file refer to which, by a key that refers to the file itself.

    Of several rows with one key it is the first: later ones are rejected for repeating it. A row
    that refers to itself has what it refers to, whatever becomes of it.
    """
    types = types_of(staging, staging.table)
    found = staging.run(
        "SELECT CAST(file.rowid AS INTEGER) AS row, "
        "CAST(coalesce(partner.row, -1) AS INTEGER) AS partner "
        f"FROM {staging.table} AS file LEFT JOIN "
        f"(SELECT {_referenced_columns(key)}, min(rowid) AS row FROM {staging.table}"
        f"{_where_clause(key, types)} GROUP BY ALL) AS partner "
        f"ON {_join_condition(key, types, types)} "
        f"WHERE {_key_present(key)} AND partner.row IS DISTINCT FROM file.rowid ORDER BY partner"
    ).fetchnumpy()
    return Links(np.asarray(found["row"]), np.asarray(found["partner"]))


def propagate_rejections(rejected: Mask, every: Sequence[Links]) -> Mask:
    """Mark the rows that are rejected once all are that refer to a missing or rejected row.

    Every row falls once, and every reference is followed once, however long their chains are.
    """
    marked = rejected.copy()
    for key_links in every:
        marked[key_links.rows[key_links.referenced < 0]] = True
    if marked.any():
        referring = [(key_links.rows.data, key_links.starts(len(marked))) for key_links in every]
        has_any = np.any([starts[1:] > starts[:-1] for _, starts in referring], axis=0)
        first = np.flatnonzero(marked & has_any)
        ways = [(rows, starts.data) for rows, starts in referring]
        for begin in range(0, len(first), ROWS_PER_BATCH):
            _follow(first[begin : begin + ROWS_PER_BATCH].tolist(), ways, marked.data)
    return marked


def _follow(
    pending: list[int], ways: Sequence[tuple[memoryview, memoryview]], marked: memoryview
) -> None:
    """Mark what refers to some rows, what refers to those, and so on."""
    while pending:
        row = pending.pop()
        for rows, starts in ways:
            for referring in rows[starts[row] : starts[row + 1]]:
                if not marked[referring]:
                    marked[referring] = True
                    pending.append(referring)


def _referenced_columns(key: ForeignKey) -> str:
    """Select the columns that are referred to, as p0, p1, ..."""
    named = enumerate(key.reference.fields)
    return ", ".join(f"{identifier(name)} AS p{index}" for index, name in named)


def _where_clause(key: ForeignKey, types: Mapping[str, str]) -> str:
    """Write which rows may be referred to at all, by the types of the columns there."""
    conditions = " AND ".join(
        # By value, not by text: a number 5 is published as 5.0.
        f"{identifier(name)} = try_cast({literal(value)} AS {types[name]})"
        for name, value in key.alumniq.where
    )
    return f" WHERE {conditions}" if conditions else ""


def _key_present(key: ForeignKey) -> str:
    return " AND ".join(f"file.{identifier(name)} IS NOT NULL" for name in key.fields)


def _join_condition(key: ForeignKey, ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """Write the condition under which a row refers to a partner."""
    pairs = zip(key.fields, key.reference.fields, strict=True)
    return " AND ".join(
        _equal(f"file.{identifier(name)}", ours[name], f"partner.p{index}", theirs[referred])
        for index, (name, referred) in enumerate(pairs)
    )


def _equal(left: str, left_type: str, right: str, right_type: str) -> str:
    """Write that two cells are equal: by value where their types can be, else by their text."""
    common = common_comparisons(SPECS_BY_DUCKDB_TYPE[left_type], SPECS_BY_DUCKDB_TYPE[right_type])
    if left_type == right_type or common - {Comparison.BY_TEXT}:
        return f"{left} = {right}"
    return f"CAST({left} AS {DUCKDB_TEXT}) = CAST({right} AS {DUCKDB_TEXT})"
