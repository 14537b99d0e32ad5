"""Whatever a tool does to a file, it is said, with its place, or nothing is lost by it."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.core.feeds.field_map import Thresholds
from alumniq_pipelines.core.loads.publication import LoadTerms
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.services.file_check import FileCheckResult, LiveTarget, check_file
from tests.damage import cells, columns, lines, packings
from tests.damage.clean_tables import (
    TYPES,
    Published,
    Sent,
    is_kept,
    people,
    published,
    tables_sent,
)
from tests.damage.harm import Harm, Kind
from tests.integration.loading.installation import Installation

KINDS = (*columns.KINDS, *lines.KINDS, *cells.KINDS, *packings.KINDS)
LINE = re.compile(r"\blines? ([0-9][0-9,]*)", re.IGNORECASE)
UNSHRUNK = settings(derandomize=True, database=None, deadline=None, phases=[Phase.generate])
"""What failed is small already, and a check takes too long to try hundreds of smaller ones. For the
same reason, few are drawn of each kind: raise `max_examples` when a kind is added."""
TERMS = LoadTerms(max_rejected=0, thresholds=Thresholds())
READER = duckdb.connect()
"""Opened once: to open one takes as long as to check a small file."""


def check(
    content: bytes, sent: Sent, live: bytes | None
) -> tuple[FileCheckResult, list[Published]]:
    """Check a file, against another one if that is live; return what is said, and its rows."""
    feed = people(sent.writer)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        live_target = None
        if live is not None:
            warehouse = DuckDBWarehouse(folder / "warehouse")
            installation = Installation(folder, feed, warehouse)
            installation.deliver(live)
            installation.publish()
            target = Target("iqu", Environment.QA, feed.name)
            live_target = LiveTarget(warehouse=warehouse, target=target, terms=TERMS)
        path, output = folder / "people.csv", folder / "out.parquet"
        path.write_bytes(content)
        result = check_file(path, feed, output, live_target=live_target)
        if result.outcome == "unusable":
            return result, []
        with READER.cursor() as connection:
            rows = connection.read_parquet(str(output)).project(", ".join(TYPES)).fetchall()
        return result, rows


def said(result: FileCheckResult) -> Iterator[str]:
    """Yield all that is said of a file."""
    for error in result.errors:
        yield f"{error.code}: {error.message}. {error.advice}"
    for cause in (*result.causes, *result.warnings):
        yield f"{cause.code}: {cause} {cause.advice}"
    yield from result.notes
    yield from result.live.hold_reasons if result.live else ()


def lines_named(result: FileCheckResult) -> set[int | None]:
    named = {int(number.replace(",", "")) for text in said(result) for number in LINE.findall(text)}
    return {*named, *(error.line for error in result.errors)}


@settings(UNSHRUNK, max_examples=15)
@given(tables_sent())
def test_of_a_table_without_damage_nothing_is_said_and_all_is_published(sent: Sent) -> None:
    result, found = check(sent.content, sent, None)
    assert (result.outcome, *said(result)) == ("clean",)
    assert found == published(sent.table)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(UNSHRUNK, max_examples=3)
@given(data=st.data())
def test_damage_is_said_with_its_place_or_nothing_is_lost(data: st.DataObject, kind: Kind) -> None:
    sent = data.draw(tables_sent())
    harm: Harm = data.draw(st.composite(lambda draw: kind(sent, draw))())
    live = sent.writer.packed(harm.table) if harm.against_live else None
    result, found = check(harm.content, sent, live)
    event(result.outcome)
    if result.outcome != "unusable":
        assert is_kept(found, published(harm.table), harm.touched)
    everything = "\n".join(said(result))
    for words in harm.words:
        assert words in everything
    assert harm.line is None or harm.line in lines_named(result)
    if not harm.words and harm.line is None:
        assert result.outcome == "clean"
