"""A workbook of text: what a rejection report needs of Office Open XML (ECMA-376), and no more.

Packages can do far more, and the best known takes ten times as long for it
(docs/adr/the-workbook-has-at-most-5000-rows.md).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count, islice, product
from pathlib import Path
from string import ascii_uppercase
from zipfile import ZIP_DEFLATED, ZipFile

MAX_CELL_CHARACTERS = 32_767
MAX_COLUMNS = 16_384
"""Excel's limits; the CSV report has such a value, or such a row, whole."""

COMPRESSION = 1
"""A higher level takes twice as long for a file that is a fifth smaller."""

WriteRow = Callable[[Sequence[str]], object]

_COLUMNS = tuple(
    islice(
        ("".join(name) for length in (1, 2, 3) for name in product(ascii_uppercase, repeat=length)),
        MAX_COLUMNS,
    )
)
"""How Excel names columns: A to XFD."""

# The format writes a character that XML lacks as _xHHHH_, and so the underscore of what looks so.
_UNWRITABLE = re.compile("[\x01-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"


class Workbook:
    """A workbook that is being written, sheet by sheet and row by row: memory stays small."""

    def __init__(self, package: ZipFile) -> None:
        """Start without a sheet."""
        self._package = package
        self._names: list[str] = []

    @contextmanager
    def add_sheet(self, name: str) -> Iterator[WriteRow]:
        """Yield a function that writes a row to a new sheet, every cell as text: never a formula.

        Empty values are left out.
        """
        self._names.append(name)
        numbers = count(1)
        with self._package.open(f"xl/worksheets/sheet{len(self._names)}.xml", "w") as sheet:
            sheet.write(f'{_XML}<worksheet xmlns="{_SPREADSHEET}"><sheetData>'.encode())
            yield lambda values: sheet.write(_row(next(numbers), values).encode())
            sheet.write(b"</sheetData></worksheet>")

    def write_contents(self) -> None:
        """Write the parts that list the sheets."""
        sheets = list(enumerate(self._names, start=1))
        self._write(
            "[Content_Types].xml",
            f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>',
            f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>',
            *(
                f'<Override PartName="/xl/worksheets/sheet{number}.xml" '
                f'ContentType="{_TYPES}.worksheet+xml"/>'
                for number, _name in sheets
            ),
            "</Types>",
        )
        self._write_relations("_rels/.rels", [(1, "officeDocument", "xl/workbook.xml")])
        self._write(
            "xl/workbook.xml",
            f'<workbook xmlns="{_SPREADSHEET}" xmlns:r="{_OFFICE}"><sheets>',
            *(
                f'<sheet name="{_escape(name)}" sheetId="{number}" r:id="rId{number}"/>'
                for number, name in sheets
            ),
            "</sheets></workbook>",
        )
        self._write_relations(
            "xl/_rels/workbook.xml.rels",
            [(number, "worksheet", f"worksheets/sheet{number}.xml") for number, _name in sheets],
        )

    def _write_relations(self, part: str, relations: Iterable[tuple[int, str, str]]) -> None:
        self._write(
            part,
            f'<Relationships xmlns="{_PACKAGE}/relationships">',
            *(
                f'<Relationship Id="rId{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
                for number, kind, target in relations
            ),
            "</Relationships>",
        )

    def _write(self, part: str, *xml: str) -> None:
        self._package.writestr(part, _XML + "".join(xml))


@contextmanager
def open_workbook(path: Path) -> Iterator[Workbook]:
    """Yield a new workbook to add sheets to."""
    with ZipFile(path, "w", ZIP_DEFLATED, compresslevel=COMPRESSION) as package:
        workbook = Workbook(package)
        yield workbook
        workbook.write_contents()


def _row(number: int, values: Sequence[str]) -> str:
    # All values of a row are escaped at once: NUL, which no file has, keeps them apart.
    texts = _escape("\0".join(value[:MAX_CELL_CHARACTERS] for value in values)).split("\0")
    cells = (
        f'<c r="{column}{number}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
        for column, text in zip(_COLUMNS, texts, strict=False)
        if text
    )
    return f'<row r="{number}">{"".join(cells)}</row>'


def _escape(text: str) -> str:
    """Write a text as XML."""
    marked = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _UNWRITABLE.sub(lambda found: f"_x{ord(found[0]):04X}_", marked)
