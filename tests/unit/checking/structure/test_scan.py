"""The structure of delimited text, compared with Python's strict `csv` reader."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alumniq_pipelines.checking.structure import blocks, scan
from alumniq_pipelines.checking.structure.blocks import Layout, parse_record
from alumniq_pipelines.checking.structure.scan import Structure, prove
from alumniq_pipelines.core.problems.file import (
    BrokenQuoting,
    EmptyFile,
    FileProblem,
    FilesJoined,
    NotUtf8,
    NulCharacter,
    RowTooLong,
    TooManyMisshapenRows,
    TooManyRows,
)

WIDTH = 2
HEADER = "a,b\n"


def scanned(folder: Path, content: bytes, width: int = WIDTH, delimiter: str = ",") -> Structure:
    path = folder / "file.csv"
    path.write_bytes(content)
    layout = Layout(delimiter, '"', width)
    return prove(path, layout, folder / "regular.csv", ignore_progress)


def ignore_progress(fraction: float) -> None:
    assert 0 <= fraction <= 1


def regular_rows(structure: Structure) -> list[list[str]]:
    """Return the rows that DuckDB reads."""
    text = structure.text.path.read_bytes().decode("utf-8-sig").rstrip("\r\n")
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    return rows[1:]


def python_reading(text: str) -> Iterator[tuple[int, list[str]]]:
    """Return what Python reads: the physical line of each record, and its values."""
    reader = csv.reader(io.StringIO(text.rstrip("\r\n") + "\n", newline=""), strict=True)
    line = 1
    for row in reader:
        yield line, row
        line = reader.line_num + 1


@pytest.fixture(params=[3, 7, 1 << 18])
def block_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", request.param)
    return int(request.param)


PIECES = st.lists(
    st.sampled_from(["a", "é", '"', '""', ",", "\n", "\r\n", "\r", " ", '"x"', "1,2\n", '"y",\n']),
    max_size=14,
).map("".join)


@pytest.mark.usefixtures("block_bytes")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(PIECES)
@example('"1\r\n2",3\r\n4\r\n5,6')
@example('"open')
@example("1,2\r3,4")
@example("\n\n1,2\n\n")
def test_whatever_is_accepted_reads_as_python_reads_it_strictly(tmp_path: Path, text: str) -> None:
    try:
        structure = scanned(tmp_path, (HEADER + text).encode())
    except BrokenQuoting as problem:
        assert_python_agrees(HEADER + text, problem)
        return
    records = list(python_reading(HEADER + text))[1:]
    regular = [row for _line, row in records if len(row) == WIDTH]
    assert regular_rows(structure) == regular
    assert structure.rows == len(regular)
    assert structure.rows_read == len(records)
    irregular = {n: (line, len(row)) for n, (line, row) in enumerate(records, 1) if len(row) != 2}
    lines = structure.lines_of(range(1, len(records) + 1))
    assert list(lines.values()) == [line for line, _row in records]
    passages = structure.read_rows(np.arange(1, len(records) + 1))
    again = [(line, parse_record(record.decode(), ",", '"')) for line, record in passages]
    assert again == records
    found = zip(structure.irregular.tolist(), structure.values.tolist(), strict=True)
    assert {row: (lines[row], values) for row, values in found} == irregular


def assert_python_agrees(text: str, problem: BrokenQuoting) -> None:
    """Assert that Python refuses it too, or takes a stray quote literally on that line."""
    read = []
    try:
        for _line, row in python_reading(text):
            read += row
    except csv.Error:
        return
    assert any('"' in value for value in read), problem


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('1,2\n3,4"5\n', 3),
        ('1,2\n3,"4"5\n', 3),
        ('1,2\n"3\n4"5,6\n', 4),
        ('1,2\n3, "4"\n', 3),
        ('1,2\n"3" ,4\n', 3),
        ('1,2\n3,"4\n5,6\n', 3),
        ('"1\n\n2",2\n3,4"\n', 5),
        ('1,2\n"a\\"b",3\n', 3),
    ],
)
@pytest.mark.usefixtures("block_bytes")
def test_a_misplaced_quote_is_refused_at_its_physical_line(
    tmp_path: Path, text: str, line: int
) -> None:
    with pytest.raises(BrokenQuoting) as refused:
        scanned(tmp_path, (HEADER + text).encode())
    assert refused.value.line == line


@pytest.mark.usefixtures("block_bytes")
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_files_load_the_same_whatever_ends_their_lines(tmp_path: Path, end: str) -> None:
    text = 'a,b\n1,"x\n\ny"\n"2",\n'.replace("\n", end)
    structure = scanned(tmp_path, text.encode())
    assert regular_rows(structure) == [["1", f"x{end}{end}y"], ["2", ""]]
    assert structure.lines_of([1, 2]) == {1: 2, 2: 5}
    assert not structure.notes


@pytest.mark.usefixtures("block_bytes")
def test_mixed_line_endings_are_accepted_and_noted(tmp_path: Path) -> None:
    structure = scanned(tmp_path, b"a,b\n1,2\r\n3,4\r5,6")
    assert regular_rows(structure) == [["1", "2"], ["3", "4"], ["5", "6"]]
    assert structure.notes


def test_a_regular_file_is_not_copied(tmp_path: Path) -> None:
    structure = scanned(tmp_path, b"a,b\r\n1,2\r\n3,4")
    assert structure.text.path == tmp_path / "file.csv"


@pytest.mark.usefixtures("block_bytes")
def test_an_extra_empty_value_makes_a_row_ragged(tmp_path: Path) -> None:
    structure = scanned(tmp_path, b"a,b\n1,2,\n3,4\n5\n")
    assert structure.irregular.tolist() == [1, 3]
    assert structure.values.tolist() == [3, 1]
    assert structure.rows_of_file(structure.irregular[:0]).tolist() == []


@pytest.mark.usefixtures("block_bytes")
def test_blank_lines_are_irregular_inside_and_ignored_at_the_end(tmp_path: Path) -> None:
    structure = scanned(tmp_path, b"a\n1\n\n2\n\n\r\n\n", width=1)
    assert structure.rows_read == 3
    assert structure.irregular.tolist() == [2]
    assert structure.values.tolist() == [0]


@pytest.mark.usefixtures("block_bytes")
def test_characters_that_are_not_utf8_are_located(tmp_path: Path) -> None:
    with pytest.raises(NotUtf8) as refused:
        scanned(tmp_path, b'a,b\n1,"x\ny"\n2,M\xc3\xbcl M\xfcller\n')
    assert refused.value.line == 4
    assert "byte 21" in refused.value.detail
    assert "character 8" in refused.value.detail


@pytest.mark.usefixtures("block_bytes")
def test_a_nul_character_is_located(tmp_path: Path) -> None:
    with pytest.raises(NulCharacter) as refused:
        scanned(tmp_path, b"a,b\n1,2\n3,\x004\n")
    assert refused.value.line == 3


@pytest.mark.usefixtures("block_bytes")
def test_joined_files_are_refused_at_the_second_byte_order_mark(tmp_path: Path) -> None:
    with pytest.raises(FilesJoined) as refused:
        scanned(tmp_path, b"\xef\xbb\xbfa,b\n1,2\n\xef\xbb\xbfa,b\n3,4\n")
    assert refused.value.line == 3


def test_joined_files_whose_headers_are_in_quotes_are_refused_as_joined(tmp_path: Path) -> None:
    """As PowerShell writes them: the quotation mark behind the byte order mark was blamed."""
    with pytest.raises(FilesJoined) as refused:
        scanned(tmp_path, b'\xef\xbb\xbf"a","b"\n1,"2\n3"\n\xef\xbb\xbf"a","b"\n3,4\n')
    assert refused.value.line == 4


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"])
def test_a_file_of_nothing_is_empty(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(EmptyFile):
        scanned(tmp_path, content)


def test_an_endless_row_is_refused_without_reading_it_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "MAX_ROW_BYTES", 100)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 64)
    with pytest.raises(RowTooLong) as refused:
        scanned(tmp_path, b'a,b\n1,2\n3,"' + b"x\n" * 500)
    assert refused.value.line == 3


@pytest.mark.usefixtures("block_bytes")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_verified_or_refused(tmp_path: Path, content: bytes) -> None:
    try:
        structure = scanned(tmp_path, content)
    except FileProblem:
        return
    assert structure.rows + len(structure.irregular) == structure.rows_read


@pytest.mark.usefixtures("block_bytes")
def test_a_byte_order_mark_inside_a_value_is_text(tmp_path: Path) -> None:
    structure = scanned(tmp_path, 'a,b\n1,"x\n\ufeffy"\n\u20ac,\ufeff2\n'.encode())
    assert regular_rows(structure) == [["1", "x\n\ufeffy"], ["\u20ac", "\ufeff2"]]


@pytest.mark.usefixtures("block_bytes")
@pytest.mark.parametrize("row", ["", "1,2", "1,2,3,4"])
def test_misshapen_rows_are_stored_up_to_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: str
) -> None:
    monkeypatch.setattr(scan, "MAX_IRREGULAR", 4)
    content = ("a,b,c\n1,2,3\n" + 4 * f"{row}\n" + "1,2,3\n").encode()
    assert len(scanned(tmp_path, content, width=3).irregular) == 4
    with pytest.raises(TooManyMisshapenRows) as refused:
        scanned(tmp_path, content + f"{row}\n1,2,3\n".encode(), width=3)
    assert refused.value.line is not None


@pytest.mark.usefixtures("block_bytes")
def test_rows_are_read_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "MAX_ROWS", 5)
    content = b"a,b,c\n" + b"1,2,3\n" * 5
    assert scanned(tmp_path, content, width=3).rows_read == 5
    for more in (b"1,2,3\n", b"1,2\n"):
        with pytest.raises(TooManyRows):
            scanned(tmp_path, content + more, width=3)
