"""How the lines look that export tools write for people, beside the rows.

Nothing here knows of a file: a text is such a line by its form alone, more or less surely. Where
it is in a file decides the rest (`checking.lines_without_data`). Python and DuckDB read these
patterns alike.
"""

import re

DRAWN = r"[\s|+,;:.\"'=_*~-]"
"""What separators consist of, with what draws the columns between them."""
RUN = r"--|==|__|\*\*|~~"
"""One of these is in every separator."""

_NUMBER = r"[0-9][0-9,.]*"
_COUNTED = r"(?:(?:rows?|records?|lines?)(?:\(s\))?|entries)"
_DONE = (
    r"(?:selected|affected|returned|exported|fetched|retrieved|copied|written|read|processed|"
    r"unloaded|inserted|found|in set)"
)
_MADE_BY = (
    r"(?:generated|created|printed|exported|produced|prepared|downloaded|run|report(?:ed)?)"
    r"\s+(?:by|on|at|date|time|from|for)"
)
_END_OF = r"[-*=# ]*end\s+of\s+(?:file|report|data|records?|export|extract|list|output)\b"
_PROMPT = (
    r"(?:sql|mysql|sqlite|mariadb \[[^]]*\])>.*",
    r"(?:\w+=[#>]|\w+-#|db2 =>)(?:\s.*)?",
    r"(?:ora|sp2|tns|pls)-[0-9]{4,5}:.*",
    r"msg [0-9]+, level [0-9]+.*",
    r"sql[0-9]{4,5}[nwc]\s.*",
    r"db2[0-9]{4,5}[einw]\s.*",
    r"error [0-9]{4} \([0-9a-z]{5}\).*:.*",
    r"pl/sql procedure successfully completed\.?",
)
"""Prompts and messages of clients: SQL*Plus, mysql, psql, DB2, SQL Server."""
_SEP = r"sep=."
_TYPE = r"#type +\S+"
_COUNTS = (
    # SQL Server, Oracle, MySQL, psql, DB2: `(50 rows affected)`, `50 rows selected.`, `(1 row)`
    rf"\((?:{_NUMBER}|no)\s+{_COUNTED}(?:\s+{_DONE})?\)",
    rf"(?:{_NUMBER}|no)\s+{_COUNTED}\s+(?:were\s+)?{_DONE}\b.*",
    rf"(?:total\s+)?(?:number|count)\s+of\s+{_COUNTED}(?:\s+{_DONE})?\s*[:=]?\s*{_NUMBER}",
    rf"(?:total\s+)?{_COUNTED}\s*(?:count|{_DONE})?\s*[:=][\s,;|'\"]*{_NUMBER}",
    r"completion\s+time\s*:.*",
    r"query ok\s*,.*",
    r"(?:elapsed|time)\s*:\s*[0-9][0-9:.,]*\s*(?:ms|s|sec\b.*)?(?:\s*\(.*\))?",
)
_FOOTERS = (
    (
        r"(?:(?:grand|sub|report|page|over-?all)[- ]?)?totals?"
        rf"(?:\s*[:(].*|\s*[-=]?\s*[$€£]?{_NUMBER}(?:\s+{_COUNTED})?)?"
    ),
    rf"total\s+(?:number\s+of\s+)?{_COUNTED}",
    r"(?:(?:zwischen|gesamt|end)?summe|(?:ins)?gesamt)(?:\s*[:(].*)?",
    rf"{_MADE_BY}\b.*[:0-9].*",
    r"(?:copyright|©).*[0-9]{4}.*",
    (
        r"(?:company |strictly )?confidential\W+"
        r"(?:information|and proprietary|proprietary|property|do not|not for|for internal|internal)"
        r"\b.*"
    ),
    r"page\s*:?\s*[0-9]+(?:\s+(?:of|/)\s+[0-9]+)?",
    rf"{_END_OF}[\W0-9]*",
    r"[-*=#]+ *end *[-*=#]+",
    r"applied\s+filters?\b.*|no\s+filters?\s+(?:applied|set)\b.*",
    r"no\s+(?:data|results?)\s+(?:found|available|returned|to display)\.?",
    r"eof\W*|trailer(?:\s*[:=].*|[\W0-9]*)",
    r"(?:dis)?connected\s+(?:to|from)\s*:.*",
)
_WORDS = (
    rf"[#*]*\s*(?:{_NUMBER}|no)\s+{_COUNTED}\b.*",
    r"(?:dis)?connected\b.*",
    rf"{_MADE_BY}\b.*",
    r"(?:copyright|confidential|©)(?:\b|\s).*",
    rf"{_END_OF}.*",
    r"no\s+(?:data|results?|filters?)\b.*",
    r"trailer\b.*",
    r"error\b.*:.*",
)
_TOTALS = (
    r"(?:(?:grand|sub|report|page|over-?all)[- ]?)?totals?:?",
    r"(?:sum|(?:(?:row|record|line) )?count):",
    r"(?:row|record|line) count",
    r"(?:(?:zwischen|gesamt|end)?summe|(?:ins)?gesamt):?",
)


def _any(*patterns: str) -> str:
    # Not compiled here: few files have a line for which one of them is needed.
    return f"(?is:{'|'.join(patterns)})"


CLIENT = _any(*_PROMPT)
EXCEL = _any(_SEP)
POWERSHELL = _any(_TYPE)
MESSAGE = _any(*_COUNTS, *_PROMPT, _SEP, _TYPE)
"""What no value of a table is."""
FOOTER = _any(*_FOOTERS)
"""What is a footer at the end of a file, and might be a value elsewhere."""
WORDS = _any(*_WORDS)
"""What might also be the name of a company: it is a footer only where rows have more values."""
TOTAL = _any(*_TOTALS)
"""What a total has in front of its numbers."""
PERHAPS_TOTAL = _any(r"sum|count|trailer|trlr?|tlr")
"""The same at the end of a file, and how the last record begins that mainframes and PeopleSoft
write, before it counts the others. `SUM` may be the summer term."""
LABEL = _any(rf"{_MADE_BY}\s*:")
"""What precedes a value in a cell of its own."""
REPORT_LINE = _any(MESSAGE, FOOTER, WORDS)

AMOUNT = _any(rf"[$€£]?\s*[+-]?{_NUMBER}\s*(?:%|{_COUNTED}|items?)?")
SEPARATOR = rf"{DRAWN}*(?:{RUN}){DRAWN}*"
SHORT_SEPARATORS = ("-", "=", "_", "*")
"""What a separator may have below a column that is one character wide."""

MAX_CHARACTERS = 300
"""Of such a line. Bounds within the patterns would take DuckDB long to compile, for each load."""


def is_separator(text: str) -> bool:
    """Whether a text consists of dashes and the like."""
    return re.fullmatch(SEPARATOR, text) is not None


def matches(pattern: str, text: str) -> bool:
    """Whether a text is short enough for a line of a report, and as a whole looks like one."""
    return len(text) <= MAX_CHARACTERS and re.fullmatch(pattern, text) is not None
