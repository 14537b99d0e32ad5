"""Count the cells that look damaged, in SQL, if there is any sign of them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from alumniq_pipelines.checking.header import Header
from alumniq_pipelines.checking.sql_checks import damage_condition, damage_kind
from alumniq_pipelines.checking.staging import Staging
from alumniq_pipelines.checking.staging_sql import column_text_sql, read_csv_sql
from alumniq_pipelines.checking.structure.block import Positions
from alumniq_pipelines.checking.structure.scan import RegularText
from alumniq_pipelines.checking.text_damage import (
    BY_SPREADSHEETS,
    CERTAIN_IN_KEYS,
    PROBABLE_IN_KEYS,
    Damage,
    damages_of,
    is_free_key,
)
from alumniq_pipelines.core.feeds.field_map import Column
from alumniq_pipelines.core.feeds.values import VISIBLE
from alumniq_pipelines.core.sql_text import literal

WHOLE_COLUMN = 0.9
"""A program that reads keys as numbers writes all of them with a decimal point, or nearly all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """A damage that cells of a column may have, and the SQL condition of those that have it."""

    damage: Damage
    column: str
    condition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedCells:
    """Cells of a column that are damaged in one way; `first` is the index of a staged row."""

    damage: Damage
    column: str
    count: int
    first: int


def find_damaged_keys(staging: Staging) -> Iterator[tuple[Column, Damage, Positions]]:
    """Yield the rows, by index, in which a column of the primary key is damaged.

    A value counts for one damage only, the first one that it shows; blanks around it hide none.
    """
    certain = damage_kind("trim(text, ' \t')", CERTAIN_IN_KEYS)
    kind_sql = f"coalesce({certain}, {damage_kind('text', PROBABLE_IN_KEYS)})"
    for index, column in enumerate(staging.field_map.columns):
        if not is_free_key(column, staging.field_map):
            continue
        found = staging.run(
            f"SELECT row, {kind_sql} AS damage FROM aside.suspects "
            f"WHERE column_index = {index} AND damage IS NOT NULL "
            # What looks blank is reported as that.
            f"AND regexp_matches(text, {literal(VISIBLE.pattern)}) ORDER BY row"
        ).fetchnumpy()
        kinds = np.asarray(found["damage"])
        for found_kind in dict.fromkeys(kinds.tolist()):
            rows = np.asarray(found["row"], np.int64)[kinds == found_kind]
            kind = Damage(found_kind)
            if kind is Damage.DECIMAL and len(rows) < WHOLE_COLUMN * staging.count(staging.table):
                kind = Damage.SOME_DECIMALS
            yield column, kind, rows


def count_suspect_damage(staging: Staging) -> Iterator[DamagedCells]:
    """Yield the damage among suspect cells, which are staged already.

    Errors in text columns are counted by `count_damage`, keys by `find_damaged_keys`.
    """
    found = staging.run(
        f"SELECT column_index, {damage_kind('text', BY_SPREADSHEETS)} AS damage, count(*), "
        "min(row) FROM aside.suspects WHERE damage IS NOT NULL GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    for index, kind, count, first in found:
        column, damage = staging.field_map.columns[index], Damage(kind)
        # In text columns, all errors are counted, also those that break no rule.
        is_counted_elsewhere = is_free_key(column, staging.field_map) or (
            damage is Damage.ERROR and column.type == "string"
        )
        if damage in damages_of(column, staging.field_map) and not is_counted_elsewhere:
            yield DamagedCells(damage=damage, column=column.name, count=count, first=first)


def suspect_everywhere(
    staging: Staging, header: Header, damages: Collection[Damage]
) -> Iterator[Suspicion]:
    """Yield some kinds of damage for each text column of a file, including the sender's own."""
    for name in header.sources:
        column = staging.field_map.column(name)
        if column is not None and column.type != "string":
            continue
        for damage in sorted(damages):
            # In keys, an error value rejects its row.
            is_key = column is not None and is_free_key(column, staging.field_map)
            if not (is_key and damage is Damage.ERROR):
                condition = damage_condition(column_text_sql(name, header), [damage])
                yield Suspicion(damage=damage, column=name, condition=condition)


def count_damage(
    staging: Staging, text: RegularText, suspicions: Sequence[Suspicion]
) -> Iterator[DamagedCells]:
    """Yield the damage that is found where it is suspected.

    The file is read once more for it, since staging does not screen for it.
    """
    if not suspicions:
        return
    conditions = [suspicion.condition for suspicion in suspicions]
    counted = ", ".join(
        f"count_if{condition}, min(CASE WHEN {condition} THEN row END)" for condition in conditions
    )
    found = staging.run(
        f"SELECT {counted} FROM (SELECT *, row_number() OVER () - 1 AS row "
        f"FROM {read_csv_sql(text, staging.field_map)}) WHERE {' OR '.join(conditions)}"
    ).fetchall()[0]
    for suspicion, count, first in zip(suspicions, found[::2], found[1::2], strict=True):
        if count:
            damage, column = suspicion.damage, suspicion.column
            yield DamagedCells(damage=damage, column=column, count=count, first=first)
