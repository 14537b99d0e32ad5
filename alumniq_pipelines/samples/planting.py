"""Faults planted into the `warehouse` feed at known rows, of each kind in turn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alumniq_pipelines.samples.recipes import NEWLINE_EVERY, xid

KINDS = (
    ("required", "xid"),
    ("type", "isMember"),
    ("duplicate-key", "xid"),
    ("ragged-row", None),
    ("length", "xid"),
)
"""Rule and column of each kind; a duplicate repeats the row before, a ragged row is too short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedFault:
    """One row that breaks one rule. `row` counts data rows from 1, `line` lines of the file."""

    row: int
    line: int
    column: str | None
    code: str


def line_of(row: int) -> int:
    """Return the line on which a row begins, after the header and two-line addresses."""
    return 1 + row + (row - 1) // NEWLINE_EVERY


def list_planted(rows: int, every: int) -> Sequence[PlantedFault]:
    """Return the faults planted in `rows` rows if every `every`-th row is bad (2 or more)."""
    faults = []
    for row in range(every, rows + 1, every):
        code, column = KINDS[row // every % len(KINDS)]
        fault = PlantedFault(row=row, line=line_of(row), column=column, code=code)
        faults.append(fault)
    return faults


def plant(recipes: Mapping[str, str], every: int) -> Mapping[str, str]:
    """Return recipes that break the rules at those rows; a null value is left out of its line."""
    bad = dict(recipes)
    bad["xid"] = (
        f"case when {_row_condition('required', every)} then '' "
        f"when {_row_condition('duplicate-key', every)} then {xid('(i - 1)')} "
        f"when {_row_condition('length', every)} then repeat('9', 56) || {xid()} else {xid()} end"
    )
    bad["isMember"] = (
        f"case when {_row_condition('type', every)} then 'maybe' else {recipes['isMember']} end"
    )
    last = list(recipes)[-1]
    bad[last] = f"case when not ({_row_condition('ragged-row', every)}) then {bad[last]} end"
    return bad


def _row_condition(code: str, every: int) -> str:
    """Return the SQL condition that selects the rows of a kind."""
    kind = [name for name, _ in KINDS].index(code)
    return f"i % {every} = 0 and i // {every} % {len(KINDS)} = {kind}"
