"""Count the cells that a spreadsheet has damaged, in SQL, if there is any sign of them."""

from collections.abc import Iterator
from dataclasses import dataclass

from alumniq_pipelines.checking.header import Header
from alumniq_pipelines.checking.spreadsheet_damage import Damage, damages_of
from alumniq_pipelines.checking.sql_checks import damage_condition
from alumniq_pipelines.checking.staging import Staging, column_text_sql, read_csv_sql
from alumniq_pipelines.checking.structure.scan import RegularText
from alumniq_pipelines.core.sql_text import literal


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedCells:
    """Cells of a column that are damaged in one way; `first` is the index of a staged row."""

    damage: Damage
    column: str
    count: int
    first: int


def count_suspect_damage(staging: Staging) -> Iterator[DamagedCells]:
    """Yield the damage among suspect cells, which are staged already; no errors in text columns."""
    cases = " ".join(
        f"WHEN {damage_condition('text', [damage])} THEN {literal(damage)}" for damage in Damage
    )
    found = staging.run(
        f"SELECT column_index, CASE {cases} END AS damage, count(*), min(row) FROM aside.suspects "
        "WHERE damage IS NOT NULL GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    for index, kind, count, first in found:
        column, damage = staging.field_map.columns[index], Damage(kind)
        # In text columns, `count_text_errors` counts all errors, also those that break no rule.
        is_counted_elsewhere = damage is Damage.ERROR and column.type == "string"
        if damage in damages_of(column, staging.field_map) and not is_counted_elsewhere:
            yield DamagedCells(damage=damage, column=column.name, count=count, first=first)


def count_text_errors(
    staging: Staging, text: RegularText, header: Header
) -> Iterator[DamagedCells]:
    """Yield the error values in all text columns, including the sender's own.

    The file is read once more for it, since staging does not screen for them.
    """
    columns = {name: staging.field_map.column(name) for name in header.sources}
    names = [name for name, column in columns.items() if column is None or column.type == "string"]
    if not names:
        return
    conditions = [damage_condition(column_text_sql(name, header), [Damage.ERROR]) for name in names]
    counted = ", ".join(
        f"count(*) FILTER {condition}, min(row) FILTER {condition}" for condition in conditions
    )
    found = staging.run(
        f"SELECT {counted} FROM (SELECT *, row_number() OVER () - 1 AS row "
        f"FROM {read_csv_sql(text, staging.field_map)}) WHERE {' OR '.join(conditions)}"
    ).fetchall()[0]
    for name, count, first in zip(names, found[::2], found[1::2], strict=True):
        if count:
            yield DamagedCells(damage=Damage.ERROR, column=name, count=count, first=first)
