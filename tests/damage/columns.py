"""Damage to columns: their names, and all of their values."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from tests.damage.clean_tables import TYPES, VALUES, Sent
from tests.damage.harm import Harm, Kind, column_harm, lines_harm, quoted

SPELLED = {
    "firstName": "first name",
    "emailAddress": "email address",
    "postalCode": "postal code",
}


def respelled_name(sent: Sent, draw: st.DrawFn) -> Harm:
    column = draw(st.sampled_from(list(SPELLED)))
    words = SPELLED[column]
    snake = words.replace(" ", "_")
    spellings = [snake.upper(), words.title(), f"[{column}]", f"dbo.People.{snake}", f" {words} "]
    harmed = sent.with_name(column, draw(st.sampled_from(spellings)))
    return Harm(table=sent.table, content=harmed.content)


def misspelt_name(sent: Sent, draw: st.DrawFn) -> Harm:
    column = draw(st.sampled_from(list(SPELLED)))
    at = draw(st.integers(1, len(column) - 1))
    return column_harm(sent, sent.with_name(column, column[:at] + column[at + 1 :]), column)


def other_name(sent: Sent, draw: st.DrawFn) -> Harm:
    column = draw(st.sampled_from(list(TYPES)))
    return column_harm(sent, sent.with_name(column, "somethingElse"), column)


def name_twice(sent: Sent, draw: st.DrawFn) -> Harm:
    column, other, *_ = draw(st.permutations(list(TYPES)))
    return column_harm(sent, sent.with_name(other, column.upper()), column, "duplicate-column")


def column_left_out(sent: Sent, draw: st.DrawFn) -> Harm:
    column = draw(st.sampled_from(list(TYPES)))
    return column_harm(sent, sent.without(column), column)


def header_left_out(sent: Sent, _draw: st.DrawFn) -> Harm:
    touched = frozenset(range(len(sent.table.rows)))
    return lines_harm(sent, sent.lines[1:], "no-header", line=1, touched=touched)


def broken_quoting_in_the_header(sent: Sent, draw: st.DrawFn) -> Harm:
    index = draw(st.integers(0, len(TYPES) - 1))
    names = [quoted(sent, [name]) for name in sent.table.names]
    names[index] = names[index][:3] + sent.writer.quote + names[index][3:]
    lines = [sent.writer.delimiter.join(names), *sent.lines[1:]]
    return lines_harm(sent, lines, "broken-quoting", line=1)


def _with_value(sent: Sent, draw: st.DrawFn) -> tuple[Sent, str]:
    """Draw an optional column, and fill it in the row."""
    column = draw(st.sampled_from(list(VALUES)))
    return sent.with_cell(column, sent.cell(column) or draw(VALUES[column])), column


def column_gone(sent: Sent, draw: st.DrawFn) -> Harm:
    sent, column = _with_value(sent, draw)
    words = f"The column `{column}` was filled"
    return column_harm(sent, sent.without(column), words, against_live=True)


def name_gone(sent: Sent, draw: st.DrawFn) -> Harm:
    sent, column = _with_value(sent, draw)
    harmed = sent.with_name(column, "somethingElse")
    return column_harm(sent, harmed, f"The column `{column}` was filled", against_live=True)


def values_gone(sent: Sent, draw: st.DrawFn) -> Harm:
    sent, column = _with_value(sent, draw)
    harmed = sent
    for row in range(len(sent.table.rows)):
        harmed = harmed.with_cell(column, "", row)
    return column_harm(sent, harmed, f"The column `{column}` was filled", against_live=True)


def some_values_gone(sent: Sent, draw: st.DrawFn) -> Harm:
    """Five values of eight are more than 20 points, and enough of them in a small table."""
    sent, column = _with_value(sent, draw)
    rows = (sent.table.rows[sent.row],) * 8
    sent = replace(sent, table=replace(sent.table, rows=rows))
    for row in range(len(rows)):
        sent = sent.with_cell("xid", f"key-{row}", row)
    harmed = sent
    for row in range(5):
        harmed = harmed.with_cell(column, "", row)
    return column_harm(sent, harmed, f"The column `{column}` was filled", against_live=True)


def rows_gone(sent: Sent, _draw: st.DrawFn) -> Harm:
    """One of six rows or fewer is more than 10 %."""
    lines = sent.lines
    del lines[sent.row + 1]
    harm = lines_harm(sent, lines, "1 row removed", touched=frozenset({sent.row}))
    return replace(harm, against_live=True)


KINDS: Sequence[Kind] = (
    respelled_name,
    misspelt_name,
    other_name,
    name_twice,
    column_left_out,
    header_left_out,
    broken_quoting_in_the_header,
    column_gone,
    name_gone,
    values_gone,
    some_values_gone,
    rows_gone,
)
