"""Tables without a fault, of all types of columns, and any way to write them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hypothesis import strategies as st

from alumniq_pipelines.core.feeds.field_map import FieldMap
from tests.legal_writers import PACKINGS, Table, Writer, writers

TYPES: Mapping[str, str] = {
    "xid": "string",
    "firstName": "string",
    "lastName": "string",
    "emailAddress": "string",
    "postalCode": "string",
    "amount": "number",
    "visits": "integer",
    "joined": "datetime",
    "note": "string",
}
"""The columns of the feed; the first is its key."""

KEYS = ("{:04}", "P{:05}", "{:03}-x", "{}")
TEXTS = st.sampled_from(
    [
        "Lee",
        "O'Neil",
        'Ann "Nan" Day',
        "Day, Bob",
        "two\nlines",
        "a\r\nb",
        "Müller",
        "日本",
        "x;y|z",
    ]
) | st.text("abcdef ,;|\t\"'-=._/é日\n", max_size=6).map(lambda text: f"x{text}y")
VALUES: Mapping[str, st.SearchStrategy[str]] = {
    "firstName": TEXTS,
    "lastName": TEXTS,
    "emailAddress": st.integers(1, 99).map("p{}@example.edu".format),
    "postalCode": st.sampled_from(["01103", "45402-1234", "H2X 1Y4"]),
    "amount": st.sampled_from(["25.00", "-0.5", "1e3", "0", "123456.78"]),
    "visits": st.sampled_from(["0", "3", "-12", "007"]),
    "joined": st.sampled_from(["2026-11-28T02:00:00", "2026-11-28 02:00:00.123456"]),
    "note": TEXTS,
}
"""Values that nothing is to be said of."""

LINE_END = re.compile("\r\n|\r|\n")

Published = tuple[object, ...]


def people(writer: Writer) -> FieldMap:
    """Return the field map of the feed, for files that are written so."""
    fields = [{"name": name, "type": kind} for name, kind in TYPES.items()]
    return FieldMap.model_validate(
        {
            "name": "people",
            "path": "people.csv",
            "dialect": {"csv": {"delimiter": writer.delimiter, "quoteChar": writer.quote}},
            "schema": {"primaryKey": ["xid"], "fields": fields},
        }
    )


@dataclass(frozen=True)
class Sent:
    """A table, how it is written, and the index of one of its rows, to which something happens."""

    table: Table
    writer: Writer
    row: int

    @property
    def content(self) -> bytes:
        """The file that is delivered."""
        return self.writer.packed(self.table)

    @property
    def lines(self) -> list[str]:
        """The header and the rows as they are written."""
        return self.writer.lines(self.table)

    @property
    def line(self) -> int:
        """The physical line on which the row starts."""
        return self.line_of(self.row + 1)

    def line_of(self, record: int) -> int:
        """Return the physical line on which a record starts; the header is record 0."""
        return record + 1 + sum(len(LINE_END.findall(line)) for line in self.lines[:record])

    def line_with(self, marker: str) -> int:
        """Return the physical line on which a text is, which is in the file once."""
        before, _, _ = self.writer.text(self.table).partition(marker)
        return 1 + len(LINE_END.findall(before))

    def cell(self, column: str) -> str:
        """Return the value of the row in a column."""
        return self.table.rows[self.row][self.table.names.index(column)]

    def with_cell(self, column: str, value: str, row: int | None = None) -> "Sent":
        """Return the table with another value of the row, or of another row, in a column."""
        at, index = self.row if row is None else row, self.table.names.index(column)
        cells = list(self.table.rows[at])
        cells[index] = value
        rows = [*self.table.rows]
        rows[at] = tuple(cells)
        return replace(self, table=replace(self.table, rows=tuple(rows)))

    def with_name(self, column: str, name: str) -> "Sent":
        """Return the table with another name of a column."""
        names = tuple(name if known == column else known for known in self.table.names)
        return replace(self, table=replace(self.table, names=names))

    def without(self, column: str) -> "Sent":
        """Return the table without a column."""
        index = self.table.names.index(column)
        names, *rows = (
            (*row[:index], *row[index + 1 :]) for row in (self.table.names, *self.table.rows)
        )
        return replace(self, table=Table(names, tuple(rows)))


@st.composite
def tables_sent(draw: st.DrawFn) -> Sent:
    """Draw a table with two rows or more, a way to write it, and one of its rows."""
    names = tuple(draw(st.permutations(list(TYPES))))
    cells = {name: values | st.just("") for name, values in VALUES.items()}
    key = draw(st.sampled_from(KEYS))
    drawn = draw(st.lists(st.fixed_dictionaries(cells), min_size=2, max_size=6))
    people_drawn = [row | {"xid": key.format(number)} for number, row in enumerate(drawn, 100)]
    table = Table(names, tuple(tuple(row[name] for name in names) for row in people_drawn))
    writer = draw(writers(packings=(*PACKINGS, "zstd"), quotes=('"', "'")))
    return Sent(table, writer, draw(st.integers(0, len(drawn) - 1)))


def published(table: Table) -> list[Published]:
    """Return the rows as they must be published, in the order of the feed's columns."""
    indexes = [table.names.index(name) for name in TYPES]
    return [
        tuple(
            value_of(row[index], kind) for index, kind in zip(indexes, TYPES.values(), strict=True)
        )
        for row in table.rows
    ]


def value_of(text: str, kind: str) -> object:
    """Return a value as it is published."""
    if not text:
        return None
    match kind:
        case "number":
            return float(text)
        case "integer":
            return int(text)
        case "datetime":
            return datetime.fromisoformat(text)
    return text


def is_kept(
    found: Sequence[Published], expected: Sequence[Published], touched: frozenset[int]
) -> bool:
    """Whether all rows but those touched are there, in order, and no more than were sent."""
    rows = iter(found)
    others = [row for index, row in enumerate(expected) if index not in touched]
    return len(found) <= len(expected) and all(row in rows for row in others)
