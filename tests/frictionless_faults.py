"""The faults that we and frictionless find in a file, by the same descriptor."""

import csv
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frictionless import Resource

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.feeds.json_schema import descriptor
from alumniq_pipelines.services.file_check import check_file

Fault = tuple[int | None, str | None, str]
"""The row, from 1, or None for the file; the column, if it is about one column; the code."""

CODES = {
    "blank-row": "blank-row",
    "primary-key": "duplicate-key",
    "type-error": "type",
    "unique-error": "duplicate-value",
    "minLength": "length",
    "maxLength": "length",
    "minimum": "range",
    "maximum": "range",
}
"""Our codes for frictionless's errors and constraints, if they differ."""

OF_ROWS = {"duplicate-key", "blank-row", "extra-cell", "missing-cell"}


@dataclass(frozen=True)
class Delivered:
    """A file before it is written: its header, and its rows; a row of no values is a blank line.

    Or its `content` as it is. If frictionless `guesses`, it finds out by itself which line is the
    header, and whether blanks behind delimiters count: the descriptor does not say so.
    """

    field_map: FieldMap
    names: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    quotes_all: bool = False
    content: str = ""
    guesses: bool = False

    def ours(self) -> set[Fault]:
        """Return the faults that a load would find."""
        with tempfile.TemporaryDirectory() as folder:
            return our_faults(self.field_map, self.write_file(Path(folder)))

    def theirs(self) -> set[Fault]:
        """Return the faults that frictionless finds."""
        with tempfile.TemporaryDirectory() as folder:
            path = self.write_file(Path(folder))
            return their_faults(self.field_map, path, guesses=self.guesses)

    def write_file(self, folder: Path) -> Path:
        """Write the file to a folder."""
        path = folder / self.field_map.path
        with path.open("w", encoding="utf-8", newline="") as file:
            if self.content:
                file.write(self.content)
                return path
            writer = csv.writer(
                file,
                delimiter=self.field_map.dialect.csv.delimiter,
                quoting=csv.QUOTE_ALL if self.quotes_all else csv.QUOTE_MINIMAL,
            )
            writer.writerows([self.names, *self.rows])
        return path


def our_faults(field_map: FieldMap, path: Path) -> set[Fault]:
    """Return the faults that a load would find; its totals must agree with them."""
    result = check_file(path, field_map)
    faults = {
        (error.row, None if error.code in OF_ROWS else error.column, error.code)
        for error in result.errors
    }
    assert result.errors_total == len(result.errors) == len(faults)
    assert result.rows_rejected == len({row for row, _, _ in faults if row is not None})
    # A row with an empty value too much is ragged to the standard, whatever we call it.
    return {
        (row, column, "ragged-row" if code == "trailing-delimiter" else code)
        for row, column, code in faults
    }


def their_faults(field_map: FieldMap, path: Path, *, guesses: bool) -> set[Fault]:
    """Return the faults that frictionless finds by the field map, without our own extensions."""
    described = _without_ours(descriptor(field_map)) | {"path": path.name}
    if not guesses:
        dialect = described.setdefault("dialect", {})
        dialect["header"] = True
        dialect.setdefault("csv", {})["skipInitialSpace"] = False
    result = Resource.from_descriptor(described, basepath=str(path.parent)).validate()
    assert not result.errors
    return {
        _fault(*error)
        for error in result.flatten(["rowNumber", "fieldName", "label", "type", "note"])
    }


def _without_ours(described: Any) -> Any:
    match described:
        case dict():
            return {
                key: _without_ours(value) for key, value in described.items() if key != "alumniq"
            }
        case list():
            return [_without_ours(value) for value in described]
    return described


def _fault(row: int | None, column: str | None, label: str | None, kind: str, note: str) -> Fault:
    """Return one of their errors as a fault of ours; they count the header as a row."""
    constraint = re.match('constraint "(.*?)"', note) if kind == "constraint-error" else None
    name = constraint.group(1) if constraint else kind
    code = CODES.get(name, name)
    where = None if code in OF_ROWS else column or label or None
    return (None if row is None else row - 1, where, code)
