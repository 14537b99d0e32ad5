"""Hints: what probably lies behind the faults of a file, in plain words; they reject nothing.

Like the messages of broken rules, none of them holds a cell's value.
"""

from collections.abc import Iterable, Mapping, Sequence

from alumniq_pipelines.checking.column_shift import Shift
from alumniq_pipelines.checking.spreadsheet_damage import Damage
from alumniq_pipelines.checking.tally import ViolationCount

MIN_ROWS = 100
MIN_SHARE = 0.9
"""Of the rows from its first to the end of the file, for a fault to have one root."""

SAME_BEGINNING = 0.05
"""Part of those rows within which the first of other faults of the same root stand."""

MAX_FAULTS_LISTED = 5


def damage_hint(damage: Damage, column: str, count: int, first_line: int) -> str:
    """Tell of cells that a spreadsheet has damaged."""
    where = _where(count, first_line)
    match damage:
        case Damage.SCIENTIFIC:
            return (
                f"`{column}` holds numbers in scientific notation in {where}: a spreadsheet has "
                "rounded them. Format the column as text before saving."
            )
        case Damage.DATE:
            return (
                f"`{column}` holds a day and a month in {where}: a spreadsheet took codes for "
                "dates. Format the column as text before the codes are put in."
            )
        case Damage.ERROR:
            return (
                f"`{column}` holds error values of a spreadsheet, such as #N/A or #REF!, in "
                f"{where}: a formula failed there. Mend it, or leave the cells blank."
            )


def zeros_hint(column: str, count: int, width: int, feed: str = "") -> str:
    """Tell of keys that have lost zeros in front, by those of the live version, or of a feed."""
    rows = "1 row" if count == 1 else f"{count:,} rows"
    whose = f"keys of the feed {feed}" if feed else "keys of your live data"
    return (
        f"`{column}` has lost leading zeros in {rows}: filled up to {width} characters, they are "
        f"{whose}. A spreadsheet drops zeros: format the column as text before "
        "saving."
    )


def shift_hint(shift: Shift, column: str, first_line: int) -> str:
    """Tell of values that stand beside their column."""
    side, cause = ("right", "too many") if shift.step == 1 else ("left", "missing")
    return (
        f"From line {first_line:,} on, values stand one column to the {side}, beginning with "
        f"`{column}` or before it: look for a value that is {cause} there."
    )


def group_by_root_cause(
    violation_counts: Iterable[ViolationCount], rows: int
) -> list[list[ViolationCount]]:
    """Group faults that hold nearly all rows, of so many, from some row to the end of the file."""
    lasting = [
        fault
        for fault in violation_counts
        if fault.count >= max(MIN_ROWS, MIN_SHARE * (rows - fault.first_row + 1))
    ]
    groups: list[list[ViolationCount]] = []
    for fault in sorted(lasting, key=lambda fault: fault.first_row):
        begin = groups[-1][0].first_row if groups else 0
        if groups and fault.first_row - begin <= SAME_BEGINNING * (rows - begin):
            groups[-1].append(fault)
        else:
            groups.append([fault])
    return groups


def root_cause_hint(group: Sequence[ViolationCount], rows: int, lines: Mapping[int, int]) -> str:
    """Tell of faults that seem to have one root, all at once."""
    begin = group[0].first_row
    messages = [fault.violation.message for fault in group]
    listed = "; ".join(messages[:MAX_FAULTS_LISTED])
    more = len(messages) - MAX_FAULTS_LISTED
    rest = f"; and {more} more" if more > 0 else ""
    faults = f"the same {'fault' if len(group) == 1 else 'faults'}: {listed}{rest}"
    affected = max(fault.count for fault in group)
    if begin == 1:
        return (
            f"Nearly all rows of the file ({affected:,} of {rows:,}) have {faults}. "
            "There is probably one root: look at the settings of your export."
        )
    return (
        f"From line {lines[begin]:,} on, nearly all rows ({affected:,} of {rows - begin + 1:,}) "
        f"have {faults}. There is probably one root: look at what changed there."
    )


def _where(count: int, first_line: int) -> str:
    if count == 1:
        return f"1 row (line {first_line:,})"
    return f"{count:,} rows (first on line {first_line:,})"
