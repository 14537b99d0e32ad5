"""What is told of a judged file beside its faults: what probably lies behind them.

Only files with faults, or with cells that look damaged, are looked at a second time; of those, few
rows.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from alumniq_pipelines.checking.column_shift import MIN_ROWS, PROBE_ROWS, ColumnShiftDetector, Shift
from alumniq_pipelines.checking.damage_counts import count_suspect_damage, count_text_errors
from alumniq_pipelines.checking.header import Header
from alumniq_pipelines.checking.hints import (
    damage_hint,
    group_by_root_cause,
    root_cause_hint,
    shift_hint,
)
from alumniq_pipelines.checking.rules import CELL_RULES, Rule
from alumniq_pipelines.checking.staging import Staging
from alumniq_pipelines.checking.structure.blocks import parse_record
from alumniq_pipelines.checking.structure.scan import Structure
from alumniq_pipelines.checking.tally import Tally, ViolationCount


def hints(staging: Staging, structure: Structure, header: Header, tally: Tally) -> tuple[str, ...]:
    """Say what probably lies behind what was found while a file was judged."""
    violation_counts = list(tally.violation_counts())
    shift = _find_shift(staging, structure, header, violation_counts)
    if shift is not None:
        violation_counts = [fault for fault in violation_counts if not _is_explained(fault, shift)]
    return (
        *_shift_hints(shift, structure, header),
        *_root_hints(violation_counts, structure),
        *_damage_hints(staging, structure, header),
    )


def _find_shift(
    staging: Staging,
    structure: Structure,
    header: Header,
    violation_counts: Sequence[ViolationCount],
) -> Shift | None:
    """Look for shifted values where enough cells are wrong."""
    wrong = sum(fault.count for fault in violation_counts if fault.violation.rule in CELL_RULES)
    if wrong < MIN_ROWS:
        return None
    field_map = staging.field_map
    names = {index: name for name, index in header.sources.items()}
    columns = [field_map.column(names.get(index, "")) for index in range(header.width)]
    ruler = ColumnShiftDetector(columns, field_map.table_schema.missing_values)
    return ruler.find_shift(structure.rows_read, partial(_read_rows, structure, header))


def _read_rows(structure: Structure, header: Header, rows: Sequence[int]) -> list[list[str]]:
    quote = structure.text.layout.quote
    passages = structure.read_rows(np.array(rows, dtype=np.int64))
    return [parse_record(record.decode(), header.delimiter, quote) for _line, record in passages]


def _is_explained(violation_counts: ViolationCount, shift: Shift) -> bool:
    """Whether a fault begins with the shift, or a few rows before: not every row tells of it."""
    begins_there = violation_counts.first_row > shift.row - PROBE_ROWS
    return begins_there and violation_counts.violation.rule in {
        *CELL_RULES,
        Rule.REQUIRED,
        Rule.FOREIGN_KEY,
    }


def _shift_hints(shift: Shift | None, structure: Structure, header: Header) -> Iterator[str]:
    if shift is not None:
        line = structure.lines_of([shift.row])[shift.row]
        yield shift_hint(shift, header.names[shift.index], line)


def _root_hints(violation_counts: Sequence[ViolationCount], structure: Structure) -> Iterator[str]:
    groups = group_by_root_cause(violation_counts, structure.rows_read)
    lines = structure.lines_of([group[0].first_row for group in groups])
    for group in groups:
        yield root_cause_hint(group, structure.rows_read, lines)


def _damage_hints(staging: Staging, structure: Structure, header: Header) -> Iterator[str]:
    damaged = list(count_suspect_damage(staging))
    if structure.has_error_values:
        damaged += count_text_errors(staging, structure.text, header)
    first = structure.rows_of_file(np.array([suspect.first for suspect in damaged], dtype=np.int64))
    rows = first.tolist()
    lines = structure.lines_of(rows)
    for suspect, row in zip(damaged, rows, strict=True):
        yield damage_hint(suspect.damage, suspect.column, suspect.count, lines[row])
