"""A workbook has every text as it is, whatever its characters."""

from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape

from alumniq_pipelines.checking.workbook import MAX_CELL_CHARACTERS, MAX_COLUMNS, open_workbook
from tests.odd_texts import ODD_TEXTS

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


def read_back(path: Path, rows: list[list[str]]) -> list[list[str]]:
    with open_workbook(path) as workbook, workbook.add_sheet("Rows") as write_row:
        for row in rows:
            write_row(row)
    sheet = openpyxl.load_workbook(path)["Rows"]
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


def test_a_workbook_ends_where_excel_ends(tmp_path: Path) -> None:
    [row] = read_back(tmp_path / "a.xlsx", [[*(["x"] * MAX_COLUMNS), "more"]])
    assert row == ["x"] * MAX_COLUMNS
    [[cell]] = read_back(tmp_path / "b.xlsx", [["é" * (MAX_CELL_CHARACTERS + 1)]])
    assert cell == "é" * MAX_CELL_CHARACTERS


def test_sheets_have_their_names_and_blanks_have_no_cells(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with open_workbook(path) as workbook:
        with workbook.add_sheet("Rows & more") as write_row:
            write_row(["a", "", "c"])
        with workbook.add_sheet("Note") as write_row:
            write_row(["b"])
    assert openpyxl.load_workbook(path).sheetnames == ["Rows & more", "Note"]
    with ZipFile(path) as package:
        sheet = package.read("xl/worksheets/sheet1.xml").decode()
    assert [name in sheet for name in ('r="A1"', 'r="B1"', 'r="C1"')] == [True, False, True]
