"""Compare the accepted rows with the live version, by key and a hash of each row.

Whole rows are read once on each side and only their hashes are joined, so memory stays bounded.
Rows that differ are read a second time, to find the columns in which they do.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from alumniq_pipelines.checking.comparable_cells import comparable
from alumniq_pipelines.checking.lost_zeros import LostZeros, find_known_with_zeros
from alumniq_pipelines.checking.row_profile import count_filled
from alumniq_pipelines.checking.staging import Staging
from alumniq_pipelines.core.database_paths import database_path
from alumniq_pipelines.core.feeds.column_types import DUCKDB_TEXT
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.version_profile import Profile
from alumniq_pipelines.core.loads.warehouse import LiveRows
from alumniq_pipelines.core.sql_text import identifier, literal

PAIRS = "aside.pairs"
"""Rows that are only on one side, or differ: their `rowid` on both sides."""

HALF_OF_HASH = 2**32 - 1
"""The mask of the lower 32 bits of a hash."""


def compare(
    staging: Staging, live: LiveRows, known: Profile | None = None
) -> tuple[Changes, Mapping[str, int]]:
    """Return how the staged rows, once only accepted ones are left, differ from the live version.

    Beside that, return the filled rows of each column of the live version: those in its profile, if
    it is `known`, are not counted again, but for columns with a default.
    """
    with _attach_live_rows(staging, live) as sides:
        key = staging.field_map.table_schema.primary_key
        has_key = bool(key) and set(key) <= set(sides.shared)
        changes = sides.by_key(key) if has_key else sides.as_multisets()
        return changes, sides.live_fill(known)


def find_lost_zeros(staging: Staging, live: LiveRows) -> Iterator[LostZeros]:
    """Yield key columns that match more of the live version once zeros are put in front."""
    with _attach_live_rows(staging, live) as sides:
        for name in staging.field_map.table_schema.primary_key:
            if found := sides.find_lost_zeros(name):
                yield found


@contextmanager
def _attach_live_rows(staging: Staging, live: LiveRows) -> Iterator["_Sides"]:
    staging.run(f"ATTACH {literal(database_path(live.database))} AS live (READ_ONLY)")
    try:
        yield _Sides(staging, f"live.{identifier(live.table)}")
    finally:
        staging.run("DETACH live")


class _Sides:
    """The staged rows (`new`), the live rows (`old`), and the columns that both have."""

    def __init__(self, staging: Staging, live_table: str) -> None:
        self.staging = staging
        self.tables = staging.table, live_table
        new, old = self.types = (
            staging.column_types(staging.table),
            staging.column_types(live_table),
        )
        self.shared = tuple(name for name in new if name in old)
        # Of the new and the old side: they differ where a column changed its type.
        self.cells = tuple(
            {name: comparable(identifier(name), ours[name], theirs[name]) for name in self.shared}
            for ours, theirs in ((new, old), (old, new))
        )
        self.new_columns = tuple(name for name in new if name not in old)
        self.gone_columns = tuple(name for name in old if name not in new)

    def by_key(self, key: Sequence[str]) -> Changes:
        """Return the changes of rows that are identified by their key."""
        aliases = [f"k{index}" for index in range(len(key))]
        halves = []
        for table, cells in zip(self.tables, self.cells, strict=True):
            named = zip(key, aliases, strict=True)
            keys = ", ".join(f"{cells[name]} AS {alias}" for name, alias in named)
            hashed = _row_hash(cells, without=key)
            halves.append(f"(SELECT {keys}, {hashed} AS hash, rowid AS row FROM {table})")
        self.staging.run(
            f"CREATE OR REPLACE TABLE {PAIRS} AS SELECT new.row AS new_row, old.row AS old_row "
            f"FROM {halves[0]} AS new FULL JOIN {halves[1]} AS old USING ({', '.join(aliases)}) "
            "WHERE new.hash IS DISTINCT FROM old.hash"
        )
        # DISTINCT: live rows may repeat a key that the field map has declared since.
        only_new, only_old, differing = self.staging.run(
            "SELECT count(*) FILTER (old_row IS NULL), count(*) FILTER (new_row IS NULL), "
            f"count(DISTINCT new_row) FILTER (old_row IS NOT NULL) FROM {PAIRS}"
        ).fetchall()[0]
        columns = self._columns_changed(key) if differing else {}
        unchanged = self.staging.count(self.tables[1]) - only_old - differing
        return self._changes(only_new, differing, only_old, unchanged, columns)

    def as_multisets(self) -> Changes:
        """Return the changes where the two sides share no key: rows that one side has more of."""
        halves = [
            f"(SELECT {_row_hash(cells)} AS hash, count(*) AS rows FROM {table} GROUP BY hash)"
            for table, cells in zip(self.tables, self.cells, strict=True)
        ]
        more = "greatest(coalesce({}.rows, 0) - coalesce({}.rows, 0), 0)"
        added, removed = self.staging.run(
            f"SELECT coalesce(sum({more.format('new', 'old')}), 0)::BIGINT, "
            f"coalesce(sum({more.format('old', 'new')}), 0)::BIGINT "
            f"FROM {halves[0]} AS new FULL JOIN {halves[1]} AS old USING (hash)"
        ).fetchall()[0]
        unchanged = self.staging.count(self.tables[1]) - removed
        return self._changes(added, 0, removed, unchanged, {})

    def live_fill(self, known: Profile | None) -> Mapping[str, int]:
        """Return the filled rows of each column of the live version."""
        filled = known.filled_without_defaults(self.staging.field_map) if known else {}
        old = self.types[1]
        missing = {name: kind for name, kind in old.items() if name.casefold() not in filled}
        counted = count_filled(self.staging, self.tables[1], missing)
        return {name: counted.get(name, filled.get(name.casefold(), 0)) for name in old}

    def find_lost_zeros(self, name: str) -> LostZeros | None:
        """Return the rows whose text the live version only has with zeros in front."""
        if any(types.get(name) != DUCKDB_TEXT for types in self.types):
            return None
        known = f"SELECT {identifier(name)} AS text FROM {self.tables[1]}"
        return find_known_with_zeros(self.staging, name, known)

    def _columns_changed(self, key: Sequence[str]) -> Mapping[str, int]:
        """Return in how many rows each column differs, most frequent first."""
        # By half a hash of each cell: to join the cells themselves, where nearly every row differs,
        # takes three times as long and more memory than there is. A change is missed once in four
        # billion.
        names = [name for name in self.shared if name not in key]
        differing = ", ".join(
            f"count(*) FILTER (new.{index} IS DISTINCT FROM old.{index})"
            for index in (f"c{index}" for index in range(len(names)))
        )
        halves = []
        for table, cells in zip(self.tables, self.cells, strict=True):
            hashes = ", ".join(
                f"CAST(hash({cells[name]}) & {HALF_OF_HASH} AS UINTEGER) AS c{index}"
                for index, name in enumerate(names)
            )
            halves.append(f"(SELECT rowid AS row, {hashes} FROM {table})")
        counts = self.staging.run(
            f"SELECT {differing} FROM {PAIRS} AS pairs JOIN {halves[0]} AS new "
            f"ON new.row = pairs.new_row JOIN {halves[1]} AS old ON old.row = pairs.old_row"
        ).fetchall()[0]
        found = sorted(zip(names, counts, strict=True), key=lambda column_count: -column_count[1])
        return {name: count for name, count in found if count}

    def _changes(
        self, added: int, changed: int, removed: int, unchanged: int, columns: Mapping[str, int]
    ) -> Changes:
        return Changes(
            added=added,
            changed=changed,
            removed=removed,
            unchanged=unchanged,
            columns=columns,
            new_columns=self.new_columns,
            gone_columns=self.gone_columns,
        )


def _row_hash(cells: Mapping[str, str], without: Sequence[str] = ()) -> str:
    hashed = [cell for name, cell in cells.items() if name not in without]
    return f"hash({', '.join(hashed)})" if hashed else "0"
