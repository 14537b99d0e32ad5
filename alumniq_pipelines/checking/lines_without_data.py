"""Find the lines of a file that are no data: headers within it, separators, and lines of a report.

Export tools write them for people: SQL*Plus and psql put dashes below the column names, SQL Server
counts the rows at the end, reports have totals and footers, joined files several headers. A line
with as many values as the header has would be published as a row.

A row is never rejected for the word with which it begins. Amid the rows, a line with a legal key is
data unless nothing else can be meant; at the end of the file, or where the key breaks its rules, it
is enough that the line looks like a footer.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from alumniq_pipelines.checking.header import Header
from alumniq_pipelines.checking.report_lines import (
    AMOUNT,
    DRAWN,
    FOOTER,
    LABEL,
    MESSAGE,
    PERHAPS_TOTAL,
    REPORT_LINE,
    RUN,
    SHORT_SEPARATORS,
    TOTAL,
    WORDS,
    is_separator,
    matches,
)
from alumniq_pipelines.checking.rules import LineRule, Rule
from alumniq_pipelines.checking.structure.block import Positions
from alumniq_pipelines.checking.structure.blocks import parse_record
from alumniq_pipelines.checking.structure.scan import Structure
from alumniq_pipelines.core.feeds.column_spellings import EDGES, ColumnSpellings, fold
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.feeds.values import VISIBLE, broken_rules
from alumniq_pipelines.core.sql_text import literal

MAX_LINES_READ = 1_000
"""Lines with few values that are read, from the first and from the last."""
MAX_ROWS_READ = 20
"""The same of lines with any wrong number of values."""
LAST_ROWS = 20
"""So many rows are looked at for where the end of a file begins, with its totals and footers."""
MAX_COLUMNS_TESTED = 8
"""For whether a line may be no data; its other values are looked at if these let it be so."""
TABLE = r"[\w$#@`\"\[\]]+(?:\.|::)"
"""What may precede the name of a column."""
FEW_COLUMNS = 2
"""In a table of more, a text alone is no row that lacks one value."""


def irregular_lines(structure: Structure, width: int) -> Iterator[tuple[LineRule, Positions]]:
    """Yield the rule that each irregular row of a file breaks, as positions in `irregular`."""
    values = structure.values
    is_blank = values == 0
    has_extra = structure.end_in_delimiter & (values == width + 1)
    others = np.flatnonzero(~is_blank & ~has_extra)
    # A row of which some values are missing has more than half of them. To read such rows takes
    # long, and they are all over the file: a few of them show what they are.
    has_few = values[others] <= few_of(width)
    read = np.union1d(_ends(others[has_few], MAX_LINES_READ), _ends(others, MAX_ROWS_READ))
    rules: dict[LineRule, list[int]] = {Rule.SEPARATOR_LINE: [], Rule.REPORT_LINE: []}
    # Behind the last row, a text below a blank line or below a footer is a footer, too.
    is_behind = structure.rows_read - structure.irregular == np.arange(len(values))[::-1]
    footer = next(iter(np.flatnonzero(is_blank & is_behind).tolist()), len(values))
    lines = structure.read_rows(structure.irregular[read])
    for position, (_line, text) in zip(read.tolist(), lines, strict=True):
        line = text.decode().strip().strip(structure.text.layout.quote).strip()
        rule = rule_of_text(line, values[position], width)
        if rule is None and position > footer and values[position] == 1 and width > FEW_COLUMNS:
            rule = Rule.REPORT_LINE
        if rule:
            rules[rule].append(position)
            footer = min(footer, position) if is_behind[position] else footer
    found = {rule: np.array(positions, np.int64) for rule, positions in rules.items()}
    yield Rule.BLANK_ROW, np.flatnonzero(is_blank)
    yield Rule.TRAILING_DELIMITER, np.flatnonzero(has_extra)
    yield from found.items()
    yield Rule.RAGGED_ROW, np.setdiff1d(others, np.concatenate(list(found.values())))


def _ends(positions: Positions, count: int) -> Positions:
    """Return the first so many of some positions and the last, or all."""
    if len(positions) <= 2 * count:
        return positions
    return np.concatenate([positions[:count], positions[-count:]])


def few_of(width: int) -> int:
    """Return up to how many values a footer has in a table of so many columns."""
    return max(2, width // 2)


def rule_of_text(line: str, values: int, width: int) -> LineRule | None:
    """Return the rule that a line breaks which is no data, with another number of values."""
    if is_separator(line):
        return Rule.SEPARATOR_LINE
    is_report = (
        matches(MESSAGE, line)
        or (values <= few_of(width) and matches(FOOTER, line))
        or (values == 1 and matches(WORDS, line))
    )
    return Rule.REPORT_LINE if is_report else None


@dataclass(frozen=True, slots=True)
class Line:
    """A line with as many values as the header has, without the columns of a rejection report.

    `filled` are its values that are not blank, without blanks around them.
    """

    values: Sequence[str]
    filled: Sequence[str]

    @property
    def is_alone(self) -> bool:
        """Whether there is one text in the line and no other."""
        return len(self.filled) == 1

    def certain_rule(self, spellings: ColumnSpellings, names: Sequence[str]) -> LineRule | None:
        """Return the rule that the line breaks wherever it is, if it can be nothing else."""
        if _repeats(self.values, names, spellings):
            return Rule.REPEATED_HEADER
        is_drawn = all(is_separator(text) or text in SHORT_SEPARATORS for text in self.filled)
        if is_drawn and any(map(is_separator, self.filled)):
            return Rule.SEPARATOR_LINE
        if self.is_alone and matches(MESSAGE, self.filled[0]):
            return Rule.REPORT_LINE
        # A row with a value in each column is data: `Total,5` may be a company.
        has_blanks = 1 < len(self.filled) < len(self.values)
        is_labelled = len(self.filled[1:]) == 1 and re.fullmatch(LABEL, self.filled[0])
        is_report = is_labelled or self.is_total(perhaps=False)
        return Rule.REPORT_LINE if has_blanks and is_report else None

    def is_total(self, *, perhaps: bool) -> bool:
        """Whether a line has few values beside the word, and all of them are numbers."""
        if not self.filled or not all(re.fullmatch(AMOUNT, text) for text in self.filled[1:]):
            return False
        if perhaps and re.fullmatch(PERHAPS_TOTAL, self.filled[0]):
            return True
        has_few = len(self.filled) <= few_of(len(self.values))
        return has_few and re.fullmatch(TOTAL, self.filled[0]) is not None

    def may_be_footer(self) -> bool:
        """Whether the line is a total or a footer if it is no row of the table."""
        is_footer = self.is_alone and matches(REPORT_LINE, self.filled[0])
        return is_footer or self.is_total(perhaps=True)


def candidate_condition(header: Header, field_map: FieldMap) -> str | None:
    """Return the SQL condition that a regular row may be no data; None if no line can be told.

    It must be cheap for every other row, and may let the reader skip the columns that are ignored:
    of these, only the first of the file is looked at.
    """
    read = sorted(header.sources.values())
    if not read:
        return None
    begins = {0, read[0]}
    return (
        f"({' OR '.join(_candidates(begin, read, header, field_map) for begin in sorted(begins))})"
    )


def _candidates(begin: int, read: Sequence[int], header: Header, field_map: FieldMap) -> str:
    """Return the condition for lines that have their first text in a column."""
    text = f"c{begin}"
    beside = [index for index in read if index != begin][:MAX_COLUMNS_TESTED]
    if not beside:  # of the columns that are ignored, one
        beside = [index for index in range(len(header.names)) if index != begin][:1]
    others = [f"c{index}" for index in beside]
    total = rf"\s*(?:{TOTAL}|{PERHAPS_TOTAL})\s*"
    names = _names_of(begin, header, field_map)
    name = _spellings(names)
    # By one expression, which most texts fail at the first character. The others are tried for the
    # few rows that match it: a column may have a dash, or the word `Total`, in every row. Most keys
    # begin with a digit, and then only a name can be meant.
    label = rf"\s*(?:{LABEL})\s*"
    begins_with_digit = any(fold(spelled)[:1].isdigit() for spelled in names)
    conditions = [] if begins_with_digit else [f"({text} < '0' OR {text} > '9~')"]
    conditions.append(_matches(text, rf"{DRAWN}+|{total}|{label}|{name}"))
    has_run = (f"regexp_matches({cell}, {literal(RUN)})" for cell in (text, *others))
    drawn = (f"({cell} IS NULL OR {_matches(cell, f'{DRAWN}*')})" for cell in others)
    numbers = (f"({cell} IS NULL OR {cell} < 'A' OR {cell} > '~')" for cell in others)
    kinds = [[f"({' OR '.join(has_run)})", *drawn]]
    if others:
        kinds += [[_matches(text, total), *numbers], [_matches(text, label)]]
        repeated = _spellings(_names_of(beside[0], header, field_map))
        kinds.append([_matches(text, name), f"coalesce({_matches(others[0], repeated)}, true)"])
    conditions.append(f"({' OR '.join(' AND '.join(kind) for kind in kinds)})")
    report = REPORT_LINE if others else MESSAGE
    blank = (f"({cell} IS NULL OR {cell} < '!')" for cell in others)
    alone = (f"{text} IS NOT NULL", *blank, _matches(text, rf"\s*(?:{report})\s*"))
    return f"({' AND '.join(conditions)} OR {' AND '.join(alone)})"


def _names_of(index: int, header: Header, field_map: FieldMap) -> Sequence[str]:
    """Return the names of a column: its own in this file, and those that the field map knows."""
    named = next((name for name, source in header.sources.items() if source == index), None)
    column = None if named is None else field_map.column(named)
    known = [] if column is None else [column.name, *column.alumniq.aliases]
    return [name for name in (header.names[index], *known) if name]


def _spellings(names: Sequence[str]) -> str:
    """Return the pattern of the name of a column in any spelling."""
    blank = f"[{re.escape(EDGES + '_-.(){}')}]*"
    folded = dict.fromkeys(map(fold, names))
    spelled = (blank + blank.join(map(re.escape, [*name, ""])) for name in folded)
    return rf"(?:{TABLE})*(?:{'|'.join(spelled)})" if folded else "[^ -~]"


def _matches(text: str, pattern: str) -> str:
    return f"regexp_full_match({text}, {literal(pattern)}, 'is')"


def regular_lines(
    structure: Structure, header: Header, field_map: FieldMap, candidates: Positions
) -> Iterator[tuple[LineRule, Positions]]:
    """Yield the regular rows, by index and rule, that are no data.

    Only candidates are read and, if one of them is near the end of the file, the last rows.
    """
    if not len(candidates):
        return
    last = np.arange(max(0, structure.rows - LAST_ROWS), structure.rows)
    read = np.union1d(candidates, last) if candidates[-1] >= last[0] else candidates
    spellings = ColumnSpellings(field_map)
    found: dict[int, LineRule] = {}
    tail: dict[int, Line] = {}
    for index, (_line, text) in zip(
        read.tolist(), structure.read_rows(structure.rows_of_file(read)), strict=True
    ):
        values = parse_record(text.decode(), header.delimiter, structure.text.layout.quote)
        values = values[: len(header.names)]
        line = Line(values, [value.strip() for value in values if value.strip()])
        if rule := line.certain_rule(spellings, header.names):
            found[index] = rule
        elif line.may_be_footer() and _breaks_key(line, header, field_map):
            found[index] = Rule.REPORT_LINE
        elif index >= last[0]:
            tail[index] = line
    found |= dict.fromkeys(_last_lines(found, tail, structure.rows), Rule.REPORT_LINE)
    for rule in dict.fromkeys(found.values()):
        yield rule, np.array(sorted(row for row in found if found[row] is rule), np.int64)


def _repeats(values: Sequence[str], names: Sequence[str], spellings: ColumnSpellings) -> bool:
    """Whether a line is the header once more, in any spelling that a header may have."""
    # In a table of one column, it may be a value: `City` of `city`.
    has_columns = sum(map(bool, map(fold, names))) > 1
    return has_columns and all(
        fold(value) == fold(name)
        or (
            spellings.column(name) is not None and spellings.column(value) == spellings.column(name)
        )
        for value, name in zip(values, names, strict=True)
    )


def _breaks_key(line: Line, header: Header, field_map: FieldMap) -> bool:
    """Whether the primary key of a line is blank or invalid: it is rejected as it is."""
    for name in field_map.table_schema.primary_key:
        column, text = field_map.column(name), line.values[header.sources[name]]
        is_blank = text in field_map.table_schema.missing_values
        is_blank = is_blank or (text != "" and not VISIBLE.search(text))
        if is_blank or (column is not None and any(broken_rules(text, column))):
            return True
    return False


def _last_lines(
    found: Mapping[int, LineRule], tail: Mapping[int, Line], rows: int
) -> Iterator[int]:
    """Yield the lines that are totals, footers and titles, since they are at the end of the file.

    `found` are the lines that are known to be no data, and `tail` the others among the last.
    """
    footers = {row for row, line in tail.items() if _is_footer(line, tail.values())}
    filled = {row: len(line.filled) for row, line in tail.items() if row not in footers}
    last_row = max((row for row, values in filled.items() if values > 1), default=-1)
    above = [values for row, values in filled.items() if values and row <= last_row]
    # Where every row above has more values, a text alone is no row of the table.
    is_wide = all(len(line.values) > FEW_COLUMNS for line in tail.values())
    is_wide = is_wide and (min(above) > 1 if above else not any(filled.values()))
    if not is_wide:
        footers = {
            row
            for row in footers
            if tail[row].is_total(perhaps=True) or matches(FOOTER, tail[row].filled[0])
        }
    end = rows
    while end - 1 in found or end - 1 in footers or (is_wide and last_row < end - 1 in filled):
        end -= 1
    is_below = False
    for row in range(end, rows):
        is_below = is_below or row in footers or found.get(row) is Rule.REPORT_LINE
        if is_below and row in tail and tail[row].filled:
            yield row


def _is_footer(line: Line, others: Iterable[Line]) -> bool:
    """Whether a line among the last of a file is a total or a footer."""
    if len(line.values) == 1 or not line.may_be_footer():
        return False
    first = line.filled[0]
    if not re.fullmatch(PERHAPS_TOTAL, first):
        return True
    # `SUM` is a row where the column has `FAL` in other rows.
    column = next(index for index, value in enumerate(line.values) if value.strip() == first)
    alike = (other.values[column].strip() for other in others if other is not line)
    return not any(
        len(text) == len(first) and text.isalpha() and text.isupper() == first.isupper()
        for text in alike
    )
