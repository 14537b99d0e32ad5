"""What has to be said of a damaged file, and the steps of which kinds of damage are made.

The kinds are in the other modules of this folder, each a function in its registry `KINDS`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from tests.damage.clean_tables import Sent
from tests.legal_writers import Table

NO_ROWS: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Harm:
    """A damaged file, and the table that was meant.

    What is said must name the `line` and contain all `words`. Only rows that are `touched` may be
    published otherwise or be missing. If there is neither a line nor a word, nothing has to be
    said, since all is published. If `against_live`, the table is live already: only then it shows.
    """

    table: Table
    content: bytes
    line: int | None = None
    words: Sequence[str] = ()
    touched: frozenset[int] = NO_ROWS
    against_live: bool = False


Kind = Callable[[Sent, st.DrawFn], Harm]
"""Damages a table that is sent; it is damage whatever was drawn."""


def lines_harm(
    sent: Sent,
    lines: Sequence[str],
    *words: str,
    line: int | None = None,
    touched: frozenset[int] = NO_ROWS,
) -> Harm:
    """Send other lines than those of the table."""
    content = sent.writer.pack_text(sent.writer.join(lines))
    return Harm(table=sent.table, content=content, line=line, words=words, touched=touched)


def added_line_harm(sent: Sent, text: str, record: int, *words: str) -> Harm:
    """Send a line more, before a record of the file or behind the last one."""
    lines = [*sent.lines[:record], text, *sent.lines[record:]]
    return lines_harm(sent, lines, *words, line=sent.line_of(record))


def row_harm(sent: Sent, text: str, *words: str, line: int | None = None) -> Harm:
    """Send the row as some text; the line to name is that on which it starts, unless given."""
    lines = sent.lines
    lines[sent.row + 1] = text
    touched = frozenset({sent.row})
    return lines_harm(sent, lines, *words, line=line or sent.line, touched=touched)


def cell_harm(sent: Sent, column: str, value: str, *words: str) -> Harm:
    """Send another value in a column of the row."""
    return Harm(
        table=sent.table,
        content=sent.with_cell(column, value).content,
        line=sent.line,
        words=(f"`{column}`", *words),
        touched=frozenset({sent.row}),
    )


def column_harm(sent: Sent, harmed: Sent, *words: str, against_live: bool = False) -> Harm:
    """Send the table with something else in a column, so that any row may lose its value."""
    return Harm(
        table=sent.table,
        content=harmed.content,
        words=words,
        touched=frozenset(range(len(sent.table.rows))),
        against_live=against_live,
    )


def quoted(sent: Sent, cells: Sequence[str]) -> str:
    """Return values of a row with all of them in quotes."""
    return replace(sent.writer, also_quoted=(True,)).line(cells)
