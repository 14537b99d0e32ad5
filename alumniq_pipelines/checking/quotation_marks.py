"""Refuse files whose values are in quotation marks that the reader does not take for such."""

import csv
from collections.abc import Iterator
from itertools import islice

from alumniq_pipelines.checking.header import Header
from alumniq_pipelines.checking.structure.blocks import open_reader
from alumniq_pipelines.core.feeds.column_spellings import visible_name
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.feeds.quotation_marks import marks_around
from alumniq_pipelines.core.problems.file import OtherQuotationMarks

MAX_ROWS = 100
MAX_VALUES = 20_000
"""What is looked at from the beginning: at least one row, however wide it is."""

MIN_COLUMNS = 2
"""All texts of a single column may be in quotation marks by intention: nicknames, mottoes."""


def refuse_other_marks(beginning: str, header: Header, field_map: FieldMap) -> None:
    """Raise OtherQuotationMarks if the values would be published with marks around them.

    They would if all texts of a column are in marks, and its name or those of all others as well.
    """
    quote, missing = field_map.dialect.csv.quote_char, {*field_map.table_schema.missing_values}
    without: set[str] = set()
    firsts: dict[str, tuple[int, str]] = {}
    for line, row in _first_rows(beginning, header, quote):
        for column, index in header.sources.items():
            text = row[index].strip()
            if marks := marks_around(text):
                firsts.setdefault(column, (line, marks))
            # Programs write numbers, dates and words for a missing value without marks.
            elif any(map(str.isalpha, text)) and text not in missing and text.upper() != "NULL":
                without.add(column)
    quoted = {column: first for column, first in firsts.items() if column not in without}
    named = {
        column: first
        for column, first in quoted.items()
        if marks_around(visible_name(header.names[header.sources[column]]))
    }
    is_whole = not without and len(quoted) >= MIN_COLUMNS
    if found := named or (quoted if is_whole else {}):
        column, (line, marks) = min(found.items(), key=lambda item: item[1][0])
        raise OtherQuotationMarks(column=column, line=line, marks=marks, quote=quote)


def _first_rows(beginning: str, header: Header, quote: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the first rows with as many values as the header, each with its line."""
    reader = open_reader(beginning, header.delimiter, quote)
    count = max(1, min(MAX_ROWS, MAX_VALUES // header.width))
    try:
        next(reader)
        line = reader.line_num + 1
        for row in islice(reader, count):
            if len(row) == header.width:
                yield line, row
            line = reader.line_num + 1
    except csv.Error:  # of which the structure of the file is refused
        return
