"""The wording of hints: the probable cause of the problems in a file. A hint rejects nothing.

Like the messages of broken rules, none of them contains the value of a cell.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

from alumniq_pipelines.checking.column_shift import Shift
from alumniq_pipelines.checking.similar_keys import Difference, SimilarKeys
from alumniq_pipelines.checking.tally import ViolationCount
from alumniq_pipelines.checking.text_damage import Damage
from alumniq_pipelines.core.loads.losses import format_rows

MIN_ROWS = 100
MIN_SHARE = 0.9
"""How many rows, and which share of the rows from the first one to the end of the file, must have a
problem for it to have a single root cause."""

SAME_BEGINNING = 0.05
"""Problems share a root cause if they begin within this share of the rows that are left."""

MAX_PROBLEMS_LISTED = 5

MAX_COLUMNS_LISTED = 10

_MARKED = (
    "Values begin with an apostrophe",
    "spreadsheets mark texts so. Send the values without it.",
)
_UNSEEN = (
    "Values contain invisible characters",
    (
        "they come from web pages and documents, and such a value matches no other without them. "
        "Remove them in your source system."
    ),
)
_OF_WHOLE_COLUMNS: Mapping[Damage, tuple[str, str]] = {
    Damage.FORMULA: (
        'Values are written as formulas of a spreadsheet, such as ="0001",',
        (
            "a program has probably written them for a spreadsheet. Send the values themselves, "
            "without the equals sign and the quotation marks."
        ),
    ),
    Damage.NULL_WORD: (
        "A word for a missing value, such as NULL, is written out",
        (
            "a program has probably written it where there is no value, and it counts as a text. "
            "Leave the cells blank, or ask us to list the word under `missingValues` in the field "
            "map."
        ),
    ),
    Damage.DECIMAL: (
        "Texts are written as numbers with a decimal point, such as 1001.0,",
        "a program has probably read the column as numbers. Read and export it as text.",
    ),
    Damage.MARKED_NUMBER: _MARKED,
    Damage.APOSTROPHE: _MARKED,
    Damage.INVISIBLE: _UNSEEN,
    Damage.HIDDEN: _UNSEEN,
    Damage.PADDED: (
        "Values have blanks before or behind them, or consist of blanks,",
        (
            "a program has probably filled them up to the width of the column, and such a value "
            "matches no other without the blanks. Trim the values in your export."
        ),
    ),
}
"""What a tool has done to columns, and what it means and what to do."""


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


def columns_hint(damage: Damage, columns: Sequence[tuple[str, int, int]]) -> str:
    """Return the hint on what a tool has done to columns: each with its rows and first line."""
    what, advice = _OF_WHOLE_COLUMNS[damage]
    listed = [
        f"`{name}` ({format_rows(count)}{', first on ' if count > 1 else ', '}line {line:,})"
        for name, count, line in columns[:MAX_COLUMNS_LISTED]
    ]
    more = len(columns) - len(listed)
    if more:
        listed.append(f"{more:,} more {'column' if more == 1 else 'columns'}")
    where = listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}"
    return f"{what} in {where}: {advice}"


def similar_keys_hint(similar: SimilarKeys, first_line: int, earlier_line: int) -> str:
    """Return the hint on keys that differ from an earlier one in one way only."""
    key = " + ".join(f"`{name}`" for name in similar.key)
    rows = f"1 key (line {first_line:,}, compare line {earlier_line:,})"
    if similar.count > 1:
        rows = (
            f"{similar.count:,} keys (first on line {first_line:,}, compare line {earlier_line:,})"
        )
    differ = "differs" if similar.count == 1 else "differ"
    match similar.difference:
        case Difference.SPACING:
            return (
                f"{rows} in {key} {differ} from an earlier key only by blanks around the value or "
                "invisible characters, and so they count as different keys. Trim the values in "
                "your export, and remove such characters in your source system."
            )
        case Difference.UNICODE:
            return (
                f"{rows} in {key} {differ} from an earlier key only by the Unicode form: they look "
                "alike, but the same letters are encoded in two ways, such as an accented letter "
                "as one character or as two, and so they count as different keys. Export all keys "
                "in one form, such as NFC."
            )
        case Difference.CASE:
            return (
                f"{rows} in {key} {differ} from an earlier key only by case, and so they count as "
                "different keys. If case matters in your keys, as in Salesforce ids of 15 "
                "characters, all is right; if not, send each key in one spelling."
            )
        case _:
            assert_never(similar.difference)


def zeros_hint(column: str, count: int, width: int, feed: str = "") -> str:
    """Return the hint on values that match known keys once zeros are put in front."""
    rows = format_rows(count)
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
