"""The profile of a version: how many rows it has, and how its columns are filled.

It is made of numbers only. Names and lengths may be stored in the ledger; values may not, and the
smallest birth date or the largest gift is the value of one person (docs/holding.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from alumniq_pipelines.core.feeds.field_map import FieldMap

MAX_COLUMNS = 1_000
"""Columns of a stored profile: a file may have 10,000, nearly all of them the sender's own."""


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """What the rows of a version have in one column.

    `filled` of them have a value: neither a blank nor the column's default. The number of
    `distinct` values is an estimate. `shortest` and `longest` are the lengths of texts, in
    characters, and None where there is no text. A column beyond MAX_COLUMNS has `filled` only.
    """

    name: str
    filled: int
    distinct: int | None = None
    shortest: int | None = None
    longest: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The rows of a version, and its columns in their order."""

    rows: int
    columns: tuple[ColumnProfile, ...]

    @property
    def filled(self) -> Mapping[str, int]:
        """The filled rows of each column, by its name in lower case.

        The case of a sender's own column may change from file to file: a database ignores it.
        """
        return {column.name.casefold(): column.filled for column in self.columns}

    def filled_without_defaults(self, field_map: FieldMap) -> Mapping[str, int]:
        """Return the same of a past version, without columns that have a default in a field map.

        A profile counts by the default of its day, and the field map may have another since.
        """
        defaults = {
            column.name.casefold()
            for column in field_map.columns
            if column.alumniq.default is not None
        }
        return {name: filled for name, filled in self.filled.items() if name not in defaults}

    def to_json(self) -> dict[str, Any]:
        """Serialize for the ledger: a list for each column, with its fields in order."""
        columns = [
            [column.name, column.filled, column.distinct, column.shortest, column.longest]
            for column in self.columns[:MAX_COLUMNS]
        ]
        return {"rows": self.rows, "columns": columns}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read back what `to_json` wrote."""
        columns = tuple(ColumnProfile(*column) for column in stored["columns"])
        return cls(rows=stored["rows"], columns=columns)
