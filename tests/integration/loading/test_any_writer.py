"""A table loads as itself however it was legally written, and never as another."""

import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.checking.header import DELIMITERS
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.services.file_check import FileCheckResult, check_file
from tests.integration.loading.installation import Installation
from tests.legal_writers import (
    NAMES,
    PACKINGS,
    Table,
    Writer,
    in_order,
    pack,
    strictly_read,
    tables,
    writers,
)

Found = list[list[str | None]]


def people(delimiter: str = ",") -> FieldMap:
    return FieldMap.model_validate(
        {
            "name": "people",
            "path": "people.csv",
            "dialect": {"csv": {"delimiter": delimiter}},
            "schema": {"fields": [{"name": name} for name in NAMES]},
        }
    )


def published(table: Table) -> Found:
    return [in_order(table.names, row, NAMES) for row in table.rows]


def check_bytes(content: bytes, field_map: FieldMap) -> tuple[FileCheckResult, Found]:
    """Check a file, and return the result and the accepted rows."""
    with tempfile.TemporaryDirectory() as folder:
        path, output = Path(folder, "people.csv"), Path(folder, "out.parquet")
        path.write_bytes(content)
        result = check_file(path, field_map, output)
        if result.outcome == "unusable":
            return result, []
        with duckdb.connect() as connection:
            return result, [list(row) for row in connection.read_parquet(str(output)).fetchall()]


@settings(deadline=None, max_examples=60)
@given(tables(), writers())
def test_any_table_by_any_legal_writer_is_published_as_itself(table: Table, writer: Writer) -> None:
    with tempfile.TemporaryDirectory() as folder:
        warehouse = DuckDBWarehouse(Path(folder, "warehouse"))
        installation = Installation(Path(folder), people(writer.delimiter), warehouse)
        installation.deliver(writer.packed(table))
        result = installation.publish()
        assert result.check_result.is_clean
        found = warehouse.query("iqu", "qa", f"SELECT {', '.join(NAMES)} FROM people")[1]
    assert [list(row) for row in found] == published(table)


@settings(deadline=None, max_examples=60)
@given(tables(least_columns=2), writers(DELIMITERS))
def test_a_delimiter_that_the_field_map_does_not_name_is_seen(table: Table, writer: Writer) -> None:
    result, found = check_bytes(writer.packed(table), people())
    assert result.outcome == "clean"
    assert found == published(table)


@st.composite
def corrupted(draw: st.DrawFn, content: bytes, delimiter: str) -> bytes:
    """Draw one thing that happens to a file on its way: to a byte, to a line, or to its end."""
    marks = [delimiter.encode(), b'"', b"\n", b"\r"]
    structural = [at for at in range(len(content)) if content[at : at + 1] in marks]
    positions = st.integers(0, len(content) - 1)
    at = draw(st.sampled_from(structural) | positions if structural else positions)
    added = draw(st.sampled_from([*marks, b"\0", b"\xff", b"\xef\xbb\xbf", b"x", b" "]))
    lines = content.splitlines(keepends=True)
    line = draw(st.integers(0, len(lines) - 1))
    harm = draw(st.sampled_from(["lost", "added", "replaced", "cut", "line lost", "line twice"]))
    event(harm)
    match harm:
        case "lost":
            return content[:at] + content[at + 1 :]
        case "added":
            return content[:at] + added + content[at:]
        case "replaced":
            return content[:at] + added + content[at + 1 :]
        case "cut":
            return content[:at]
        case "line lost":
            return b"".join(lines[:line] + lines[line + 1 :])
    return b"".join(lines[: line + 1] + lines[line:])


def assert_refused_or_read_strictly(content: bytes, writer: Writer) -> None:
    """Assert that rows are those of RFC 4180, and that every row of another width is reported."""
    result, found = check_bytes(pack(content, writer.packing), people(writer.delimiter))
    if result.outcome == "unusable":
        assert result.errors
        return
    is_noted = any("delimited by" in note for note in result.notes)
    delimiters = DELIMITERS if is_noted else (writer.delimiter,)
    readings = [strict_faults(content, delimiter) for delimiter in delimiters]
    assert ({error.row for error in result.errors}, found) in readings


def strict_faults(content: bytes, delimiter: str) -> tuple[set[int | None], Found] | None:
    """Read a file strictly: the numbers of rows that are no data, and the other rows.

    None where it cannot be read so.
    """
    read = strictly_read(content.removesuffix(b"\x1a"), delimiter)
    if not read:
        return None
    header, *rows = read
    while rows and not rows[-1]:
        rows.pop()  # blank lines at the end mean nothing
    # A line that repeats the names of several columns is rejected, too.
    repeated = header if len(header) > 1 else None
    wrong = [len(row) != len(header) or row == repeated for row in rows]
    others: set[int | None] = {number for number, is_wrong in enumerate(wrong, 1) if is_wrong}
    regular = [row for row, is_wrong in zip(rows, wrong, strict=True) if not is_wrong]
    return others, [in_order(header, row, NAMES) for row in regular]


@settings(deadline=None, max_examples=200)
@given(st.data(), tables(), writers())
def test_a_corrupted_file_is_refused_or_read_as_a_strict_reader_would(
    data: st.DataObject, table: Table, writer: Writer
) -> None:
    content = data.draw(corrupted(writer.encoded(table), writer.delimiter))
    assert_refused_or_read_strictly(content, writer)


@pytest.mark.parametrize("added", [b"", b'"', b",", b"\n", b"\r", b"\0"])
def test_corruption_at_any_offset_of_a_file_is_reported(added: bytes) -> None:
    """A byte is lost where none is added."""
    sound = b'"xid","city","notes"\n"1","x","y"\n"2","x ""q"", x","z"\n"3","two\nlines",""\n4,x,y\n'
    for at in range(0, len(sound) - 1, 2):
        remaining = sound[at:] if added else sound[at + 1 :]
        assert_refused_or_read_strictly(sound[:at] + added + remaining, Writer())


HARMS: dict[str, Callable[[bytes, int], bytes]] = {
    "cut off": lambda packed, at: packed[:at],
    "a byte lost": lambda packed, at: packed[:at] + packed[at + 1 :],
    "a byte added": lambda packed, at: packed[:at] + b"x" + packed[at:],
    "a bit turned": lambda packed, at: (
        packed[:at] + bytes([packed[at] ^ 1 << at % 8]) + packed[at + 1 :]
    ),
    "more behind it": lambda packed, _: packed + b"x",
}


def first_member_bytes(packed: bytes) -> int | None:
    """Return the length of the first of several gzip members; None if there are no several."""
    if not packed.startswith(b"\x1f\x8b"):
        return None
    member = zlib.decompressobj(wbits=31)
    member.decompress(packed)
    return len(packed) - len(member.unused_data) if member.unused_data else None


@settings(deadline=None, max_examples=100)
@given(st.data(), tables(), st.sampled_from(PACKINGS[1:]), st.sampled_from(sorted(HARMS)))
def test_a_corrupted_archive_is_refused_or_unpacks_to_what_was_packed(
    data: st.DataObject, table: Table, packing: str, harm: str
) -> None:
    packed = Writer(packing=packing).packed(table)
    at = data.draw(st.integers(0, len(packed) - 1))
    # Cut between two gzip members, what is left is a whole file, only a shorter one.
    assume(harm != "cut off" or at != first_member_bytes(packed))
    harmed = HARMS[harm](packed, at)
    result, found = check_bytes(harmed, people())
    event(f"{harm}: {result.outcome}")
    assert result.outcome == "unusable" or found == published(table)
