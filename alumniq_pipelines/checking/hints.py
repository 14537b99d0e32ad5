"""The wording of hints: the probable cause of the problems in a file. A hint rejects nothing.

Like the messages of broken rules, none of them contains the value of a cell.
"""

from collections.abc import Iterable, Mapping, Sequence

from alumniq_pipelines.checking.column_shift import Shift
from alumniq_pipelines.checking.tally import ViolationCount
from alumniq_pipelines.checking.text_damage import Damage

MIN_ROWS = 100
MIN_SHARE = 0.9
"""How many rows, and which share of the rows from the first one to the end of the file, must have a
problem for it to have a single root cause."""

SAME_BEGINNING = 0.05
"""Problems share a root cause if they begin within this share of the rows that are left."""

MAX_PROBLEMS_LISTED = 5


def damage_hint(damage: Damage, column: str, count: int, first_line: int) -> str:
    """Return the hint on cells that a spreadsheet has damaged."""
    rows = f"1 row (line {first_line:,})"
    if count > 1:
        rows = f"{count:,} rows (first on line {first_line:,})"
    match damage:
        case Damage.SCIENTIFIC:
            return (
                f"`{column}` contains numbers in scientific notation in {rows}: a spreadsheet has "
                "probably rounded them. Format the column as text before the values are entered, "
                "then export the file again."
            )
        case Damage.DATE:
            return (
                f"`{column}` contains a day and a month in {rows}: a spreadsheet has probably "
                "turned codes into dates. Format the column as text before the codes are entered, "
                "then export the file again."
            )
        case Damage.ERROR:
            return (
                f"`{column}` contains error values of a spreadsheet, such as #N/A or #REF!, in "
                f"{rows}: a formula failed there. Correct the formula, or leave the cells blank."
            )
        case Damage.LOST_CHARACTERS:
            return (
                f"`{column}` contains the replacement character (U+FFFD) in {rows}: a program has "
                "read the text in the wrong encoding and lost characters. Read it in its own "
                "encoding, then export it again as UTF-8."
            )
        case Damage.DOUBLE_ENCODED:
            return (
                f"`{column}` contains pairs of characters such as \u00c3\u00a9 in place of "
                f"letters such as \u00e9 in {rows}: a program has probably read UTF-8 as "
                "Windows-1252. Read the source as UTF-8, then export it again."
            )
    message = f"{damage} is no damage that is only hinted at."
    raise ValueError(message)


def zeros_hint(column: str, count: int, width: int, feed: str = "") -> str:
    """Return the hint on values that match known keys once zeros are put in front."""
    rows = "1 row" if count == 1 else f"{count:,} rows"
    keys = f"keys of the feed {feed}" if feed else "keys of your live data"
    return (
        f"`{column}` has lost leading zeros in {rows}: padded with zeros to {width} characters, "
        f"the values match {keys}. Spreadsheets drop leading zeros: format the column as text "
        "before the values are entered, then export the file again."
    )


def shift_hint(shift: Shift, column: str, first_line: int) -> str:
    """Return the hint on values that are in the column beside their own."""
    side, cause = ("right", "an extra") if shift.step == 1 else ("left", "a missing")
    return (
        f"From line {first_line:,} on, values are shifted one column to the {side}, starting at "
        f"`{column}` or before it: look for {cause} value there."
    )


def group_by_root_cause(
    violation_counts: Iterable[ViolationCount], rows: int
) -> list[list[ViolationCount]]:
    """Group the problems that nearly all rows have, from some row to the end of the file."""
    lasting = [
        problem
        for problem in violation_counts
        if problem.count >= max(MIN_ROWS, MIN_SHARE * (rows - problem.first_row + 1))
    ]
    groups: list[list[ViolationCount]] = []
    for problem in sorted(lasting, key=lambda problem: problem.first_row):
        begin = groups[-1][0].first_row if groups else 0
        if groups and problem.first_row - begin <= SAME_BEGINNING * (rows - begin):
            groups[-1].append(problem)
        else:
            groups.append([problem])
    return groups


def root_cause_hint(group: Sequence[ViolationCount], rows: int, lines: Mapping[int, int]) -> str:
    """Return the one hint on problems that probably have the same root cause."""
    begin = group[0].first_row
    messages = [problem.violation.message for problem in group]
    more = len(messages) - MAX_PROBLEMS_LISTED
    listed = "; ".join(messages[:MAX_PROBLEMS_LISTED]) + (f"; and {more} more" if more > 0 else "")
    problems = f"the same {'problem' if len(group) == 1 else 'problems'}: {listed}"
    affected = max(problem.count for problem in group)
    if begin == 1:
        return (
            f"Nearly all rows of the file ({affected:,} of {rows:,}) have {problems}. "
            "There is probably a single cause: check the settings of your export."
        )
    return (
        f"From line {lines[begin]:,} on, nearly all rows ({affected:,} of {rows - begin + 1:,}) "
        f"have {problems}. There is probably a single cause: check what changed there."
    )
