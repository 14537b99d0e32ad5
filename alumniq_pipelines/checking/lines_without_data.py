"""Find the lines of a file that are no data: headers within it, separators, and lines of a report.

Export tools write them for people: SQL*Plus and psql put dashes below the column names, SQL Server
counts the rows at the end, reports have totals and footers, joined files several headers. A line
with as many values as the header has would be published as a row.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from alumniq_pipelines.checking.header import Header
from alumniq_pipelines.checking.rules import LineRule, Rule
from alumniq_pipelines.checking.structure.block import Positions
from alumniq_pipelines.checking.structure.blocks import parse_record
from alumniq_pipelines.checking.structure.scan import Structure
from alumniq_pipelines.core.feeds.column_spellings import fold
from alumniq_pipelines.core.sql_text import literal

MAX_LINES_READ = 1_000
"""Lines with a wrong number of values that are read, from the first and from the last."""
MIN_COLUMNS = 2
"""Of a table with more, a text alone at the end of the file is no row that lacks one value."""

DRAWN = frozenset(" \t\r\n|+,;:.\"'-=_*~")
"""What separators consist of, with what draws the columns between them."""
RUNS = ("--", "==", "__", "**", "~~")
"""One of these is in every separator."""

_MESSAGES = (
    # SQL Server, Oracle, MySQL, psql, DB2: `(50 rows affected)`, `50 rows selected.`, `(1 row)`
    r"[#*]*\s*\(?(?:[0-9][0-9,.]*|no)\s+(?:rows?|records?|lines?|entries)\b.*",
    r"(?:number|count|total)\s+(?:of|number of)\s+(?:rows?|records?|lines?|entries)\b.*",
    (
        r"(?:rows?|records?|lines?)\s*(?:count|read|written|selected|exported|affected)?"
        r"\s*[:=][\s,;|'\"]*[0-9][0-9,.]*"
    ),
    r"completion\s+time\s*:.*",
    # prompts and messages of the clients
    r"(?:sql|mysql|mariadb \[[^]]*\]|postgres=[#>])>.*",
    r"(?:ora|sp2|tns|pls|db2|sql[0-9]{4,5}n|msg)[- ]?[0-9]{3,6}\b.*",
    r"pl/sql procedure successfully completed\.?",
    r"(?:dis)?connected(?:\s+(?:to|from)\b.*)?\.?",
    r"(?:query ok|elapsed|time)\s*[:,].*",
    # the instruction for Excel, and the line of PowerShell
    r"sep=.",
    r"#type\b.*",
)
_FOOTERS = (
    r"(?:grand|sub|report|page|over-?all)?[- ]?totals?\b.*",
    (
        r"(?:generated|created|printed|exported|produced|prepared|downloaded|run|report(?:ed)?)"
        r"\s+(?:by|on|at|date|time|from|for)\b.*"
    ),
    r"(?:copyright|confidential|©)(?:\b|\s).*",
    r"page\s+[0-9]+(?:\s+(?:of|/)\s+[0-9]+)?",
    r"[-*=# ]*end\s+of\s+(?:file|report|data|records?|export|extract|list|output)\b.*",
    r"[-*=#]+ *end *[-*=#]+",
    r"(?:no|applied)\s+filters?\b.*",
    r"no\s+(?:data|results?)(?:\s+(?:found|available|returned|to display))?\.?",
    r"(?:eof|trailer)\b.*",
)
MAX_CHARACTERS = 300
"""Of such a line. Bounds within the patterns took eight times as long to compile, at each load."""
MESSAGE = re.compile("|".join(_MESSAGES), re.IGNORECASE)
REPORT_LINE = re.compile("|".join((*_MESSAGES, *_FOOTERS)), re.IGNORECASE | re.DOTALL)
TOTAL = re.compile(
    r"(?:(?:grand|sub|report|over-?all)[- ]?)?totals?:?|(?:(?:row|record) ?)?count:?|sum:?",
    re.IGNORECASE,
)
AMOUNT = re.compile(
    r"[$€£]?\s*[+-]?[0-9][0-9.,]*\s*(?:%|rows?|records?|lines?|entries|items?)?", re.IGNORECASE
)
TRAILER = re.compile(r"trailer|trlr?|tlr", re.IGNORECASE)
"""How the last record begins that mainframes and PeopleSoft write, before it counts the others."""

SHORT_SEPARATORS = ("-", "=", "_", "*")
"""What the first column of a separator may have, where it is one character wide."""
SEPARATOR_BEGINNINGS = (*RUNS, "|-", "|=", "+-", "+=")


def irregular_lines(structure: Structure, width: int) -> Iterator[tuple[LineRule, Positions]]:
    """Yield the rule that each irregular row of a file breaks, as positions in `irregular`."""
    values = structure.values
    is_blank = values == 0
    has_extra = structure.end_in_delimiter & (values == width + 1)
    others = np.flatnonzero(~is_blank & ~has_extra)
    read = others
    if len(others) > 2 * MAX_LINES_READ:
        read = np.concatenate([others[:MAX_LINES_READ], others[-MAX_LINES_READ:]])
    rules: dict[LineRule, list[int]] = {Rule.SEPARATOR_LINE: [], Rule.REPORT_LINE: []}
    # Behind the last row, a text below a blank line or below a footer is a footer, too.
    is_behind = structure.rows_read - structure.irregular == np.arange(len(values))[::-1]
    footer = next(iter(np.flatnonzero(is_blank & is_behind).tolist()), len(values))
    lines = structure.read_rows(structure.irregular[read])
    for position, (_line, text) in zip(read.tolist(), lines, strict=True):
        rule = rule_of_text(text.decode(), structure.text.layout.quote)
        if rule is None and position > footer and values[position] == 1 and width > MIN_COLUMNS:
            rule = Rule.REPORT_LINE
        if rule:
            rules[rule].append(position)
            footer = min(footer, position) if is_behind[position] else footer
    found = {rule: np.array(positions, np.int64) for rule, positions in rules.items()}
    yield Rule.BLANK_ROW, np.flatnonzero(is_blank)
    yield Rule.TRAILING_DELIMITER, np.flatnonzero(has_extra)
    yield from found.items()
    yield Rule.RAGGED_ROW, np.setdiff1d(others, np.concatenate(list(found.values())))


def rule_of_text(text: str, quote: str) -> LineRule | None:
    """Return the rule that a line breaks which is no data, whatever number of values it has."""
    line = text.strip().strip(quote).strip()
    if _is_separator(line):
        return Rule.SEPARATOR_LINE
    return Rule.REPORT_LINE if _is_report_line(line) else None


def candidate_condition(header: Header) -> str | None:
    """Return the SQL condition that a regular row may be no data; None if no line can be told.

    It looks at the first column with a name, and must be cheap for every other row.
    """
    named = next((index for index, name in enumerate(header.names) if name.strip()), None)
    if named is None:
        return None
    text = f"c{named}"
    name = header.names[named]
    names = dict.fromkeys((name, name.strip(), name.strip().upper(), name.strip().lower()))
    conditions = [
        f"{text} IN ({', '.join(map(literal, (*names, *SHORT_SEPARATORS)))})",
        *(f"starts_with({text}, {literal(begin)})" for begin in SEPARATOR_BEGINNINGS),
    ]
    others = [f"c{index} IS NULL" for index in range(header.width) if index != named]
    if others:
        letters = (f"starts_with({text}, {literal(letter)})" for letter in "TtGgSsCcRrOo")
        pattern = literal(f"{TOTAL.pattern}|{TRAILER.pattern}")
        is_total = f"regexp_full_match({text}, {pattern}, 'i')"
        conditions.append(f"(({' OR '.join(letters)}) AND {is_total})")
        is_report = f"regexp_full_match({text}, {literal(REPORT_LINE.pattern)}, 'is')"
        conditions.append(f"({' AND '.join((f'{text} IS NOT NULL', *others, is_report))})")
    else:
        conditions.append(f"regexp_full_match({text}, {literal(MESSAGE.pattern)}, 'i')")
    return f"({' OR '.join(conditions)})"


def regular_lines(
    structure: Structure, header: Header, candidates: Positions
) -> Iterator[tuple[LineRule, Positions]]:
    """Yield the regular rows, by index and rule, that are no data; only candidates are read."""
    rules: dict[LineRule, list[int]] = {}
    quote = structure.text.layout.quote
    rows = structure.read_rows(structure.rows_of_file(candidates))
    for index, (_line, text) in zip(candidates.tolist(), rows, strict=True):
        values = parse_record(text.decode(), header.delimiter, quote)
        if rule := rule_of_values(values, header.names):
            rules.setdefault(rule, []).append(index)
    for rule, indexes in rules.items():
        yield rule, np.array(indexes, np.int64)


def rule_of_values(values: Sequence[str], names: Sequence[str]) -> LineRule | None:
    """Return the rule that a line breaks which has as many values as the header, but is no data."""
    sent, names = list(values[: len(names)]), list(names)
    # In a table of one column, only the very same text: `City` may be a value of `city`.
    if sent == names or (len(names) > 1 and list(map(fold, sent)) == list(map(fold, names))):
        return Rule.REPEATED_HEADER
    filled = [value.strip() for value in values if value.strip()]
    drawn = [value for value in filled if _is_separator(value) or value in SHORT_SEPARATORS]
    if len(drawn) == len(filled) and any(map(_is_separator, drawn)):
        return Rule.SEPARATOR_LINE
    first = values[0].strip()
    if len(values) == 1:
        # Without other values to look at, only what no value of a table is.
        return Rule.REPORT_LINE if MESSAGE.fullmatch(first) else None
    if len(filled) == 1:
        return Rule.REPORT_LINE if _is_report_line(filled[0]) else None
    # A total has few values beside the word, a trailer record any number, and all are numbers.
    if not all(map(AMOUNT.fullmatch, filled[1:])):
        return None
    is_total = TOTAL.fullmatch(first) and len(filled) <= max(2, len(values) // 2)
    return Rule.REPORT_LINE if is_total or TRAILER.fullmatch(first) else None


def _is_separator(text: str) -> bool:
    return DRAWN.issuperset(text) and any(run in text for run in RUNS)


def _is_report_line(text: str) -> bool:
    return len(text) <= MAX_CHARACTERS and REPORT_LINE.fullmatch(text) is not None
