"""What is told of a judged file beside its faults: what probably lies behind them.

Only files with faults, or with cells that look damaged, are looked at a second time; of those, few
rows.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from alumniq_pipelines.checking.column_shift import LEAST_ROWS, ROWS_OF_A_PROBE, Ruler, Shift
from alumniq_pipelines.checking.damage_counts import damaged_suspects, errors_in_texts
from alumniq_pipelines.checking.header import Header
from alumniq_pipelines.checking.hints import common_roots, damage_hint, root_hint, shift_hint
from alumniq_pipelines.checking.rules import CELL_RULES, Rule
from alumniq_pipelines.checking.staging import Staging
from alumniq_pipelines.checking.structure.blocks import values_of
from alumniq_pipelines.checking.structure.scan import Structure
from alumniq_pipelines.checking.tally import Found, Tally


def hints(staging: Staging, structure: Structure, header: Header, tally: Tally) -> tuple[str, ...]:
    """Say what probably lies behind what was found while a file was judged."""
    found = list(tally.found())
    shift = _shift(staging, structure, header, found)
    if shift is not None:
        found = [each for each in found if not _is_explained(each, shift)]
    return (
        *_shift_hints(shift, structure, header),
        *_root_hints(found, structure),
        *_damage_hints(staging, structure, header),
    )


def _shift(
    staging: Staging, structure: Structure, header: Header, found: Sequence[Found]
) -> Shift | None:
    """Look for shifted values where enough cells are wrong."""
    wrong = sum(each.count for each in found if each.subject.rule in CELL_RULES)
    if wrong < LEAST_ROWS:
        return None
    field_map = staging.field_map
    names = {place: name for name, place in header.sources.items()}
    columns = [field_map.column(names.get(place, "")) for place in range(header.width)]
    ruler = Ruler(columns, field_map.table_schema.missing_values)
    return ruler.find_shift(structure.rows_read, partial(_rows, structure, header))


def _rows(structure: Structure, header: Header, rows: Sequence[int]) -> list[list[str]]:
    quote = structure.text.layout.quote
    passages = structure.passages_of(np.array(rows, dtype=np.int64))
    return [values_of(record.decode(), header.delimiter, quote) for _line, record in passages]


def _is_explained(found: Found, shift: Shift) -> bool:
    """Whether a fault begins with the shift, or a few rows before: not every row tells of it."""
    begins_there = found.first_row > shift.row - ROWS_OF_A_PROBE
    return begins_there and found.subject.rule in {*CELL_RULES, Rule.REQUIRED, Rule.FOREIGN_KEY}


def _shift_hints(shift: Shift | None, structure: Structure, header: Header) -> Iterator[str]:
    if shift is not None:
        line = structure.lines_of([shift.row])[shift.row]
        yield shift_hint(shift, header.names[shift.place], line)


def _root_hints(found: Sequence[Found], structure: Structure) -> Iterator[str]:
    groups = common_roots(found, structure.rows_read)
    lines = structure.lines_of([group[0].first_row for group in groups])
    for group in groups:
        yield root_hint(group, structure.rows_read, lines)


def _damage_hints(staging: Staging, structure: Structure, header: Header) -> Iterator[str]:
    damaged = list(damaged_suspects(staging))
    if structure.shows_errors:
        damaged += errors_in_texts(staging, structure.text, header)
    first = structure.rows_of_file(np.array([each.first for each in damaged], dtype=np.int64))
    rows = first.tolist()
    lines = structure.lines_of(rows)
    for each, row in zip(damaged, rows, strict=True):
        yield damage_hint(each.damage, each.column, each.count, lines[row])
