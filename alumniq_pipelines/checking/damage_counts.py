"""Counting the cells that a spreadsheet has damaged, in SQL, where a sign of any was seen."""

from collections.abc import Iterator
from dataclasses import dataclass

from alumniq_pipelines.checking.header import Header
from alumniq_pipelines.checking.spreadsheet_damage import Damage, damages_of
from alumniq_pipelines.checking.sql_checks import damaged
from alumniq_pipelines.checking.staging import Staging, reader, text_in_reader
from alumniq_pipelines.checking.structure.scan import RegularText
from alumniq_pipelines.core.sql_text import literal


@dataclass(frozen=True, slots=True)
class Damaged:
    """Cells of a column that are damaged in one way; `first` is a place among the staged rows."""

    damage: Damage
    column: str
    count: int
    first: int


def damaged_suspects(staging: Staging) -> Iterator[Damaged]:
    """Count what the screen has caught, once all of it was judged; not errors in texts."""
    kinds = " ".join(f"WHEN {damaged('text', [each])} THEN {literal(each)}" for each in Damage)
    found = staging.run(
        f"SELECT place, CASE {kinds} END AS damage, count(*), min(row) FROM aside.suspects "
        "WHERE damage IS NOT NULL GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    for place, kind, count, first in found:
        column, damage = staging.field_map.columns[place], Damage(kind)
        is_counted_elsewhere = damage is Damage.ERROR and column.type == "string"
        if damage in damages_of(column, staging.field_map) and not is_counted_elsewhere:
            yield Damaged(damage, column.name, count, first)


def errors_in_texts(staging: Staging, text: RegularText, header: Header) -> Iterator[Damaged]:
    """Count the errors in all columns of text, also the sender's own, by one more reading."""
    columns = {name: staging.field_map.column(name) for name in header.sources}
    names = [name for name, column in columns.items() if column is None or column.type == "string"]
    if not names:
        return
    conditions = [damaged(text_in_reader(name, header), [Damage.ERROR]) for name in names]
    counted = ", ".join(f"count(*) FILTER {each}, min(row) FILTER {each}" for each in conditions)
    found = staging.run(
        f"SELECT {counted} FROM (SELECT *, row_number() OVER () - 1 AS row "
        f"FROM {reader(text, staging.field_map)}) WHERE {' OR '.join(conditions)}"
    ).fetchall()[0]
    for name, count, first in zip(names, found[::2], found[1::2], strict=True):
        if count:
            yield Damaged(Damage.ERROR, name, count, first)
