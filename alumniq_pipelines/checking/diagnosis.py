"""Diagnose a checked file: find what probably caused its problems.

Of every file, the first and the last rows are read a second time. Only a file with violations, or
with cells that look damaged, is read once more: a few rows, or the columns that look damaged.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from alumniq_pipelines.checking.column_damage import suspect_columns
from alumniq_pipelines.checking.column_shift import MIN_ROWS, PROBE_ROWS, ColumnShiftDetector, Shift
from alumniq_pipelines.checking.damage_counts import (
    count_damage,
    count_suspect_damage,
    suspect_everywhere,
)
from alumniq_pipelines.checking.header import Header
from alumniq_pipelines.checking.hints import (
    columns_hint,
    damage_hint,
    group_by_root_cause,
    root_cause_hint,
    shift_hint,
    similar_keys_hint,
)
from alumniq_pipelines.checking.rules import CELL_RULES, Rule
from alumniq_pipelines.checking.similar_keys import find_similar_keys
from alumniq_pipelines.checking.staging import Staging
from alumniq_pipelines.checking.structure.blocks import parse_record
from alumniq_pipelines.checking.structure.scan import Structure
from alumniq_pipelines.checking.tally import Tally, ViolationCount
from alumniq_pipelines.checking.text_damage import OF_WHOLE_COLUMNS, Damage


def hints(staging: Staging, structure: Structure, header: Header, tally: Tally) -> tuple[str, ...]:
    """Return the hints on a file: shifted values, then root causes, then damaged cells."""
    found = []
    # A number of too many digits is right in the file: nothing there has to be found.
    problems = [
        problem
        for problem in tally.violation_counts()
        if problem.violation.rule is not Rule.PRECISION
    ]
    shift = _find_shift(staging, structure, header, problems)
    if shift is not None:
        line = structure.lines_of([shift.row])[shift.row]
        found.append(shift_hint(shift, header.name_shown(shift.index), line))
        # A problem that begins with the shift is explained by it. It may begin a few rows before:
        # not every shifted row shows that it is shifted.
        explained = {*CELL_RULES, Rule.REQUIRED, Rule.FOREIGN_KEY}
        problems = [
            problem
            for problem in problems
            if problem.first_row <= shift.row - PROBE_ROWS
            or problem.violation.rule not in explained
        ]

    groups = group_by_root_cause(problems, structure.rows_read)
    lines = structure.lines_of([group[0].first_row for group in groups])
    found += [root_cause_hint(group, structure.rows_read, lines) for group in groups]

    found += _damage_hints(staging, structure, header)
    found += _similar_key_hints(staging, structure)
    return tuple(found)


def _damage_hints(staging: Staging, structure: Structure, header: Header) -> Iterator[str]:
    """Yield the hints on damaged cells, one for each kind of damage to whole columns."""
    damaged = list(count_suspect_damage(staging))
    suspicions = [
        *suspect_everywhere(staging, header, structure.traces),
        *suspect_columns(staging, structure, header),
    ]
    damaged += count_damage(staging, structure.text, suspicions)
    first = np.array([cells.first for cells in damaged], dtype=np.int64)
    rows = structure.rows_of_file(first).tolist()
    lines = structure.lines_of(rows)
    columns: dict[Damage, list[tuple[str, int, int]]] = {}
    for cells, row in zip(damaged, rows, strict=True):
        if cells.damage in OF_WHOLE_COLUMNS:
            columns.setdefault(cells.damage, []).append((cells.column, cells.count, lines[row]))
        else:
            yield damage_hint(cells.damage, cells.column, cells.count, lines[row])
    for damage, found in columns.items():
        yield columns_hint(damage, found)


def _similar_key_hints(staging: Staging, structure: Structure) -> Iterator[str]:
    """Yield the hints on keys that may be meant to be one."""
    for similar in find_similar_keys(staging, structure.rows):
        rows = structure.rows_of_file(np.array([similar.first, similar.earlier])).tolist()
        lines = structure.lines_of(rows)
        yield similar_keys_hint(similar, *(lines[row] for row in rows))


def _find_shift(
    staging: Staging,
    structure: Structure,
    header: Header,
    problems: Sequence[ViolationCount],
) -> Shift | None:
    """Return the shift of values in the file, if enough cells are wrong to suspect one."""
    wrong = sum(problem.count for problem in problems if problem.violation.rule in CELL_RULES)
    if wrong < MIN_ROWS:
        return None
    field_map = staging.field_map
    names = {index: name for name, index in header.sources.items()}
    columns = [field_map.column(names.get(index, "")) for index in range(header.width)]

    def read_rows(rows: Sequence[int]) -> list[list[str]]:
        quote = structure.text.layout.quote
        records = structure.read_rows(np.array(rows, dtype=np.int64))
        return [parse_record(record.decode(), header.delimiter, quote) for _line, record in records]

    detector = ColumnShiftDetector(columns, field_map.table_schema.missing_values)
    return detector.find_shift(structure.rows_read, read_rows)
