"""Find orphans: staged rows whose foreign key refers to a row that does not exist.

A key with a blank in it refers to nothing. Published values are compared, with defaults filled in.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt

from alumniq_pipelines.checking.comparable_cells import comparable
from alumniq_pipelines.checking.lost_zeros import LostZeros, find_known_with_zeros
from alumniq_pipelines.checking.reference_rows import ReferencedRows
from alumniq_pipelines.checking.staging import Staging
from alumniq_pipelines.checking.structure.block import Mask, Positions
from alumniq_pipelines.core.database_paths import database_path
from alumniq_pipelines.core.feeds.column_types import DUCKDB_TEXT
from alumniq_pipelines.core.feeds.field_map import ForeignKey
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable
from alumniq_pipelines.core.sql_text import identifier, literal

ROWS_PER_BATCH = 1_000_000

RowIndexes = npt.NDArray[np.int32]
"""Indexes of staged rows: 32 bits are enough for 100,000,000 rows, and half the memory."""


@dataclass(frozen=True, slots=True)
class OtherRows:
    """The attached rows of another feed, and the types of their columns."""

    staging: Staging
    table: str
    types: Mapping[str, str]

    def orphans(self, key: ForeignKey) -> Iterator[Positions]:
        """Yield the staged rows whose key matches no row here, in order."""
        ours = self.staging.column_types(self.staging.table)
        referenced = (
            f"SELECT {_referenced_columns(key)} FROM {self.table}{_where_clause(key, self.types)}"
        )
        self.staging.run(
            "CREATE OR REPLACE TABLE aside.orphans AS SELECT file.rowid AS row "
            f"FROM {self.staging.table} AS file ANTI JOIN ({referenced}) AS referenced "
            f"ON {_join_condition(key, ours, self.types)} WHERE {_key_present(key)} ORDER BY row"
        )
        for begin in range(0, self.staging.count("aside.orphans"), ROWS_PER_BATCH):
            found = self.staging.run(
                "SELECT row FROM aside.orphans "
                f"WHERE rowid BETWEEN {begin} AND {begin + ROWS_PER_BATCH - 1} ORDER BY rowid"
            ).fetchnumpy()
            yield np.asarray(found["row"])

    def find_lost_zeros(self, key: ForeignKey) -> LostZeros | None:
        """Return how many keys would match once zeros are put in front; keys of one text only."""
        ours = self.staging.column_types(self.staging.table)
        if len(key.fields) > 1 or ours[key.fields[0]] != DUCKDB_TEXT:
            return None
        if self.types[key.reference.fields[0]] != DUCKDB_TEXT:
            return None
        referenced = (
            f"SELECT {_referenced_columns(key)} FROM {self.table}{_where_clause(key, self.types)}"
        )
        known = f"SELECT r0 AS text FROM ({referenced})"
        return find_known_with_zeros(self.staging, key.fields[0], known)


@dataclass(frozen=True, slots=True)
class Links:
    """References within the file: the rows that refer, and the rows referred to, -1 if missing.

    In the order of `referenced`.
    """

    rows: RowIndexes
    referenced: RowIndexes

    def orphans(self, rejected: Mask) -> Positions:
        """Return the rows that refer to a missing or rejected row, in order."""
        # Index -1 reads the last row's mark, which the test before it makes irrelevant.
        is_orphan = (self.referenced < 0) | rejected[self.referenced]
        found: Positions = np.sort(self.rows[is_orphan]).astype(np.int64)
        return found

    def starts(self, rows: int) -> RowIndexes:
        """Return where the links to each of so many rows start, and where the last ones end."""
        starts: RowIndexes = np.searchsorted(self.referenced, np.arange(rows + 1)).astype(np.int32)
        return starts


@contextmanager
def attach_rows(staging: Staging, referenced: ReferencedRows) -> Iterator[OtherRows]:
    """Attach the rows of another feed beside the staged ones; raises WarehouseUnavailable.

    Once attached they stay readable, even if their version is removed in the meantime.
    """
    database = database_path(referenced.database)
    try:
        staging.run(f"ATTACH {literal(database)} AS referenced_feed (READ_ONLY)")
    except duckdb.Error as error:
        raise WarehouseUnavailable(type(error).__name__) from None
    try:
        table = f"referenced_feed.{identifier(referenced.table)}"
        yield OtherRows(staging, table, staging.column_types(table))
    finally:
        staging.run("DETACH referenced_feed")


def find_links(staging: Staging, key: ForeignKey) -> Links:
    """Return which rows of the file refer to which, by a key that refers to the file itself."""
    types = staging.column_types(staging.table)
    # Of several rows with one key, the first counts: later ones are rejected as duplicates. A row
    # that refers to itself is left out: it matches, whatever becomes of it.
    found = staging.run(
        "SELECT CAST(file.rowid AS INTEGER) AS row, "
        "CAST(coalesce(referenced.row, -1) AS INTEGER) AS referenced_row "
        f"FROM {staging.table} AS file LEFT JOIN "
        f"(SELECT {_referenced_columns(key)}, min(rowid) AS row FROM {staging.table}"
        f"{_where_clause(key, types)} GROUP BY ALL) AS referenced "
        f"ON {_join_condition(key, types, types)} "
        f"WHERE {_key_present(key)} AND referenced.row IS DISTINCT FROM file.rowid "
        "ORDER BY referenced_row"
    ).fetchnumpy()
    return Links(np.asarray(found["row"]), np.asarray(found["referenced_row"]))


def propagate_rejections(rejected: Mask, links: Sequence[Links]) -> Mask:
    """Return the rows that are rejected once all are that refer to a missing or rejected row.

    Every row is visited once and every reference followed once, however long the chains are.
    """
    marked = rejected.copy()
    for key_links in links:
        marked[key_links.rows[key_links.referenced < 0]] = True
    if not marked.any():
        return marked
    referring = [(key_links.rows.data, key_links.starts(len(marked))) for key_links in links]
    # Begin only with marked rows that some row refers to: of the others nothing follows.
    has_any = np.any([starts[1:] > starts[:-1] for _rows, starts in referring], axis=0)
    first = np.flatnonzero(marked & has_any)
    # Memoryviews: reading one element of an array costs Python several times as much.
    links_to = [(rows, starts.data) for rows, starts in referring]
    for begin in range(0, len(first), ROWS_PER_BATCH):
        _mark_referring(first[begin : begin + ROWS_PER_BATCH].tolist(), links_to, marked.data)
    return marked


def _mark_referring(
    pending: list[int], links_to: Sequence[tuple[memoryview, memoryview]], marked: memoryview
) -> None:
    """Mark the rows that refer to the pending ones, those that refer to them, and so on."""
    while pending:
        row = pending.pop()
        for rows, starts in links_to:
            for referring in rows[starts[row] : starts[row + 1]]:
                if not marked[referring]:
                    marked[referring] = True
                    pending.append(referring)


def _referenced_columns(key: ForeignKey) -> str:
    """Return the SQL of the columns that are referred to, as r0, r1, ..."""
    # Under names of our own: the columns of both sides may have the same.
    named = enumerate(key.reference.fields)
    return ", ".join(f"{identifier(name)} AS r{index}" for index, name in named)


def _where_clause(key: ForeignKey, types: Mapping[str, str]) -> str:
    """Return the SQL condition on the rows that may be referred to; `types` are their columns."""
    conditions = " AND ".join(
        # By value, not by text: a number 5 is published as 5.0.
        f"{identifier(name)} = try_cast({literal(value)} AS {types[name]})"
        for name, value in key.alumniq.where
    )
    return f" WHERE {conditions}" if conditions else ""


def _key_present(key: ForeignKey) -> str:
    return " AND ".join(f"file.{identifier(name)} IS NOT NULL" for name in key.fields)


def _join_condition(key: ForeignKey, ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """Return the SQL condition that a row refers to another, by the types of both sides."""
    pairs = zip(key.fields, key.reference.fields, strict=True)
    return " AND ".join(
        _equal(f"file.{identifier(name)}", ours[name], f"referenced.r{index}", theirs[referred])
        for index, (name, referred) in enumerate(pairs)
    )


def _equal(left: str, left_type: str, right: str, right_type: str) -> str:
    """Return the SQL condition that two cells are equal: by value if their types allow it."""
    return f"{comparable(left, left_type, right_type)} = {comparable(right, right_type, left_type)}"
