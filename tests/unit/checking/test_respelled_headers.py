"""A header in any spelling of its names gives each column its own values, in any dialect."""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.checking.header import read_header
from alumniq_pipelines.core.feeds.field_map import FieldMap
from tests.strict_catalog import read_catalog

CATALOG = read_catalog(Path(__file__).resolve().parents[3] / "schemas")

CASES: list[Callable[[str], str]] = [str, str.upper, str.lower, str.title]
SEPARATORS = ["", "_", " ", "-", "."]
QUOTES = ["", "[]", "``", '""', "''"]
TABLES = ["", "t1.", "[dbo].[People].", '"Alumni"."People".', "#people.", "People::"]


@st.composite
def spellings(draw: st.DrawFn, name: str) -> str:
    """Draw how a database, a query or a person may write a column's name."""
    words = re.findall("[A-Z]?[a-z]+|[0-9]+", name)
    written = draw(st.sampled_from(CASES))(draw(st.sampled_from(SEPARATORS)).join(words))
    quotes = draw(st.sampled_from(QUOTES))
    return draw(st.sampled_from(TABLES)) + quotes[:1] + written + quotes[1:]


@st.composite
def headers(draw: st.DrawFn) -> tuple[FieldMap, str, list[str]]:
    """Draw a feed, a header of its columns in any order and spelling, and the columns in it."""
    field_map = draw(st.sampled_from(list(CATALOG)))
    required = {column.name for column in field_map.columns if field_map.is_required(column)}
    optional = [column.name for column in field_map.columns if column.name not in required]
    chosen = draw(st.sets(st.sampled_from(optional))) if optional else set()
    names = draw(st.permutations(sorted(required | chosen)))
    text = io.StringIO()
    delimiter = draw(st.sampled_from(",;|\t"))
    writer = csv.writer(text, delimiter=delimiter)
    if draw(st.booleans()):
        writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerow([draw(spellings(name)) for name in names])
    return field_map, draw(st.sampled_from(["", "\ufeff"])) + text.getvalue(), names


@given(headers())
def test_every_column_is_found_where_it_is_and_no_other_is(
    drawn: tuple[FieldMap, str, list[str]],
) -> None:
    field_map, text, names = drawn
    header = read_header(text, field_map)
    assert header.sources == {name: index for index, name in enumerate(names)}
