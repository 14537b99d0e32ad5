"""The workbook of a rejection report has every text as it is, whatever its characters."""

from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape

from alumniq_pipelines.checking.report_files import MAX_CELL_CHARACTERS, xlsx_report
from tests.odd_texts import ODD_TEXTS

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


def read_back(path: Path, rows: list[list[str]]) -> list[list[str]]:
    with xlsx_report(path, "") as write_row:
        for row in rows:
            write_row(row)
    sheet = openpyxl.load_workbook(path)["Rejected rows"]
    return [
        [unescape(str(value)) if (value := cell.value) is not None else "" for cell in row]
        for row in sheet.iter_rows()
    ]


@settings(deadline=None, max_examples=50)
@given(rows=st.lists(st.lists(TEXT, min_size=3, max_size=3), min_size=1, max_size=4))
def test_every_text_can_be_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    # Where a sheet has no value at its right or lower edge, openpyxl does not know of the cells.
    framed = [[*row, "end"] for row in rows]
    assert read_back(tmp_path_factory.mktemp("book") / "a.xlsx", framed) == framed


def test_every_odd_text_can_be_read_back(tmp_path: Path) -> None:
    odd = [
        *(text for text in ODD_TEXTS if "\0" not in text),
        "_x0041_",
        "_x_",
        "\r\n",
        " a ",
        "]]>",
    ]
    rows = [[text, "end"] for text in odd]
    assert read_back(tmp_path / "a.xlsx", rows) == rows


def test_a_cell_ends_where_excel_ends_it(tmp_path: Path) -> None:
    [[cell]] = read_back(tmp_path / "a.xlsx", [["é" * (MAX_CELL_CHARACTERS + 1)]])
    assert cell == "é" * MAX_CELL_CHARACTERS
